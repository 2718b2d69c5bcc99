"""What a rule of any kind answers: what it would do now. Pure.

A `Watch` is the memory of one rule. `Rules` asks all of them and applies the guards that hold for
every kind: cool-down, maximum, budget, buy wins over release. Source: manager.md, "Rule guards".
"""

from typing import Protocol

from msgspec import Struct

from manager.core.rule import Action, Release, Rule
from manager.core.rule_state import Reading


class Wish(Struct, frozen=True):
    """What a rule would do, and ``why`` for the log; ``own``: only with units it bought."""

    action: Action
    why: str
    own: bool = False

    @property
    def buys(self) -> bool:
        return not isinstance(self.action, Release)


class Watch(Protocol):
    """The memory of one rule. All but `observe` and `renew` change nothing."""

    def renew(self, rule: Rule) -> None:
        """Go by ``rule``, whose conditions, hours and target are as before."""

    def observe(self, reading: Reading, now_ms: int) -> None:
        """Take note of what is known at ``now_ms``, which never goes back."""

    def unmoved(self, reading: Reading, now_ms: int) -> bool:
        """Tell whether another load changes nothing: nothing begins to hold, ends, or may be done.

        Only where that is quickly told; False where it is not sure.
        """
        ...

    def wish(self, reading: Reading, now_ms: int) -> Wish | None:
        """Return what to do, units under way counted as capacity; ``None``: nothing."""
        ...

    def dues_ms(self, cooled_ms: int) -> tuple[int, ...]:
        """Return moments at which the wish may change if no message comes, past ones too.

        ``cooled_ms``: from then on the rule may act.
        """
        ...

    def floor(self, reading: Reading) -> int:
        """Return how many bought units no rule may release for now."""
        ...

    def replaces(self, lost: int, reading: Reading) -> int:
        """Return how many of its units that were lost are to be bought again at once."""
        ...

    def since_ms(self) -> int | None:
        """Return since when what the rule waits for has held; ``None``: it does not."""
        ...

    def needs(self, reading: Reading, now_ms: int) -> list[str]:
        """Return what must still be so before there is a wish, a line each."""
        ...


class RuleState(Struct):
    """A rule, what it watches, and when it last fired."""

    rule: Rule
    watch: Watch
    fired_ms: int | None = None
    told_idle: bool = False
    """The administrator knows that the rule would fire and cannot do anything."""
    lost: int = 0
    """Units recalled or on silent or lost hosts, for which nothing was bought yet."""
    held_back: bool = False
    """It may not buy; what rested for it is canceled."""

    @property
    def cooled_ms(self) -> int:
        return 0 if self.fired_ms is None else self.fired_ms + self.rule.cooldown_ms
