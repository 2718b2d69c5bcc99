"""A ``when`` rule: acts when all its conditions have held for long enough. Pure."""

from manager.core.rule import Rule
from manager.core.rule_state import (
    Reading,
    confirmed,
    held_from_ms,
    holds,
    metric_value,
    nothing_held,
    observe,
)
from manager.core.wish import Wish


class WhenWatch:
    """See `rule_state.py`, which has the rules for conditions."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._state = nothing_held(rule)

    def renew(self, rule: Rule) -> None:
        self._rule = rule

    def observe(self, reading: Reading, now_ms: int) -> None:
        observe(self._rule, self._state, reading, now_ms)

    def unmoved(self, reading: Reading, now_ms: int) -> bool:
        since_ms, conditions = self._state.since_ms, self._rule.conditions
        for condition, since in zip(conditions, since_ms, strict=True):
            if holds(condition, reading, coming=0) != (since is not None):
                return False
        held_ms = held_from_ms(self._rule, self._state)
        nothing_to_release = not self._rule.buys and not reading.paid
        return held_ms is None or held_ms > now_ms or nothing_to_release

    def wish(self, reading: Reading, now_ms: int) -> Wish | None:
        held_ms = held_from_ms(self._rule, self._state)
        if held_ms is None or held_ms > now_ms or not confirmed(self._rule, reading):
            return None
        assert self._rule.action is not None, "only track does without"
        return Wish(self._rule.action, " and ".join(each.text for each in self._rule.conditions))

    def dues_ms(self, cooled_ms: int) -> tuple[int, ...]:
        held_ms = held_from_ms(self._rule, self._state)
        return () if held_ms is None else (max(held_ms, cooled_ms),)

    def floor(self, reading: Reading) -> int:
        return 0

    def replaces(self, lost: int, reading: Reading) -> int:
        return lost

    def since_ms(self) -> int | None:
        if None in self._state.since_ms:
            return None
        return max(since_ms or 0 for since_ms in self._state.since_ms)

    def needs(self, reading: Reading, now_ms: int) -> list[str]:
        lines = []
        for condition, since_ms in zip(self._rule.conditions, self._state.since_ms, strict=True):
            value = metric_value(condition.metric, reading, 0)
            if value is None:
                lines.append(f"{condition.text}: no figure")
            elif since_ms is None:
                lines.append(f"{condition.text}: now {value:.1f}")
            elif (left_ms := since_ms + condition.for_ms - now_ms) > 0:
                lines.append(f"{condition.text}: must hold for {-(-left_ms // 1000)} s more")
            elif not holds(condition, reading, reading.coming):
                coming = metric_value(condition.metric, reading, reading.coming)
                lines.append(f"{condition.text}: {coming or 0.0:.1f} with the units on their way")
        return lines
