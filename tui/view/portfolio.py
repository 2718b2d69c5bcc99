"""The account's panes: the money line, the table of orders, the table of leases and VMs."""

from collections.abc import Sequence
from typing import Final

from exchange.units import count_text
from exchange.wire.frames import LeaseUpdate, OrderUpdate, VmUpdate
from exchange.wire.text import vm_state
from tui.view.account import Account, accrued_ucr
from tui.view.ranked import Column, table
from tui.view.text import (
    Line,
    Span,
    clip,
    exact_price_text,
    fit,
    money_text,
    qty_text,
    span,
    span_text,
    width_of,
)

NARROW: Final = 60
SIDE_INK: Final = {"buy": "bid", "sell": "ask"}


def summary_line(account: Account, width: int) -> Line:
    """Return the portfolio in one row; parts that do not fit are left out, last first."""
    if not account.known:
        return fit((span(" watching only: no key, no account", "dim"),), width)
    parts: list[Line] = [
        (span(" free ", "dim"), span(money_text(account.available_ucr), "text!")),
        (span("  held ", "dim"), span(money_text(account.held_ucr))),
        (span("  orders ", "dim"), span(str(len(account.orders)))),
        _position(account, "renting", "buy"),
        _position(account, "letting", "sell"),
        (span("  VMs ", "dim"), span(str(len(account.vms)))),
    ]
    line: Line = ()
    for part in parts:
        if sum(len(text) for text, _, _ in (*line, *part)) <= width:
            line = (*line, *part)
    return fit(line, width)


def _position(account: Account, label: str, side: str) -> Line:
    buying = side == "buy"
    units = account.units("buy" if buying else "sell")
    rate = account.rate_ucr("buy" if buying else "sell")
    line: Line = (span(f"  {label} ", "dim"), span(str(units), SIDE_INK[side] if units else "text"))
    if units:
        line = (*line, span(f" {money_text(rate)}/h", "dim"))
    return line


def summary_lines(account: Account, width: int, now_ms: int) -> list[Line]:
    """Return the portfolio as a small table: one figure a row, numbers aligned."""
    if not account.known:
        return [fit((span("watching only: no key, no account", "dim"),), width)]
    leases = account.leases.values()
    spent = sum(accrued_ucr(lease, now_ms) for lease in leases if lease.side == "buy")
    earned = sum(accrued_ucr(lease, now_ms) for lease in leases if lease.side == "sell")
    return [
        _figure("available", account.available_ucr, "", width, "text!"),
        _figure("held", account.held_ucr, count_text(len(account.orders), "order"), width),
        _figure(
            "renting /h", account.rate_ucr("buy"), count_text(account.units("buy"), "unit"), width
        ),
        _figure("  owed so far", spent, "", width, "dim"),
        _figure(
            "letting /h", account.rate_ucr("sell"), count_text(account.units("sell"), "unit"), width
        ),
        _figure("  earned so far", earned, "", width, "dim"),
    ]


def _figure(label: str, amount_ucr: int, note: str, width: int, ink: str = "text") -> Line:
    line: Line = (span(f"{label:<16}", "dim"), span(f"{money_text(amount_ucr):>14}", ink))
    more = (span(f"   {note}", "dim"),)
    return fit((*line, *more) if width_of((*line, *more)) <= width else line, width)


ORDERS: Final = (
    Column("order", 5, 3),
    Column("side", 0, 1, initial=True),
    Column("symbol", 1, 5, symbol=True),
    Column("price", 0, 6, number=True),
    Column("open", 0, 4, number=True),
    Column("done", 3, 4, number=True),
)
LEASES: Final = (
    Column("lease", 7, 3),
    Column("", 3, 4),
    Column("symbol", 0, 11, symbol=True),
    Column("units", 2, 5, number=True),
    Column("price", 4, 6, number=True),
    Column("so far", 5, 7, number=True),
    Column("for", 6, 7, number=True),
    Column("state", 1, 6),
)


def orders_table(
    orders: Sequence[OrderUpdate], width: int, places: int, cursor: int = -1
) -> list[Line]:
    """Return the open orders below their heading; ``done`` is what has filled of each."""
    return table(ORDERS, [_order_cells(order, places) for order in orders], width, cursor)


def _order_cells(order: OrderUpdate, places: int) -> tuple[Span, ...]:
    return (
        span(order.order_id, "dim"),
        span(order.side, SIDE_INK[order.side]),
        span(order.symbol),
        span(exact_price_text(order.price_ucr, places) if order.price_ucr else "market"),
        span(qty_text(order.leaves_qty), "own!"),
        span(qty_text(order.filled_qty) if order.filled_qty else "–", "dim"),
    )


def leases_table(
    leases: Sequence[LeaseUpdate], width: int, places: int, now_ms: int, cursor: int = -1
) -> list[Line]:
    """Return leases below their heading: rented or let, the price, what is owed so far."""
    return table(LEASES, [_lease_cells(lease, places, now_ms) for lease in leases], width, cursor)


def _lease_cells(lease: LeaseUpdate, places: int, now_ms: int) -> tuple[Span, ...]:
    return (
        span(lease.lease_id, "dim"),
        span("rent" if lease.side == "buy" else "let", SIDE_INK[lease.side]),
        span(lease.symbol),
        span(qty_text(lease.units)),
        span(exact_price_text(lease.price_ucr, places)),
        span(money_text(accrued_ucr(lease, now_ms)), "text!"),
        span(span_text(now_ms - lease.start_ms), "dim"),
        span(lease.state, "warn" if lease.state == "ending" else "dim"),
    )


def vm_line(vm: VmUpdate, width: int) -> Line:
    """Return one VM below its lease: name, state, where it is reached as far as that fits."""
    ink = "text" if vm.state == "running" else "dim"
    name, state = clip(vm.name, 10 if width < NARROW else 16), vm_state(vm.state, vm.ready_ms)
    line: Line = (span(f" └ {name} ", ink), span(state, "dim"))
    for end in vm.endpoints[:2]:
        where = (span(f"  {end.address}:{end.port}", "dim"),)
        if width_of((*line, *where)) <= width:
            line = (*line, *where)
    return fit(line, width)
