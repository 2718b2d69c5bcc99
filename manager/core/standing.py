"""How each rule stands: ready, cooling, or what holds it back. Pure.

Source: manager.md, "How a rule stands".
"""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from manager.core.backoff import Backoff
from manager.core.library import StoredVm
from manager.core.load import Load
from manager.core.outgoing import Outgoing
from manager.core.rule import Rule
from manager.core.wish import RuleState

Stand: TypeAlias = Literal["ready", "cooling", "paused", "backing_off", "stopped", "blocked"]

PAUSED: Final = "paused by the administrator"
STOPPED: Final = "buying is stopped by the administrator"


OFFLINE: Final = "no connection to the exchange"


class RuleStatus(Struct, frozen=True):
    """``reasons``: one line each; ``until_ms``: when a pause ends, if that is known."""

    rule: str
    state: Stand
    reasons: tuple[str, ...] = ()
    until_ms: int | None = None


class Standing:
    """``vm_of``: the stored VM of a rule, by the rule's name; ``problems``: what is wrong with it
    at the exchange."""

    def __init__(
        self,
        outgoing: Outgoing,
        load: Load,
        backoff: Backoff,
        vm_of: Callable[[str], StoredVm | None],
        problems: Callable[[Rule], tuple[str, ...]],
    ) -> None:
        self.buying = True
        self._outgoing = outgoing
        self._load = load
        self._backoff = backoff
        self._vm_of = vm_of
        self._problems = problems
        self.offline = OFFLINE
        """Why nothing can be asked while that is so."""

    def status(self, state: RuleState) -> RuleStatus:
        """Return how a rule stands now; of several reasons the one that lasts."""
        rule = state.rule
        if not self._outgoing.online:
            return RuleStatus(rule.name, "blocked", (self.offline,))
        if (held := self.held_back(rule)) is not None:
            return held
        if rule.paused:
            return RuleStatus(rule.name, "paused", (PAUSED,))
        if self._load.stale:
            return RuleStatus(rule.name, "blocked", (self._load.trouble(),))
        if state.cooled_ms > self._outgoing.now_ms:
            return RuleStatus(rule.name, "cooling", (), state.cooled_ms)
        return RuleStatus(rule.name, "ready")

    def held_back(self, rule: Rule) -> RuleStatus | None:
        """Return why a buying rule may not buy though it may ask, ``None`` when it may."""
        if not rule.buys:
            return None
        if rule.paused or not self.buying:
            return RuleStatus(rule.name, "paused", (PAUSED if rule.paused else STOPPED,))
        if problems := self._problems(rule):
            return RuleStatus(rule.name, "blocked", problems)
        vm = self._vm_of(rule.name)
        pause = None if vm is None else self._backoff.pause(vm.image)
        if pause is None:
            return None
        if pause.until_ms is None:
            return RuleStatus(rule.name, "stopped", (pause.why,))
        return RuleStatus(rule.name, "backing_off", (pause.why,), pause.until_ms)
