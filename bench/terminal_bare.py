"""A bare Textual application that draws a market: ``python -m bench.terminal_bare URL SYMBOL...``.

The reference of `bench.terminal`: the same frames over the same client, as many rows, drawn 10
times a second by Textual's own `Static`, without cursor, chart, account or care for stale data.
Without arguments it draws one line and waits.
"""

import sys
from typing import ClassVar, Final

from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from exchange.client import Client
from exchange.wire.frames import BookUpdate, Trade

FRAME_S: Final = 0.1
TRADES_MAX: Final = 47
LEVELS: Final = 23
"""Of a side: with the middle as many rows as the market screen's ladder."""


class BareMarket(App[None]):
    """A ladder and a tape."""

    CSS: ClassVar[str] = "Static { width: 1fr; height: 100%; }"

    def __init__(self, url: str, symbol: str, *others: str) -> None:
        super().__init__()
        self._url, self._symbol, self._others = url, symbol, others
        self._ladder, self._tape = Static(markup=False), Static(markup=False)
        self._trades: list[str] = []
        self._changed: set[Static] = set()

    def compose(self) -> ComposeResult:
        yield Static("Bare", classes="head")
        with Horizontal():
            yield self._ladder
            yield self._tape

    def on_mount(self) -> None:
        self.query_one(".head").styles.height = 1
        self.run_worker(self._listen())
        self.set_interval(FRAME_S, self._draw)

    async def _listen(self) -> None:
        async with Client(self._url, codec="msgpack") as self._client:
            for symbol in (self._symbol, *self._others):
                await self._client.subscribe("book", symbol)
                await self._client.subscribe("trades", symbol)
            async for event in self._client.events():
                if getattr(event, "symbol", "") != self._symbol:
                    continue
                if isinstance(event, BookUpdate):
                    self._changed.add(self._ladder)
                elif isinstance(event, Trade):
                    row = f"{event.ts_ms} {event.taker_side:4} {event.price_ucr:9} {event.qty:5}"
                    self._trades = [row, *self._trades[: TRADES_MAX - 1]]
                    self._changed.add(self._tape)

    def _draw(self) -> None:
        if self._ladder in self._changed:
            book = self._client.book(self._symbol)
            asks = [f"{'':20}{row[0]:12}{row[1]:12}" for row in book.levels("sell", LEVELS)]
            bids = [f"{row[1]:12}{'':8}{row[0]:12}" for row in book.levels("buy", LEVELS)]
            self._ladder.update("\n".join([*asks[::-1], "-" * 44, *bids]))
        if self._tape in self._changed:
            self._tape.update("\n".join(self._trades))
        self._changed.clear()


class BareLine(App[None]):
    """What Textual costs before there is anything to show."""

    def compose(self) -> ComposeResult:
        yield Static("Bare")


if __name__ == "__main__":
    (BareMarket(*sys.argv[1:]) if sys.argv[1:] else BareLine()).run()
