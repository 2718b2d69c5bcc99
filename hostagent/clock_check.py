"""The doctor's look at this server's clock, against that of an exchange. Shell module."""

import asyncio
import time
from collections.abc import Callable

from exchange.client import TRADE_PATH, Refused, Unreachable, urls_of
from exchange.client.dial import reach
from exchange.units import MS_PER_SECOND
from exchange.wire.codec import JSON
from hostagent.check import Check, advice
from hostagent.clock import NS_PER_MS
from hostagent.core.exchange_time import SKEW_MAX_MS, TimeTold, in_words

FIX = "timedatectl set-ntp true, or apt-get install chrony; then chronyc makestep"


class Skew:
    """How far this server's wall clock is ahead of the exchange's time, within ``by_ms``."""

    def __init__(self, told: TimeTold) -> None:
        self.ahead_ms = -told.ahead_ms
        self.by_ms = told.took_ms // 2

    @property
    def small(self) -> bool:
        return abs(self.ahead_ms) <= SKEW_MAX_MS + self.by_ms

    def __str__(self) -> str:
        if self.small:
            return f"within {max(abs(self.ahead_ms), self.by_ms)} ms of the exchange's"
        return f"{in_words(self.ahead_ms)} the exchange's"


def measured(url: str, wall_ns: Callable[[], int] = time.time_ns) -> Skew:
    """Return the skew of the wall clock. Raises `Refused` or `Unreachable`."""
    return asyncio.run(_measured(url, wall_ns))


async def _measured(url: str, wall_ns: Callable[[], int]) -> Skew:
    begun_s = time.monotonic()
    connection, hello = await reach(urls_of(url), TRADE_PATH, JSON)
    took_ms = round((time.monotonic() - begun_s) * MS_PER_SECOND)
    skew = Skew(TimeTold(hello.ts_ms, took_ms, wall_ns() // NS_PER_MS))
    await connection.close()
    return skew


def clock(url: str) -> Check:
    """Compare with an exchange. A wrong clock stops no VM: the agent goes by the exchange's."""
    try:
        skew = measured(url)
    except (Refused, Unreachable) as error:
        return advice("clock", f"cannot be compared: {error}", "see --url")
    return advice("clock", str(skew), "" if skew.small else FIX)
