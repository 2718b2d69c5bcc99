"""Checks before an exchange serves, and how it ends when one fails. Shell."""

import asyncio
from typing import Final

from exchange.gateway import log_events
from exchange.log import log
from exchange.server.clock import SystemClock, behind_ms, clock_fault
from exchange.units import MS_PER_SECOND

EXIT_BROKEN: Final = 1
EXIT_DISK_LOST: Final = 70
EXIT_CLOCK: Final = 71
EXIT_DEADLINE: Final = 72
"""Exit code when a deadline crashes the exchange: every restart would crash again, so it must not
be restarted unchanged."""


class StartError(Exception):
    """The server cannot start. ``str()`` is one line; ``exit_code`` says which kind."""

    def __init__(self, text: str, exit_code: int = EXIT_BROKEN) -> None:
        super().__init__(text)
        self.exit_code = exit_code


async def wait_for_clock(last_ms: int) -> None:
    """Wait until the wall clock has reached ``last_ms``, the journal's last time.

    A small step back is waited out. Raises `StartError` when the clock is further off.
    """
    while True:
        now_ms = SystemClock().now_ms()
        if fault := clock_fault(last_ms, now_ms):
            raise StartError(f"{fault}; --accept-clock starts anyway", EXIT_CLOCK)
        wait_ms = behind_ms(last_ms, now_ms)
        if not wait_ms:
            return
        log.write(log_events.clock_behind(wait_ms))
        await asyncio.sleep(wait_ms / MS_PER_SECOND)
