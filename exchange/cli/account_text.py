"""The state of an account as text for people: one aligned row for each item. Pure."""

from collections.abc import Iterator
from typing import Any

from exchange.cli.common import money
from exchange.cli.result_text import Row, table
from exchange.units import credits_text
from exchange.wire.text import vm_state


def account_lines(state: dict[str, Any]) -> Iterator[str]:
    """Yield an ``account.state`` result, money in credits; parts without rows are left out."""
    balances = state["balances"]
    yield f"available {money(balances['available_ucr'])}, held {money(balances['held_ucr'])}"
    orders = [_order(row) for row in state["orders"]]
    yield from table(("ORDER", "OF YOURS", "", "INSTRUMENT", "LEFT", "PRICE/H", "STATUS"), orders)
    leases = [_lease(row) for row in state["leases"]]
    names = ("LEASE", "", "INSTRUMENT", "UNITS", "PRICE/H", "CHARGED", "HOST", "STATE")
    yield from table(names, leases)
    vms = [_vm(row) for row in state["vms"]]
    yield from table(("VM", "LEASE", "NAME", "STATE", "REACHED AT"), vms)
    images = [(row["sha256"], str(row["size"]), row["format"]) for row in state["images"]]
    yield from table(("IMAGE", "BYTES", "FORMAT"), images)


def _order(row: dict[str, Any]) -> Row:
    left = f"{row['leaves_qty']} of {row['order_qty']}"
    price = credits_text(row["price_ucr"]) if row.get("price_ucr") is not None else "market"
    mine = row["client_order_id"]
    return (row["order_id"], mine, row["side"], row["symbol"], left, price, row["status"])


def _lease(row: dict[str, Any]) -> Row:
    return (
        row["lease_id"],
        row["side"],
        row["symbol"],
        str(row["units"]),
        credits_text(row["price_ucr"]),
        credits_text(row["charged_ucr"]),
        row["host"],
        row["state"],
    )


def _vm(row: dict[str, Any]) -> Row:
    guests = [
        f"{each['address']}:{each['port']} -> {each['guest_port']}" for each in row["endpoints"]
    ]
    state = vm_state(row["state"], row.get("ready_ms"))
    return (row["vm_id"], row["lease_id"], row["name"], state, ", ".join(guests))
