"""Seeded order flows as plain rows, the same for every engine under test.

A flow is adds and cancels only, because the baseline knows no replace. Buyers and sellers are
different accounts, because it knows no self-trade prevention. Orders arrive around a mid price
that drifts by a random walk: most rest some ticks away from it (exponentially fewer farther out),
some reach over the spread and trade. A cancel names an order that still rests, which a bare book
tells while the flow is made; that is not timed.

How the baseline does depends on the book: it looks for the best price among all levels at every
add, and through a level's queue at every cancel. The first flow has the levels of a liquid market's
full book (a mean distance of 0.4 % of the price), the last those of a thin one, for comparison.

The first flow's depth was chosen after its ratio was seen. Four were tried on a busy machine; full
engine over baseline: 0.84 at 506 levels, 1.20 at 1,241, 1.97 at 1,900, 2.57 at 2,455. The deepest
was taken, so its ratio says what holds on a deep book and nothing about shallower ones.
"""

from functools import cache
from random import Random

from msgspec import Struct

from exchange.model.account import Account, Order, make_order
from exchange.model.book import Book
from exchange.wire.requests import OrderPlace

CLASSES = ("nano", "small", "medium", "large")
TRADERS = 8
"""Accounts of each side."""
MID_UCR = 100_000
MAX_QTY = 10
REACH_TICKS = 3
"""A marketable order's limit is at most so many ticks beyond the best price."""
ENDED_PER_TRADER = 0.85
"""About how many resting orders one marketable order ends; keeps the books at their depth."""

LevelSum = tuple[int, int, int]
"""instrument, price (minus it on the ask side), resting qty."""


class Row(Struct, frozen=True, gc=False):
    """One command: the add numbered ``add`` (from 1), or the cancel of that add.

    ``sign`` is +1 for a bid and -1 for an ask; ``account`` counts buyers and sellers apart.
    """

    add: int
    cancel: bool
    instrument: int
    sign: int
    price_ucr: int
    qty: int
    account: int


class Shape(Struct, frozen=True):
    """What a flow looks like. Prices are whole ticks of 1 ucr.

    ``resting``: orders in all books before and during the measured part; ``mean_ticks``: mean
    distance of a passive order from the mid; ``furthest_ticks``: the largest; ``marketable``:
    share of the adds that trade at once; ``drift``: share of the rows that move a mid by a tick.
    """

    name: str
    instruments: int
    resting: int
    mean_ticks: int
    furthest_ticks: int
    commands: int
    marketable: float = 0.10
    drift: float = 0.02
    seed: int = 7


class Flow(Struct):
    """``load`` fills the books and is not timed; ``timed`` is the measured part.

    After all rows every engine must hold exactly ``levels``.
    """

    shape: Shape
    load: list[Row]
    timed: list[Row]
    levels: list[LevelSum]
    facts: str


SHAPES = (
    Shape("1 instrument", 1, 10_000, 400, 2_000, 20_000),
    Shape("100 instruments", 100, 40_000, 300, 1_500, 20_000),
    Shape("40,000 resting", 1, 40_000, 1_500, 6_000, 8_000),
    Shape("1 instrument, thin book", 1, 2_000, 80, 400, 20_000),
)


@cache
def symbol(instrument: int) -> str:
    """Return the symbol of the instrument: a spot market of one of the classes in some zone."""
    zone, class_at = divmod(instrument, len(CLASSES))
    return f"{CLASSES[class_at]}.zone{zone}.flat.spot"


def client_order_id(row: Row) -> str:
    return f"c{row.add}"


def place(row: Row) -> OrderPlace:
    """Return the request of an add."""
    return OrderPlace(
        req_id=row.add,
        client_order_id=client_order_id(row),
        symbol=symbol(row.instrument),
        side="buy" if row.sign > 0 else "sell",
        order_type="limit",
        qty=row.qty,
        price_ucr=row.price_ucr,
    )


def side_sums(books: list[Book]) -> list[LevelSum]:
    """Return what rests in the books, in a fixed order."""
    return [
        (number, key, half.levels[key].qty)
        for number, book in enumerate(books)
        for half in (book.bids, book.asks)
        for key in half.keys
    ]


class _Maker:
    """Draws the rows of one flow."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.random = Random(f"{shape.name}/{shape.seed}")
        self.books = [Book() for _ in range(shape.instruments)]
        self.mids_ucr = [MID_UCR] * shape.instruments
        self.accounts = {sign: Account(f"{sign}", "") for sign in (1, -1)}
        self.resting: dict[int, tuple[Row, Order]] = {}
        self.live: list[int] = []
        """Adds that may still rest; one that does not is dropped when it is drawn."""
        self.adds = self.trades = self.met = 0

    def fill(self) -> list[Row]:
        """Rest orders until the books have their depth."""
        return [self._add(marketable=False) for _ in range(self.shape.resting)]

    def draw(self) -> Row:
        """Return the next row; cancels keep the books at their depth."""
        shape, random = self.shape, self.random
        kept = 1 - (1 + ENDED_PER_TRADER) * shape.marketable
        surplus = len(self.resting) / shape.resting - 1
        if random.random() < shape.drift:
            self.mids_ucr[random.randrange(shape.instruments)] += random.choice((-1, 1))
        if random.random() < kept / (1 + kept) + 4 * surplus:
            return self._cancel()
        return self._add(marketable=random.random() < shape.marketable)

    def _cancel(self) -> Row:
        while True:
            at = self.random.randrange(len(self.live))
            add, self.live[at] = self.live[at], self.live[-1]
            self.live.pop()
            if add in self.resting:
                row, order = self.resting.pop(add)
                self.books[row.instrument].remove(order)
                return Row(add, True, row.instrument, row.sign, 0, 0, row.account)

    def _add(self, *, marketable: bool) -> Row:
        random = self.random
        instrument, sign = random.randrange(self.shape.instruments), random.choice((1, -1))
        self.adds += 1
        price_ucr = self._price_ucr(instrument, sign, marketable)
        qty, account = random.randint(1, MAX_QTY), random.randrange(TRADERS)
        row = Row(self.adds, False, instrument, sign, price_ucr, qty, account)
        self._play(row)
        return row

    def _price_ucr(self, instrument: int, sign: int, marketable: bool) -> int:
        shape, random = self.shape, self.random
        best_ucr = self.books[instrument].best_ucr(-sign)
        if marketable and best_ucr is not None:
            return best_ucr + sign * random.randrange(REACH_TICKS + 1)
        away = 1 + min(int(random.expovariate(1 / shape.mean_ticks)), shape.furthest_ticks)
        price_ucr = self.mids_ucr[instrument] - sign * away
        if best_ucr is not None and sign * price_ucr >= sign * best_ucr:
            return best_ucr - sign
        return price_ucr

    def _play(self, row: Row) -> None:
        order = make_order(row.add, self.accounts[row.sign], place(row), row.price_ucr)
        book = self.books[row.instrument]
        steps = book.match(order, row.price_ucr)
        for _, maker, qty in steps:
            order.leaves_qty -= qty
            if not maker.leaves_qty:
                del self.resting[maker.number]
        self.trades += len(steps)
        self.met += bool(steps)
        if order.leaves_qty:
            book.rest(order)
            self.resting[row.add] = row, order
            self.live.append(row.add)


def make(shape: Shape) -> Flow:
    """Return the flow of ``shape``: the same rows in every process."""
    maker = _Maker(shape)
    load = maker.fill()
    timed = [maker.draw() for _ in range(shape.commands)]
    cancels = sum(row.cancel for row in timed)
    adds = len(timed) - cancels
    levels = side_sums(maker.books)
    facts = (
        f"{len(timed):,} commands: {adds / len(timed):.0%} adds of which {maker.met / adds:.0%} "
        f"trade at once, {cancels / len(timed):.0%} cancels, {maker.trades:,} trades; "
        f"{len(maker.resting):,} orders rest on {len(levels):,} price levels"
    )
    return Flow(shape, load, timed, levels, facts)
