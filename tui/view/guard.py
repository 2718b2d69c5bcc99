"""The guard against a slip of the finger: a price far through the market is asked about.

The rule is `exchange/price_guard.py`; here it is held against the book, which a market order walks.
"""

from typing import Final, NamedTuple

from exchange.price_guard import near, pct_through
from exchange.wire.frames import InstrumentUpdate
from tui.view.book import BookView
from tui.view.text import exact_price_text, money_text
from tui.view.ticket import Ticket, reach_ucr

FAT_FINGER_MAX: Final = 10_000


class Doubt(NamedTuple):
    """How far through the market an order is (``short``), and that with what it may cost."""

    short: str
    text: str


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
    buying = ticket.side == "buy"
    found = near(buying, book.best_bid_ucr, book.best_ask_ucr, last_ucr, market)
    if not limit_pct or worst_ucr is None or found is None:
        return None
    pct = pct_through(buying, worst_ucr, found, limit_pct)
    if pct is None:
        return None
    away = f"{pct:,} % {'above' if buying else 'below'} the {found.name}"
    sum_text = money_text(ticket.open_qty * worst_ucr)
    cost = f"up to {sum_text}/h" if buying else f"for {sum_text}/h"
    return Doubt(away, f"{away} {exact_price_text(found.price_ucr, places)}: {cost}")


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
