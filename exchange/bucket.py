"""Token bucket in integers: so many a second, saved up for some seconds. Pure."""

from typing import Final

from exchange.units import MS_PER_SECOND, ceil_div

DEBT_S: Final = 10
"""Nobody owes more than this brings in, whatever was charged."""


class Bucket:
    """Starts full: ``per_s`` times ``saved_s`` tokens. The rate may change between calls; what was
    saved is capped by the new one."""

    __slots__ = ("_at_ms", "_milli", "_saved_s")

    def __init__(self, now_ms: int, per_s: int, saved_s: int = 1) -> None:
        self._at_ms = now_ms
        self._saved_s = saved_s
        self._milli = per_s * saved_s * MS_PER_SECOND

    def take(self, now_ms: int, per_s: int) -> int:
        """Take one token: 0 when there was one, else after how many ms there will be.

        ``per_s`` 0 means unlimited.
        """
        wait_ms = self.wait_ms(now_ms, per_s)
        if wait_ms == 0 and per_s:
            self._milli -= MS_PER_SECOND
        return wait_ms

    def spend(self, now_ms: int, per_s: int, tokens: int, debt_s: int = DEBT_S) -> None:
        """Take ``tokens``, there or not: what is missing has to come in before the next.

        The debt is at most what ``debt_s`` seconds bring.
        """
        self.wait_ms(now_ms, per_s)
        least = -per_s * debt_s * MS_PER_SECOND
        self._milli = max(self._milli - tokens * MS_PER_SECOND, least)

    def wait_ms(self, now_ms: int, per_s: int) -> int:
        """Return what `take` would, without taking."""
        if per_s == 0:
            return 0
        filled = self._milli + (now_ms - self._at_ms) * per_s
        self._milli = min(filled, per_s * self._saved_s * MS_PER_SECOND)
        self._at_ms = now_ms
        if self._milli < MS_PER_SECOND:
            return ceil_div(MS_PER_SECOND - self._milli, per_s)
        return 0
