"""A day of trading through the real terminal in virtual time: `python -m bench.terminal_day STEPS`.

As many updates as ``STEPS`` an hour go through the whole application, 160x50, headless: the books
move, others trade, the account trades, its orders come and go, leases end, windows are listed and
settled every hour. Now and then everything is drawn. Prints RSS and what Python keeps, in MiB,
after two hours and at the end of the day: four numbers. With ``traced`` Python counts them.
"""

import asyncio
import gc
import os
import sys
import tracemalloc
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from exchange.units import MS_PER_HOUR
from exchange.wire.frames import Heartbeat, InstrumentUpdate, LeaseUpdate
from exchange.wire.requests import OrderPlace
from exchange.wire.types import Channel, InstrumentState
from manager.core.windows import window_symbol
from tui.app import HeadroomApp
from tui.demo.scripted import SYMBOLS, TICK_UCR, ScriptedLink

HOURS: Final = 24
WARM_UP_HOURS: Final = 2
DRAWN_EVERY: Final = 120
"""Steps."""
TRADED_EVERY: Final = 40
LEASES_MAX: Final = 20
SETTLES_S: Final = 30
MIB: Final = 1024 * 1024


class DayLink(ScriptedLink):
    """Windows are listed, and nobody trades them."""

    async def subscribe(self, channel: Channel, symbol: str | None = None) -> object:
        if symbol is not None and symbol not in SYMBOLS:
            return None
        return await super().subscribe(channel, symbol)

    async def candles(self, symbol: str, interval_ms: int) -> None:
        if symbol in SYMBOLS:
            await super().candles(symbol, interval_ms)


class Day:
    """The link's market, moved by `hour`."""

    def __init__(self) -> None:
        self.link = DayLink()
        self._leases: list[LeaseUpdate] = []
        self._steps = 0

    async def hour(self, app: HeadroomApp, steps: int) -> None:
        market = self.link.market
        self._windows()
        for _ in range(steps):
            self._steps += 1
            # A step of the market is 50 ms; the rest of its half second passes here.
            market.now_ms += MS_PER_HOUR // steps - 50
            self.link.push(*market.step(SYMBOLS[self._steps % len(SYMBOLS)]))
            if self._steps % TRADED_EVERY == 0:
                self._trade()
            if self._steps % DRAWN_EVERY == 0:
                self.link.push(Heartbeat(market.now_ms, market.seq))
                await self._settled()
                app.redraw()
                await asyncio.sleep(0)
        await self._settled()

    async def _settled(self) -> None:
        async with asyncio.timeout(SETTLES_S):
            await self.link.settled()

    def _windows(self) -> None:
        """List an hour ahead, settle the one that is over."""
        now_ms = self.link.market.now_ms
        states: tuple[InstrumentState, ...] = ("open", "settled")
        for back, state in enumerate(states):
            start_ms = (now_ms // MS_PER_HOUR + 1 - back) * MS_PER_HOUR
            for spot in SYMBOLS:
                name, zone, pricing, _ = spot.split(".")
                symbol = window_symbol(name, zone, pricing, start_ms)
                country = "DE" if zone == "eu-de" else "FR"
                terms = name, zone, country, pricing, symbol.rsplit(".", 1)[1]
                self.link.push(InstrumentUpdate(symbol, state, TICK_UCR, *terms))

    def _trade(self) -> None:
        """Place an order that rests and cancel it; place one that trades; end the oldest lease."""
        market, account = self.link.market, self.link.account
        symbol = SYMBOLS[self._steps % len(SYMBOLS)]
        order = OrderPlace(
            req_id=1,
            client_order_id=f"day-{self._steps}",
            symbol=symbol,
            side="buy",
            order_type="limit",
            price_ucr=min(market.bids[symbol]),
            qty=1,
        )
        self.link.push(*account.place(order), *account.cancel(f"o-{market.order_number}"))
        taking = replace(
            order, price_ucr=min(market.asks[symbol]), client_order_id=f"t-{self._steps}"
        )
        made = account.place(taking)
        self._leases += [frame for frame in made if isinstance(frame, LeaseUpdate)]
        self.link.push(*made)
        account.orders.clear()
        # What was bought away comes back, so that the book stays as deep as it was.
        market.asks[symbol].setdefault(max(market.asks[symbol]) + TICK_UCR, 5)
        while len(self._leases) > LEASES_MAX:
            self.link.push(replace(self._leases.pop(0), state="ended"))


def used_mib() -> tuple[float, float]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB, tracemalloc.get_traced_memory()[0] / MIB


async def measured(hours: int, steps: int) -> list[float]:
    """Return RSS and traced memory after the warm-up and at the end."""
    day, found = Day(), list[float]()
    app = HeadroomApp(day.link, now_ms=day.link.now_ms, session_name="day", symbol=SYMBOLS[0])
    async with app.run_test(size=(160, 50)):
        await day.link.open()
        for hour in range(hours):
            if hour == WARM_UP_HOURS:
                found += used_mib()
            await day.hour(app, steps)
        found += used_mib()
        await day.link.close()
    return found


if __name__ == "__main__":
    if "traced" in sys.argv:  # what traces takes memory itself: RSS is told by a run without
        tracemalloc.start()
    print(*asyncio.run(measured(HOURS, int(sys.argv[1]))))
