"""The bare book: `exchange.book` with an index of what rests, and nothing else."""

from bench.flow import Flow, LevelSum, Row, place, side_sums
from exchange.model.account import Account, Order, make_order
from exchange.model.book import Book
from exchange.wire.requests import OrderPlace

NativeRow = tuple[Book, int, Account, OrderPlace | None, int]
"""book, number, account, request (None cancels), price."""


class BareBook:
    """Plays a flow through one `Book` an instrument."""

    def __init__(self, flow: Flow) -> None:
        self.books = [Book() for _ in range(flow.shape.instruments)]
        self.accounts: dict[tuple[int, int], Account] = {}
        self.resting: dict[int, Order] = {}

    def _native(self, row: Row) -> NativeRow:
        who = row.sign, row.account
        account = self.accounts.setdefault(who, Account(f"{who}", ""))
        request = None if row.cancel else place(row)
        return self.books[row.instrument], row.add, account, request, row.price_ucr

    def prepare(self, rows: list[Row]) -> list[NativeRow]:
        return [self._native(row) for row in rows]

    def play(self, rows: list[NativeRow]) -> None:
        resting = self.resting
        for book, number, account, request, price_ucr in rows:
            if request is None:
                book.remove(resting.pop(number))
                continue
            order = make_order(number, account, request, price_ucr)
            if book.crosses(order.sign, price_ucr):
                for _, maker, qty in book.match(order, price_ucr):
                    order.leaves_qty -= qty
                    if not maker.leaves_qty:
                        del resting[maker.number]
            if order.leaves_qty:
                book.rest(order)
                resting[number] = order

    def levels(self) -> list[LevelSum]:
        return side_sums(self.books)
