"""The state of an account as lines for people: one aligned row for each thing. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from exchange.units import credits_text
from exchange.wire.text import vm_state

GAP: Final = "  "
PLACES: Final = 6

Row = Sequence[str]


def account_lines(state: dict[str, Any]) -> Iterator[str]:
    """Yield an ``account.state`` result, money in credits; parts without rows are left out."""
    money = state["balances"]
    yield f"available {_credits(money['available_ucr'])}, held {_credits(money['held_ucr'])}"
    orders = [_order(row) for row in state["orders"]]
    yield from table(("ORDER", "OF YOURS", "", "INSTRUMENT", "LEFT", "PRICE/H", "STATUS"), orders)
    leases = [_lease(row) for row in state["leases"]]
    names = ("LEASE", "", "INSTRUMENT", "UNITS", "PRICE/H", "CHARGED", "HOST", "STATE")
    yield from table(names, leases)
    vms = [_vm(row) for row in state["vms"]]
    yield from table(("VM", "LEASE", "NAME", "STATE", "REACHED AT"), vms)
    images = [(row["sha256"], str(row["size"]), row["format"]) for row in state["images"]]
    yield from table(("IMAGE", "BYTES", "FORMAT"), images)


def table(names: Row, rows: Sequence[Row]) -> Iterator[str]:
    """Yield an empty line, the names and the rows, columns aligned; nothing without rows."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    yield ""
    for row in (names, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield GAP.join(cells).rstrip()


def _order(row: dict[str, Any]) -> Row:
    left = f"{row['leaves_qty']} of {row['order_qty']}"
    price = _credits(row["price_ucr"]) if row.get("price_ucr") is not None else "market"
    mine = row["client_order_id"]
    return (row["order_id"], mine, row["side"], row["symbol"], left, price, row["status"])


def _lease(row: dict[str, Any]) -> Row:
    return (
        row["lease_id"],
        row["side"],
        row["symbol"],
        str(row["units"]),
        _credits(row["price_ucr"]),
        _credits(row["charged_ucr"]),
        row["host"],
        row["state"],
    )


def _vm(row: dict[str, Any]) -> Row:
    guests = [
        f"{each['address']}:{each['port']} -> {each['guest_port']}" for each in row["endpoints"]
    ]
    state = vm_state(row["state"], row.get("ready_ms"))
    return (row["vm_id"], row["lease_id"], row["name"], state, ", ".join(guests))


def _credits(amount_ucr: int) -> str:
    return credits_text(amount_ucr, PLACES)
