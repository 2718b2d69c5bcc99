"""Builders of frames for the view tests: only what a test cares about is spelled out."""

from exchange.wire.frames import (
    BookSnapshot,
    BookUpdate,
    InstrumentUpdate,
    LeaseUpdate,
    OrderUpdate,
    Trade,
)
from exchange.wire.types import OrderStatus, Side
from tui.view.book import BookView

SYMBOL = "small.eu-de.flat.spot"
WINDOW = "small.eu-de.flat.2026-11-23T18"


def instrument(symbol: str = SYMBOL, tick_ucr: int = 100) -> InstrumentUpdate:
    class_, zone, pricing, delivery = symbol.split(".")
    return InstrumentUpdate(symbol, "open", tick_ucr, class_, zone, "DE", pricing, delivery)


def snapshot(bids: dict[int, int], asks: dict[int, int], seq: int = 1) -> BookSnapshot:
    rows = [(price, qty, 1) for price, qty in bids.items()]
    others = [(price, qty, 1) for price, qty in asks.items()]
    return BookSnapshot(SYMBOL, seq, 0, rows, others, 0)


def update(bids: list[tuple[int, int, int]], asks: list[tuple[int, int, int]]) -> BookUpdate:
    return BookUpdate(SYMBOL, 1, 2, 0, bids, asks, 0)


def book(bids: dict[int, int], asks: dict[int, int]) -> BookView:
    view = BookView(SYMBOL)
    view.reset(snapshot(bids, asks))
    return view


def trade(number: int, price_ucr: int = 31_200, qty: int = 1, side: Side = "buy") -> Trade:
    return Trade(SYMBOL, f"t-{number}", price_ucr, qty, side, number, number * 1000)


def order(
    number: int,
    side: Side = "buy",
    price_ucr: int = 31_000,
    qty: int = 5,
    exec_: str = "new",
    status: OrderStatus = "new",
    filled: int = 0,
) -> OrderUpdate:
    done = status in ("filled", "canceled", "expired")
    return OrderUpdate(
        account_seq=number,
        seq=number,
        ts_ms=0,
        order_id=f"o-{number}",
        client_order_id=f"c-{number}",
        symbol=SYMBOL,
        side=side,
        exec=exec_,
        status=status,
        order_qty=qty,
        filled_qty=filled,
        leaves_qty=0 if done else qty - filled,
        filled_notional_ucr=filled * price_ucr,
        price_ucr=price_ucr,
        last_qty=filled or None,
        last_price_ucr=price_ucr if filled else None,
        trade_id=f"t-{number}" if filled else None,
    )


def lease(number: int, side: Side = "buy", units: int = 4, price_ucr: int = 31_200) -> LeaseUpdate:
    return LeaseUpdate(
        number,
        number,
        0,
        f"l-{number}",
        f"t-{number}",
        SYMBOL,
        side,
        "h-1",
        units,
        price_ucr,
        "active",
        0,
        0,
    )
