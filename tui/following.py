"""Asks for subscriptions beside the reading of events. Shell.

An answer may take seconds, and dozens are asked for one after the other. Whoever reads the events
must not wait for them: that the connection is lost, or back, would be noticed as much later.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from exchange.wire.types import Channel

Place: TypeAlias = tuple[Channel, str]
"""A channel and a symbol, "" for none."""


class Following:
    """``ask`` subscribes to one place, and takes care of whatever becomes of it.

    Bounded: a place that waits already is not put in again.
    """

    def __init__(self, ask: Callable[[Channel, str], Awaitable[None]]) -> None:
        self._ask = ask
        self._wanted: dict[Place, None] = {}
        self._wake = asyncio.Event()

    def want(self, channel: Channel, symbol: str = "") -> None:
        """Have it asked for soon, after what was wanted before."""
        self._wanted[channel, symbol] = None
        self._wake.set()

    async def run(self) -> None:
        """Ask for what is wanted, one place at a time, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._wanted:
                place = next(iter(self._wanted))
                del self._wanted[place]
                await self._ask(*place)
