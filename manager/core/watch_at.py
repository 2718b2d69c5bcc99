"""An ``at`` rule: keeps its units during its hours and gives its own back at their end. Pure.

A rule that releases does so when its hours begin, and whatever comes while they last. Without a
load it does nothing, as every rule. Source: manager.md, ``at``.
"""

from collections.abc import Callable

from manager.core.rule import Action, Buy, BuyTo, Release, Rule
from manager.core.rule_state import Reading
from manager.core.schedule import Open, Schedule
from manager.core.wish import Wish
from manager.core.words import moment_text


class AtWatch:
    """``own`` counts the units that the rule bought and that stay, those on order included.

    ``last_ms``: so long before its hours end it buys nothing more.
    """

    def __init__(
        self, schedule: Schedule, action: Action, own: Callable[[], int], last_ms: int = 0
    ) -> None:
        self._last_ms = last_ms
        self._schedule = schedule
        self._action = action
        self._own = own
        self._opening: Open | None = None
        self._open = False

    def renew(self, rule: Rule) -> None:
        assert rule.action is not None, "only track does without"
        self._action = rule.action

    def observe(self, reading: Reading, now_ms: int) -> None:
        if self._opening is None or now_ms >= self._opening.end_ms:
            self._opening = self._schedule.opening(now_ms)
        self._open = self._opening.start_ms <= now_ms

    def unmoved(self, reading: Reading, now_ms: int) -> bool:
        return False

    def wish(self, reading: Reading, now_ms: int) -> Wish | None:
        if reading.load_rps is None:
            return None
        why = f"at {self._schedule.text}"
        match self._action:
            case Release() if self._open and reading.bought:
                return Wish(self._action, why)
            case Release():
                return None
            case _ if not self._open and self._own():
                return Wish(Release(None), f"{why}: is over", own=True)
            case _ if self._open and self._ends_soon(now_ms):
                return None
            case BuyTo(units) if self._open and reading.bought < units:
                return Wish(self._action, why)
            case Buy(units) if self._open and self._own() < units:
                return Wish(Buy(units - self._own()), why)
            case _:
                return None

    def _ends_soon(self, now_ms: int) -> bool:
        return self._opening is not None and self._opening.end_ms - now_ms < self._last_ms

    def dues_ms(self, cooled_ms: int) -> tuple[int, ...]:
        if self._opening is None:
            return ()
        return (self._opening.start_ms, self._opening.end_ms, cooled_ms)

    def floor(self, reading: Reading) -> int:
        match self._action:
            case BuyTo(units) if self._open:
                return units
            case Buy(units) if self._open:
                return min(units, self._own())
            case _:
                return 0

    def replaces(self, lost: int, reading: Reading) -> int:
        return lost if self._open else 0

    def since_ms(self) -> int | None:
        return self._opening.start_ms if self._opening is not None and self._open else None

    def needs(self, reading: Reading, now_ms: int) -> list[str]:
        if reading.load_rps is None:
            return [f"{self._schedule.text}: no figure of the load"]
        if self._opening is None or self._open:
            return []
        return [f"its hours, from {moment_text(self._opening.start_ms, self._schedule.zone)} on"]
