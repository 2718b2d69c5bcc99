"""The live clock: wall time read once, monotonic time added, so it never goes back. Shell.

Source: rules.md 6.5.
"""

import time
from typing import Final

from exchange.units import MS_PER_DAY, MS_PER_SECOND

AHEAD_MAX_MS: Final = 30 * MS_PER_DAY
"""If the wall clock is further ahead of the journal than this, it is wrong, or the outage was so
long that a person must decide."""

BEHIND_MAX_MS: Final = 60 * MS_PER_SECOND
"""If the wall clock is behind the journal by no more than this (a leap second, NTP), the start
waits."""

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
    if now_ms < last_ms - BEHIND_MAX_MS:
        return f"the clock is {last_ms - now_ms} ms behind the journal's last entry"
    if now_ms - last_ms > AHEAD_MAX_MS:
        days = (now_ms - last_ms) // MS_PER_DAY
        return f"the clock is {days} days ahead of the journal's last entry"
    return None


def behind_ms(last_ms: int, now_ms: int) -> int:
    """Return how long to wait until the clock reaches the journal's last time; 0 for no wait."""
    return max(0, last_ms - now_ms)
