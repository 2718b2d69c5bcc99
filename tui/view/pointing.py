"""What the mouse means on the market's panes: which price, which row, which order. Pure."""

from typing import Literal, NamedTuple, TypeAlias

from exchange.wire.frames import OrderUpdate
from exchange.wire.requests import OrderCancel
from exchange.wire.types import Side
from tui.view import ladder_lines
from tui.view.dealing import Order
from tui.view.desk import Desk
from tui.view.layout import Pane
from tui.view.panes import HEADING_ROWS, first_shown
from tui.view.text import exact_price_text
from tui.view.words import terms

Deed: TypeAlias = Literal["replace", "cancel"]


class Offer(NamedTuple):
    """One line of the menu on an own order."""

    deed: Deed
    order_id: str
    text: str


def put_cursor(desk: Desk, pane: Pane, y: int, height: int) -> bool:
    """Put the cursor of ``pane`` on the row at ``y``; tells whether there is one."""
    row = y - HEADING_ROWS
    if row < 0:
        return False
    if pane == "ladder":
        grid = desk.grid()
        if grid is not None:
            desk.cursor_to(grid.top_ucr - row * grid.step_ucr)
        return grid is not None
    at = _list_row(desk, pane, row, height - HEADING_ROWS)
    if at is not None:
        desk.cursors[pane] = at
    return at is not None


def _list_row(desk: Desk, pane: Pane, row: int, rows: int) -> int | None:
    """Return which entry of a list is drawn at ``row``; a VM's row is its lease's."""
    account = desk.model.account
    entries = {
        "orders": [1] * len(account.orders),
        "instruments": [1] * len(desk.model.listed()),
        "leases": [
            1 + sum(vm.lease_id == lease_id for vm in account.vms.values())
            for lease_id in account.leases
        ],
    }.get(pane, [])
    at = desk.cursor(pane, len(entries)) if desk.focus == pane else -1
    for index in range(first_shown(at, len(entries), rows), len(entries)):
        row -= entries[index]
        if row < 0:
            return index
    return None


def side_at(desk: Desk, x: int, width: int) -> Side:
    """Return what a click on the ladder means: left of the prices buys, right of them sells.

    On a price itself: at the best ask and above it sells, below it buys.
    """
    columns = ladder_lines.columns(width, desk.model.places(desk.symbol), desk.grid())
    first = columns.own + columns.side
    if first <= x < first + columns.price:
        grid, ask = desk.grid(), desk.book.best_ask_ucr
        return "sell" if grid and ask is not None and grid.cursor_ucr >= ask else "buy"
    return "buy" if x < first else "sell"


def arm_limit(desk: Desk, side: Side, now_ms: int) -> None:
    """Arm a limit order at the cursor (a double click)."""
    desk.deal(side)
    if desk.dealing.ticket.stage == "staged":
        desk.dealing.edit(desk.dealing.ticket.as_limit())
        desk.confirm(now_ms)


def arm_taking(desk: Desk, column: Side, now_ms: int) -> None:
    """Arm an order that takes what rests down to the cursor's price, and never rests itself.

    ``column``: bids are in the buyers' column, so there it sells, and the other way round.
    """
    side: Side = "sell" if column == "buy" else "buy"
    grid = desk.grid()
    if grid is None or not _to_take(desk, side, grid.cursor_ucr):
        price = exact_price_text(grid.cursor_ucr, desk.model.places(desk.symbol)) if grid else ""
        desk.say(f"Nothing to {'buy' if side == 'buy' else 'sell to'} at {price}.", "text")
        return
    desk.deal(side)
    if desk.dealing.ticket.stage == "staged":
        desk.dealing.edit(desk.dealing.ticket.as_taking())
        desk.confirm(now_ms)


def _to_take(desk: Desk, side: Side, price_ucr: int) -> bool:
    best = desk.book.best_ask_ucr if side == "buy" else desk.book.best_bid_ucr
    if best is None:
        return False
    return best <= price_ucr if side == "buy" else best >= price_ucr


def offers(desk: Desk) -> list[Offer]:
    """Return what can be done with our orders at the cursor, oldest first."""
    made: list[Offer] = []
    for order in desk.orders_here():
        name = f"{terms(order, desk.model.places(order.symbol))}  {order.order_id}"
        made.append(Offer("replace", order.order_id, f"Replace  {name}"))
        made.append(Offer("cancel", order.order_id, f"Cancel   {name}"))
    return made


def accept(desk: Desk, offer: Offer) -> list[Order]:
    """Do what was picked in the menu; an order that is done by now is said to be."""
    order: OrderUpdate | None = desk.model.account.orders.get(offer.order_id)
    if order is None:
        desk.say(f"{offer.order_id} is done.", "text")
        return []
    if offer.deed == "replace":
        desk.model.message = None
        desk.dealing.stage_replace(order)
        return []
    return [OrderCancel(req_id=1, order_id=order.order_id)]
