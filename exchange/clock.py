"""The live clock: wall time read once, monotonic time added, so it never goes back. Shell.

Source: domain.md, "Liveness and time".
"""

import time
from typing import Final

from exchange.units import MS_PER_DAY

AHEAD_MAX_MS: Final = 30 * MS_PER_DAY
"""A wall clock further ahead of the journal than this is wrong, or the outage needs a human."""

_NS_PER_MS: Final = 1_000_000


class SystemClock:
    """Milliseconds since the epoch. ``not_before_ms``: the journal's last time."""

    def __init__(self, not_before_ms: int = 0) -> None:
        wall_ms = time.time_ns() // _NS_PER_MS
        self._offset_ns = max(wall_ms, not_before_ms) * _NS_PER_MS - time.monotonic_ns()

    def now_ms(self) -> int:
        return (time.monotonic_ns() + self._offset_ns) // _NS_PER_MS


def clock_fault(last_ms: int, now_ms: int) -> str | None:
    """Return why an exchange whose journal ends at ``last_ms`` must not start at ``now_ms``."""
    if now_ms < last_ms:
        return f"the clock is {last_ms - now_ms} ms behind the journal's last entry"
    if now_ms - last_ms > AHEAD_MAX_MS:
        days = (now_ms - last_ms) // MS_PER_DAY
        return f"the clock is {days} days ahead of the journal's last entry"
    return None
