"""What replacing and canceling on the Orders screen asks, and the requests they come to. Pure."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from exchange.units import count_text
from exchange.wire.frames import OrderUpdate
from exchange.wire.requests import OrderMassCancel, OrderReplace
from exchange.wire.types import Side
from manager.core.order_ids import MANAGERS_ORDERS
from tui.view.book import BookView
from tui.view.entry import Fault, read_price, read_qty
from tui.view.form import Checked, Form, FormField, Values
from tui.view.guard import doubt
from tui.view.model import Model
from tui.view.text import exact_price_text
from tui.view.ticket import Ticket, clash, cost_text, queue_note, replacement, replacing


class Asked(NamedTuple):
    """A question, what it costs, and what a yes sends."""

    question: str
    more: str
    request: OrderReplace | OrderMassCancel


def replace_form(order: OrderUpdate, model: Model) -> Form:
    """Return the form that asks for an order's new price and total."""
    places = model.places(order.symbol)
    price = exact_price_text(order.price_ucr, places) if order.price_ucr else ""
    filled = f", {order.filled_qty:,} filled" if order.filled_qty else ""
    title = f"Replace {order.order_id}: {order.side} {order.order_qty:,} {order.symbol}{filled}"
    fields = (FormField("price", "price", price), FormField("total", "total", str(order.order_qty)))
    return Form(title, fields, lambda values: _checked(order, model, values))


def replaced(order: OrderUpdate, model: Model, values: Values, limit_pct: int) -> Asked | None:
    """Return the question before a replace, None when the values are no order."""
    ticket = _ticket(order, model, values)
    if isinstance(ticket, Fault) or clash(ticket):
        return None
    places = model.places(order.symbol)
    new = f"{ticket.qty:,} at {exact_price_text(ticket.price_ucr, places)}"
    more = _meaning(ticket, model)
    known, last = model.instruments.get(order.symbol), model.tape(order.symbol).last
    if known is not None:
        book = model.books.get(order.symbol) or BookView(order.symbol)
        slip = doubt(ticket, known, book, last.price_ucr if last else None, limit_pct, places)
        more += f"\nLooks like a slip: {slip.text}." if slip else ""
    return Asked(f"Replace {order.order_id} by {order.side} {new}?", more, replacement(ticket))


def unchanged(order: OrderUpdate, model: Model) -> bool:
    """Tell whether an order still is what it was when the question was asked."""
    now = model.account.orders.get(order.order_id)
    if now is None:
        return False
    was = (order.price_ucr, order.order_qty, order.filled_qty)
    return was == (now.price_ucr, now.order_qty, now.filled_qty)


def cancel_some(
    orders: Iterable[OrderUpdate], symbol: str | None, side: Side | None
) -> Asked | None:
    """Return the question before canceling by symbol or side, None when there is nothing to."""
    hit = [
        order for order in orders if symbol in (None, order.symbol) and side in (None, order.side)
    ]
    if not hit:
        return None
    which = f"{count_text(len(hit), side or 'order')}" + (f" of {symbol}" if symbol else "")
    units = sum(order.leaves_qty for order in hit)
    markets = len({order.symbol for order in hit})
    what = "1 unit leaves" if units == 1 else f"{units:,} units leave"
    more = f"{what} the book of {count_text(markets, 'instrument')}."
    return Asked(f"Cancel {which}?", more, OrderMassCancel(req_id=1, symbol=symbol, side=side))


def _checked(order: OrderUpdate, model: Model, values: Values) -> Checked:
    ticket = _ticket(order, model, values)
    if isinstance(ticket, Fault):
        return Checked(False, ticket.text)
    if clash(ticket):
        return Checked(False, "nothing changes yet")
    return Checked(True, _meaning(ticket, model))


def _ticket(order: OrderUpdate, model: Model, values: Values) -> Ticket | Fault:
    known = model.instruments.get(order.symbol)
    price, qty = read_price(values["price"], known), read_qty(values["total"])
    if isinstance(price, Fault):
        return price
    if isinstance(qty, Fault):
        return qty
    return replacing(order).with_price(price).with_qty(qty)


def _meaning(ticket: Ticket, model: Model) -> str:
    assert ticket.replaces is not None, "only of a replace"
    known = model.instruments.get(ticket.replaces.symbol)
    if known is None:
        return queue_note(ticket).capitalize()
    return f"{queue_note(ticket).capitalize()}; {cost_text(ticket, known, None)}."


def cancel_all_text(orders: Collection[OrderUpdate]) -> str:
    """Ask whether to cancel ``orders``; a Manager places its own again."""
    count = len(orders)
    theirs = sum(order.client_order_id.startswith(MANAGERS_ORDERS) for order in orders)
    whole = "your one open order" if count == 1 else f"all {count} open orders"
    again = f" The Manager places its {theirs} again." if theirs else ""
    return f"Cancel {whole}?{again}"
