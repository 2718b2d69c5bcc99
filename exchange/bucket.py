"""Token bucket in integers: so many a second, saved up for one second. Pure."""

from exchange.units import MS_PER_SECOND, ceil_div


class Bucket:
    """Starts full. The rate may change between calls; what was saved is capped by the new one."""

    __slots__ = ("_at_ms", "_milli")

    def __init__(self, now_ms: int, per_s: int) -> None:
        self._at_ms = now_ms
        self._milli = per_s * MS_PER_SECOND

    def take(self, now_ms: int, per_s: int) -> int:
        """Take one token: 0 when there was one, else after how many ms there will be.

        ``per_s`` 0 means unlimited.
        """
        if per_s == 0:
            return 0
        filled = self._milli + (now_ms - self._at_ms) * per_s
        self._milli = min(filled, per_s * MS_PER_SECOND)
        self._at_ms = now_ms
        if self._milli < MS_PER_SECOND:
            return ceil_div(MS_PER_SECOND - self._milli, per_s)
        self._milli -= MS_PER_SECOND
        return 0
