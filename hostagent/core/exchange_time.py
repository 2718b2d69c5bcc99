"""The exchange's time on a host whose own clock may be wrong. Pure.

The core runs on the host's time: the wall clock as it was at the agent's start, and the time that
has passed since boot, which nobody can set. Leases begin and end by the exchange's time. Each
answer of the exchange says its time, and how long it took says how well: it was written somewhere
between the request and now. Before the first answer the wall clock is the best there is.
"""

from typing import Final

from msgspec import Struct

from exchange.log.line import LogLine, line
from exchange.units import MS_PER_SECOND

SKEW_MAX_MS: Final = 5 * MS_PER_SECOND
"""A wall clock that is further from the exchange's time is told of."""
TOOK_MAX_MS: Final = 10 * MS_PER_SECOND
"""An answer that took longer says nothing about the time, once another one has."""


class TimeTold(Struct, frozen=True, tag="time_told"):
    """An answer of the exchange came at ``at_ms`` of the host's time, ``took_ms`` after its
    request; ``ts_ms`` is the exchange's time in it."""

    ts_ms: int
    took_ms: int
    at_ms: int

    @property
    def ahead_ms(self) -> int:
        """How far the exchange's time is ahead of the host's, within half of ``took_ms``."""
        return self.ts_ms + self.took_ms // 2 - self.at_ms


class ExchangeClock:
    """Turns the exchange's times into the host's and back. ``known``: the exchange has told it."""

    def __init__(self) -> None:
        self.ahead_ms = 0
        self.known = False

    def hear(self, told: TimeTold) -> None:
        """Take an answer in; one that agrees with what is known, as well as it can, changes
        nothing."""
        if self.known and told.took_ms > TOOK_MAX_MS:
            return
        if not self.known or abs(told.ahead_ms - self.ahead_ms) > told.took_ms // 2:
            self.ahead_ms = told.ahead_ms
        self.known = True

    def ours(self, at_ms: int) -> int:
        """Return when it is ``at_ms`` at the exchange."""
        return at_ms - self.ahead_ms

    def theirs(self, at_ms: int) -> int:
        """Return the exchange's time at ``at_ms``."""
        return at_ms + self.ahead_ms


class SkewLog:
    """Tells once that the wall clock is wrong, and once that it is right again."""

    def __init__(self) -> None:
        self._wrong = False

    def look(self, skew_ms: int) -> LogLine | None:
        """``skew_ms``: how far the wall clock is ahead of the exchange's time."""
        wrong = abs(skew_ms) > SKEW_MAX_MS
        if wrong == self._wrong:
            return None
        self._wrong = wrong
        if not wrong:
            return line("info", "clock_right", "this server's clock is right again")
        text = f"this server's clock is {in_words(skew_ms)} the exchange's; set it by NTP"
        return line("warning", "clock_skewed", text, skew_ms=skew_ms)


def in_words(skew_ms: int) -> str:
    """Return a skew as a person reads it, such as "3,600.0 s ahead of"."""
    return f"{abs(skew_ms) / MS_PER_SECOND:,.1f} s {'ahead of' if skew_ms > 0 else 'behind'}"
