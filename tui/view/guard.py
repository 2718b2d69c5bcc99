"""The guard against a slip of the finger: a price far through the market is asked about.

A band is the exchange's own guard, but not every market has one.
"""

from typing import Final, NamedTuple

from exchange.wire.frames import InstrumentUpdate
from exchange.wire.types import Side
from tui.view.book import BookView
from tui.view.text import exact_price_text, money_text
from tui.view.ticket import Ticket, reach_ucr

FAT_FINGER_PCT: Final = 20
"""Asked about beyond this, unless ``fat_finger_pct`` in tui.toml says otherwise."""
FAT_FINGER_MAX: Final = 10_000


class Doubt(NamedTuple):
    """How far through the market an order is (``short``), and that with what it may cost."""

    short: str
    text: str


class Measure(NamedTuple):
    """What a price is compared with."""

    price_ucr: int
    name: str


def doubt(
    ticket: Ticket,
    instrument: InstrumentUpdate,
    book: BookView,
    last_ucr: int | None,
    limit_pct: int,
    places: int,
) -> Doubt | None:
    """Return why ``ticket`` looks like a slip, None when it does not; ``limit_pct`` 0: never."""
    market = ticket.order_type == "market"
    worst_ucr = walk_ucr(ticket, instrument, book) if market else ticket.price_ucr
    measure = _measure(ticket.side, book, last_ucr, taking=market)
    if not limit_pct or worst_ucr is None or measure is None:
        return None
    buying = ticket.side == "buy"
    away_ucr = worst_ucr - measure.price_ucr if buying else measure.price_ucr - worst_ucr
    if away_ucr * 100 <= limit_pct * measure.price_ucr:
        return None
    away = f"{away_ucr * 100 // measure.price_ucr:,} % {'above' if buying else 'below'}"
    near = exact_price_text(measure.price_ucr, places)
    sum_text = money_text(ticket.open_qty * worst_ucr)
    cost = f"up to {sum_text}/h" if buying else f"for {sum_text}/h"
    return Doubt(f"{away} the {measure.name}", f"{away} the {measure.name} {near}: {cost}")


def walk_ucr(ticket: Ticket, instrument: InstrumentUpdate, book: BookView) -> int | None:
    """Return the worst price at which a market order would trade now; None: with nobody."""
    buying = ticket.side == "buy"
    levels = book.asks if buying else book.bids
    best_ucr = book.best_ask_ucr if buying else book.best_bid_ucr
    bound_ucr = reach_ucr(ticket, best_ucr)
    left, worst_ucr = ticket.qty, best_ucr
    for price_ucr in sorted(levels, reverse=not buying):
        assert bound_ucr is not None, "there is a level, so there is a best"
        if left <= 0 or (price_ucr > bound_ucr if buying else price_ucr < bound_ucr):
            break
        left, worst_ucr = left - levels[price_ucr], price_ucr
    return worst_ucr


def _measure(side: Side, book: BookView, last_ucr: int | None, taking: bool) -> Measure | None:
    """Return the market's price for ``side``: whom it meets, else its own side, else the past.

    A market order takes whatever price stands there, so it is held against the last trade too.
    """
    ask = Measure(book.best_ask_ucr, "best ask") if book.best_ask_ucr else None
    bid = Measure(book.best_bid_ucr, "best bid") if book.best_bid_ucr else None
    last = Measure(last_ucr, "last trade") if last_ucr else None
    quoted = (ask or bid) if side == "buy" else (bid or ask)
    if not taking or quoted is None or last is None:
        return quoted or last
    return min(quoted, last) if side == "buy" else max(quoted, last)
