"""The agent's clock. Shell module."""

import time
from collections.abc import Callable

NS_PER_MS = 1_000_000
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # only Linux has it


def _since_boot_ns() -> int:
    """Return the time since boot, that of a suspended server included; nobody can set it."""
    return time.clock_gettime_ns(_BOOTTIME)


class HostClock:
    """Milliseconds since the epoch by the wall clock at the start, and from then on by the time
    that has passed. It never goes back, nor forward when the wall clock is set.

    ``wall`` and ``passed`` give nanoseconds.
    """

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        passed: Callable[[], int] = _since_boot_ns,
    ) -> None:
        self._wall = wall
        self._passed = passed
        self._offset_ns = wall() - passed()

    def now_ms(self) -> int:
        return (self._passed() + self._offset_ns) // NS_PER_MS

    def wall_ms(self) -> int:
        """Return what the wall clock says now, right or wrong."""
        return self._wall() // NS_PER_MS


SYSTEM = HostClock()
"""The clock of this process: its parts must agree on the time."""
now_ms = SYSTEM.now_ms
