"""Leases and their VMs as tables for people, and what a release costs. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from exchange.cli.fleet.table import Column, lines
from exchange.cli.fleet.text import ago
from exchange.units import MS_PER_HOUR, ceil_div, count_text, credits_text
from exchange.wire.terms import MINIMUM_SPOT_MS
from exchange.wire.text import vm_state
from exchange.wire.types import SPOT

Row = Mapping[str, Any]

LEASES: Final = (
    Column("LEASE"),
    Column("SIDE", 1),
    Column("INSTRUMENT"),
    Column("UNITS", right=True),
    Column("PRICE/H", 1, right=True),
    Column("CHARGED", 4, right=True),
    Column("STATE"),
    Column("ENDS IN", 2, right=True),
    Column("VMS", 3, right=True),
    Column("HOST", 5),
)
VMS: Final = (
    Column("VM"),
    Column("LEASE", 1),
    Column("NAME", 2),
    Column("STATE"),
    Column("PORT", 1, right=True),
    Column("REACHED AT"),
)
SIDES: Final = {"buy": "rented", "sell": "let"}


class Cost(Struct, frozen=True):
    """What a release leaves to pay, posted charges included. ``about_ucr``: the time until now of
    a flat price; None where the price depends on the CPU used. ``full``: a window's whole price."""

    least_ucr: int
    about_ucr: int | None
    full: bool


def lease_lines(
    leases: Sequence[Row], vms: Sequence[Row], now_ms: int, width: int
) -> Iterator[str]:
    """Yield the table of leases and the sums of both sides."""
    yield from lines(LEASES, [_lease(row, vms, now_ms) for row in leases], width)
    yield f"{count_text(len(leases), 'lease')}{_sums(leases)}"


def vm_lines(vms: Sequence[Row], width: int) -> Iterator[str]:
    """Yield the table of VMs, with a row for each port, and how many there are."""
    rows = [row for vm in vms for row in vm_rows(vm)]
    yield from lines(VMS, rows, width)
    yield count_text(len(vms), "VM")


def vm_rows(vm: Row) -> Iterator[tuple[str, ...]]:
    """Yield a VM's row, and one more for each further port."""
    ports = [(str(each["guest_port"]), reached(each)) for each in vm["endpoints"]]
    state = vm_state(vm["state"], vm.get("ready_ms"))
    first, *further = ports or [("-", "-")]
    yield (vm["vm_id"], vm["lease_id"], vm["name"], state, *first)
    for port in further:
        yield ("", "", "", "", *port)


def reached(endpoint: Row) -> str:
    """Return where a guest's port is reached; an IPv6 address stands in brackets."""
    address = endpoint["address"]
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{endpoint['port']}"


def release_lines(
    lease: Row, vms: Sequence[Row], units: int | None, at: bool, now_ms: int
) -> Iterator[str]:
    """Yield what giving back ``units`` (None: all) of a lease does; ``at``: later."""
    gone = lease["units"] if units is None else min(units, lease["units"])
    each = f"of {lease['symbol']} at {credits_text(lease['price_ucr'])}"
    had = count_text(lease["units"], "unit")
    yield f"{lease['lease_id']}: gives back {gone} of {had} {each} an hour"
    yield f"  {_dying([vm for vm in vms if vm['lease_id'] == lease['lease_id']], lease, gone, at)}"
    yield f"  {_owed(cost(lease, gone, now_ms))}"


def cost(lease: Row, units: int, now_ms: int) -> Cost:
    """Return what is owed when ``units`` go now (rules.md 5.2, 5.4).

    ``least_ucr`` leaves out what waits and silences may take off the time that has passed.
    """
    price, charged = lease["price_ucr"], lease["charged_ucr"]
    _, _, pricing, delivery = lease["symbol"].rsplit(".", 3)
    if delivery != SPOT and pricing == "flat":
        return Cost(max(charged, lease["units"] * price), None, full=True)
    if delivery != SPOT:
        return Cost(charged, None, full=False)
    silent = lease.get("silent_since_ms") is not None
    minimum = 0 if silent else ceil_div(units * price * MINIMUM_SPOT_MS, MS_PER_HOUR)
    if pricing != "flat":
        return Cost(max(charged, minimum), None, full=False)
    passed_ms = max(0, now_ms - lease["start_ms"])
    so_far = passed_ms * lease["units"] * price // MS_PER_HOUR
    return Cost(max(charged, minimum), max(charged, minimum, so_far), full=False)


def _dying(vms: Sequence[Row], lease: Row, units: int, at: bool) -> str:
    named = ", ".join(f"{vm['vm_id']} {vm['name']}" for vm in vms)
    if not vms:
        return "no VM runs on it"
    if units == lease["units"]:
        return f"{'these VMs die' if len(vms) > 1 else 'this VM dies'}: {named}"
    if at:
        return f"the newest VMs die if too few units are without one then: {named}"
    return f"only units without a VM can go now; these stay: {named}"


def _owed(owed: Cost) -> str:
    if owed.full:
        return f"a window is owed in full: {credits_text(owed.least_ucr)} credits"
    least = f"at least {credits_text(owed.least_ucr)} credits are owed in all"
    if owed.about_ucr is None or owed.about_ucr == owed.least_ucr:
        return least
    return f"{least}, about {credits_text(owed.about_ucr)} by now"


def _lease(row: Row, vms: Sequence[Row], now_ms: int) -> tuple[str, ...]:
    ends_ms = row.get("ends_ms")
    count = sum(vm["lease_id"] == row["lease_id"] for vm in vms)
    return (
        row["lease_id"],
        SIDES[row["side"]],
        row["symbol"],
        str(row["units"]),
        credits_text(row["price_ucr"]),
        credits_text(row["charged_ucr"]),
        _state(row, now_ms),
        "-" if ends_ms is None else ago(ends_ms - now_ms),
        str(count) if row["side"] == "buy" else "-",
        row["host"],
    )


def _state(row: Row, now_ms: int) -> str:
    """Return where a lease stands: what its buyer must know now comes first."""
    if (silent_ms := row.get("silent_since_ms")) is not None:
        return f"host silent {ago(now_ms - silent_ms)}"
    if recalls := row.get("recalls"):
        units = sum(each["units"] for each in recalls)
        return f"{units} end in {ago(recalls[0]['at_ms'] - now_ms)}"
    return str(row["state"])


def _sums(leases: Sequence[Row]) -> str:
    told = []
    for side, word in SIDES.items():
        rows = [row for row in leases if row["side"] == side]
        if rows:
            units = sum(row["units"] for row in rows)
            rate_ucr = sum(row["units"] * row["price_ucr"] for row in rows)
            of_it = f"{count_text(units, 'unit')} {word}"
            told.append(f"{of_it} at {credits_text(rate_ucr)} an hour")
    return f": {', '.join(told)}" if told else ""
