"""What others ask and bid: books, less the account's own orders in them. Pure."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

from exchange.wire.frames import BookSnapshot, BookUpdate, LevelRow, OrderUpdate
from manager.selling.asks import OPEN

BookSide: TypeAlias = Literal["buy", "sell"]


class Depth:
    """Books by symbol, as far as somebody listens to them."""

    def __init__(self) -> None:
        self._books: dict[str, dict[BookSide, dict[int, int]]] = {}
        self._own: dict[str, dict[str, OrderUpdate]] = {}

    def known(self, symbol: str) -> bool:
        return symbol in self._books

    def forget(self, symbol: str) -> None:
        self._books.pop(symbol, None)

    def book(self, frame: BookSnapshot | BookUpdate) -> None:
        """Fold a book's frame; an update without a snapshot before it says nothing."""
        if isinstance(frame, BookSnapshot):
            self._books[frame.symbol] = {"buy": {}, "sell": {}}
        book = self._books.get(frame.symbol)
        if book is not None:
            _change(book["buy"], frame.bids)
            _change(book["sell"], frame.asks)

    def order(self, row: OrderUpdate) -> None:
        """Fold an order of the account, of whatever origin."""
        own = self._own.setdefault(row.symbol, {})
        if row.status in OPEN:
            own[row.client_order_id] = row
            return
        own.pop(row.client_order_id, None)
        if not own:
            del self._own[row.symbol]

    def rebuild(self, rows: Iterable[OrderUpdate]) -> None:
        self._own.clear()
        for row in rows:
            self.order(row)

    def best_ucr(self, symbol: str, side: BookSide) -> int | None:
        """Return the best price of others, ``None`` while there is none."""
        own: dict[int, int] = {}
        for row in self._own.get(symbol, {}).values():
            if row.side == side and row.price_ucr is not None:
                own[row.price_ucr] = own.get(row.price_ucr, 0) + row.leaves_qty
        levels = self._books.get(symbol, {}).get(side, {})
        others = [price for price, qty in levels.items() if qty > own.get(price, 0)]
        if not others:
            return None
        return min(others) if side == "sell" else max(others)


def _change(levels: dict[int, int], rows: list[LevelRow]) -> None:
    for price_ucr, qty, _ in rows:
        if qty:
            levels[price_ucr] = qty
        else:
            levels.pop(price_ucr, None)
