"""Leases, rented and let, and their VMs as rows of lists. Pure."""

from collections.abc import Mapping
from typing import Final

from exchange.wire.frames import LeaseUpdate, VmUpdate
from exchange.wire.text import vm_state
from exchange.wire.types import SPOT
from tui.view.account import Account, accrued_ucr
from tui.view.alerts import Alert
from tui.view.model import Model
from tui.view.order_rows import SIDE_INK
from tui.view.table import WHOLE, Cell, Column, Row
from tui.view.text import exact_price_text, money_text, qty_text, span_text
from tui.view.usage import Rate, bytes_text

LEASE_COLUMNS: Final = (
    Column("lease", 1, least=WHOLE),
    Column("", 0, least=4),
    Column("symbol", 0, least=21),
    Column("units", 0, number=True),
    Column("price", 0, number=True),
    Column("so far", 1, number=True),
    Column("posted", 6, number=True),
    Column("state", 0, least=8),
    Column("ends in", 2, number=True),
    Column("VMs", 3, number=True),
    Column("for", 5, number=True),
    Column("host", 4, least=WHOLE),
)
VM_COLUMNS: Final = (
    Column("VM", 0, least=9),
    Column("lease", 1, least=WHOLE),
    Column("state", 0, least=7),
    Column("reached at", 2, least=27),
    Column("CPU", 3, number=True),
    Column("in", 4, number=True),
    Column("out", 4, number=True),
    Column("an hour", 1, number=True),
    Column("id", 5, least=WHOLE),
)


def lease_rows(model: Model, now_ms: int) -> list[Row]:
    """Return the leases, oldest first, what is rented before what is let."""
    account = model.account
    told: dict[str, Alert] = {}
    for alert in account.alerts.open(now_ms):
        told.setdefault(alert.lease_id, alert)
    leases = sorted(account.leases.values(), key=lambda lease: lease.side != "buy")
    return [_lease(lease, model, told.get(lease.lease_id), now_ms) for lease in leases]


def _lease(lease: LeaseUpdate, model: Model, alert: Alert | None, now_ms: int) -> Row:
    vms = sum(vm.lease_id == lease.lease_id for vm in model.account.vms.values())
    ends_ms, owed = lease.ends_ms, accrued_ucr(lease, now_ms)
    metered = lease.symbol.split(".")[2:3] == ["metered"]
    cells = (
        Cell(lease.lease_id, "dim", _number(lease.lease_id)),
        Cell("rent" if lease.side == "buy" else "let", SIDE_INK[lease.side]),
        Cell(lease.symbol),
        Cell(qty_text(lease.units), "own!", lease.units),
        Cell(exact_price_text(lease.price_ucr, model.places(lease.symbol)), order=lease.price_ucr),
        Cell(("≤" if metered else "") + money_text(owed), "text!", owed),
        Cell(money_text(lease.charged_ucr), "dim", lease.charged_ucr),
        state_cell(lease, alert, now_ms),
        Cell("–" if ends_ms is None else span_text(ends_ms - now_ms), order=ends_ms or 0),
        Cell(str(vms) if lease.side == "buy" else "–", "dim", vms),
        Cell(span_text(now_ms - lease.start_ms), "dim", lease.start_ms),
        Cell(lease.host, "dim"),
    )
    return Row(lease.lease_id, cells, lease)


def state_cell(lease: LeaseUpdate, alert: Alert | None, now_ms: int) -> Cell:
    """Return where a lease stands; what is wrong with it comes first."""
    if alert is None:
        return Cell(lease.state, "warn" if lease.state == "ending" else "dim")
    at_ms = alert.at_ms
    match alert.kind:
        case "recall":
            units = f"{alert.units} " if alert.units else ""
            left = span_text(at_ms - now_ms) if at_ms is not None else "2m"
            return Cell(f"recall: {units}in {left}", "warn")
        case "host_silent":
            since = f" {span_text(now_ms - at_ms)}" if at_ms is not None else ""
            return Cell(f"host silent{since}", "warn")
        case "funds_low":
            return Cell("money short", "warn")


def vm_rows(model: Model, rates: Mapping[str, Rate]) -> list[Row]:
    """Return the VMs in the order of their leases."""
    account = model.account
    order = {lease_id: number for number, lease_id in enumerate(account.leases)}
    vms = sorted(account.vms.values(), key=lambda vm: order.get(vm.lease_id, len(order)))
    return [_vm(vm, model, rates.get(vm.vm_id)) for vm in vms]


def _vm(vm: VmUpdate, model: Model, rate: Rate | None) -> Row:
    state = vm_state(vm.state, vm.ready_ms)
    ink = "text" if state == "ready" else "warn" if vm.reason else "dim"
    cells = (
        Cell(vm.name, "text!" if state == "ready" else "text"),
        Cell(vm.lease_id, "dim", _number(vm.lease_id)),
        Cell(state, ink),
        Cell(reached(vm) or "–", "text"),
        Cell(f"{rate.cpu_pct:.0f} %" if rate else "–", "dim", rate.cpu_pct if rate else 0),
        Cell(bytes_text(rate.down_bps) if rate else "–", "dim", rate.down_bps if rate else 0),
        Cell(bytes_text(rate.up_bps) if rate else "–", "dim", rate.up_bps if rate else 0),
        _cost(model, vm),
        Cell(vm.vm_id, "dim", _number(vm.vm_id)),
    )
    return Row(vm.vm_id, cells, vm)


def _cost(model: Model, vm: VmUpdate) -> Cell:
    """Return what the VM's unit costs an hour, at most when it is metered."""
    lease = model.account.leases.get(vm.lease_id)
    if lease is None:
        return Cell("–", "dim", 0)
    price = exact_price_text(lease.price_ucr, model.places(lease.symbol))
    metered = lease.symbol.split(".")[2:3] == ["metered"]
    return Cell(("≤" if metered else "") + price, order=lease.price_ucr)


def reached(vm: VmUpdate) -> str:
    """Return where each port is reached: ``80 at 10.0.0.1:30080``; IPv6 stands in brackets."""
    told = []
    for end in vm.endpoints:
        host = f"[{end.address}]" if ":" in end.address else end.address
        told.append(f"{end.guest_port} at {host}:{end.port}")
    return ", ".join(told)


def sums_text(account: Account) -> str:
    """Return what is rented and let, and what that costs and earns an hour."""
    told = []
    for side, word in (("buy", "rented"), ("sell", "let")):
        leases = [lease for lease in account.leases.values() if lease.side == side]
        units = sum(lease.units for lease in leases)
        rate = sum(lease.units * lease.price_ucr for lease in leases)
        if units:
            told.append(f"{units:,} {word} at {money_text(rate)}/h")
    return ", ".join(told)


def is_spot(lease: LeaseUpdate) -> bool:
    """Tell whether a lease goes on until it is ended."""
    return lease.symbol.endswith(f".{SPOT}")


def _number(ident: str) -> int:
    tail = ident.rpartition("-")[2]
    return int(tail) if tail.isascii() and tail.isdecimal() else 0
