"""The account's panes: the money line, the table of orders, the table of leases and VMs."""

from typing import Final

from exchange.wire.frames import LeaseUpdate, OrderUpdate, VmUpdate
from exchange.wire.text import vm_state
from tui.view.account import Account, accrued_ucr
from tui.view.text import (
    Line,
    clip,
    count_text,
    exact_price_text,
    fit,
    money_text,
    price_text,
    qty_text,
    short_symbol,
    span,
    span_text,
)

SYMBOL_CELLS: Final = 22
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
    line = (
        span(f"{label:<16}", "dim"),
        span(f"{money_text(amount_ucr):>14}", ink),
        span(f"   {note}", "dim"),
    )
    return fit(line, width)


def orders_heading(width: int) -> Line:
    cells = _symbol_cells(width)
    text = f"{'order':<7}{'side':<5}{'symbol':<{cells}}{'price':>9}{'open':>6}"
    return fit((span(text + (f"{'done':>6}" if width >= NARROW else ""), "dim"),), width)


def order_line(order: OrderUpdate, width: int, places: int, cursor: bool) -> Line:
    """Return one open order; ``open`` and ``done`` are its leaves and filled quantity."""
    price = exact_price_text(order.price_ucr, places) if order.price_ucr else "market"
    cells = _symbol_cells(width)
    # Too narrow for a symbol: the class alone still tells orders apart.
    symbol = order.symbol if width >= NARROW else order.symbol.partition(".")[0]
    line: Line = (
        span(f"{clip(order.order_id, 6):<7}", "dim"),
        span(f"{order.side:<5}", SIDE_INK[order.side]),
        span(f"{short_symbol(symbol, cells - 1):<{cells}}"),
        span(f"{price:>9}"),
        span(f"{qty_text(order.leaves_qty):>6}", "own!"),
    )
    if width >= NARROW:
        done = qty_text(order.filled_qty) if order.filled_qty else "–"
        line = (*line, span(f"{done:>6}", "dim"))
    return fit(line, width, "cursor" if cursor else "")


def leases_heading(width: int) -> Line:
    if width < NARROW:
        return fit(
            (span(f"{'lease':<7}{'':<5}{'units':>5}{'price':>9}{'so far':>9}", "dim"),), width
        )
    text = f"{'lease':<7}{'':<5}{'symbol':<{_lease_symbol_cells(width)}}"
    text += f"{'units':>5}{'price':>9}{'so far':>10}{'for':>8}  {'state':<9}"
    return fit((span(text, "dim"),), width)


def lease_line(lease: LeaseUpdate, width: int, places: int, now_ms: int, cursor: bool) -> Line:
    """Return one lease: rented (buy) or let (sell), its price and what is owed so far."""
    verb = "rent" if lease.side == "buy" else "let"
    owed = money_text(accrued_ucr(lease, now_ms))
    cells = _lease_symbol_cells(width)
    head = (
        span(f"{clip(lease.lease_id, 6):<7}", "dim"),
        span(f"{verb:<5}", SIDE_INK[lease.side]),
    )
    figures = (
        span(f"{qty_text(lease.units):>5}"),
        span(f"{price_text(lease.price_ucr, places):>9}"),
    )
    ground = "cursor" if cursor else ""
    if width < NARROW:
        return fit((*head, *figures, span(f"{owed:>9}", "text!")), width, ground)
    line = (
        *head,
        span(f"{short_symbol(lease.symbol, cells - 1):<{cells}}"),
        *figures,
        span(f"{owed:>10}", "text!"),
        span(f"{span_text(now_ms - lease.start_ms):>8}", "dim"),
        span(f"  {lease.state:<9}", "warn" if lease.state == "ending" else "dim"),
    )
    return fit(line, width, ground)


def vm_line(vm: VmUpdate, width: int) -> Line:
    """Return one VM below its lease: name, state, where it is reached."""
    where = "  ".join(f"{end.address}:{end.port}" for end in vm.endpoints[:2])
    ink = "text" if vm.state == "running" else "dim"
    if width < NARROW:
        return fit(
            (
                span(f" └ {clip(vm.name, 10):<11}", ink),
                span(where or vm_state(vm.state, vm.ready_ms), "dim"),
            ),
            width,
        )
    line = (
        span(f"  └ {clip(vm.name, 16):<17}", ink),
        span(f"{vm_state(vm.state, vm.ready_ms):<10}", "dim"),
    )
    return fit((*line, span(where, "dim")), width)


def _symbol_cells(width: int) -> int:
    return max(8, min(34, width - 33 if width >= NARROW else width - 27))


def _lease_symbol_cells(width: int) -> int:
    return max(10, min(34, width - 7 - 5 - 5 - 9 - 10 - 8 - 11))
