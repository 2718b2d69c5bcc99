"""The baseline: PyPI `lightmatchingengine`, a plain-Python price-time book without accounts."""

from typing import Any

from lightmatchingengine.lightmatchingengine import LightMatchingEngine, Side

from bench.flow import Flow, LevelSum, Row, symbol

NativeRow = tuple[str, int, int, int]
"""symbol, price, qty, side; a cancel has price 0 and the order's id instead of the qty."""


def _native(row: Row) -> NativeRow:
    """The baseline numbers its orders from 1 as the flow numbers its adds."""
    name = symbol(row.instrument)
    if row.cancel:
        return name, 0, row.add, 0
    return name, row.price_ucr, row.qty, Side.BUY if row.sign > 0 else Side.SELL


class LightMatching:
    """Plays a flow through the baseline."""

    def __init__(self, flow: Flow) -> None:
        self.engine: Any = LightMatchingEngine()
        self.instruments = flow.shape.instruments

    def prepare(self, rows: list[Row]) -> list[NativeRow]:
        return [_native(row) for row in rows]

    def play(self, rows: list[NativeRow]) -> None:
        add, cancel = self.engine.add_order, self.engine.cancel_order
        for name, price, qty, side in rows:
            if price:
                add(name, price, qty, side)
            else:
                cancel(qty, name)

    def levels(self) -> list[LevelSum]:
        found: list[LevelSum] = []
        for number in range(self.instruments):
            book = self.engine.order_books[symbol(number)]
            for sign, prices in ((1, book.bids), (-1, book.asks)):
                keys = sorted(sign * price for price in prices)
                found += [
                    (number, key, sum(order.leaves_qty for order in prices[sign * key]))
                    for key in keys
                ]
        return found
