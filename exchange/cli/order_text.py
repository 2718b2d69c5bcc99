"""What became of an order, and orders that rest, as text for people. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from exchange.cli.fleet.table import Column, lines
from exchange.units import count_text, credits_text
from exchange.wire.types import Side

FILLS: Final = (
    Column("TRADE"),
    Column("UNITS", right=True),
    Column("PRICE/H", right=True),
    Column("LEASES"),
)
ORDERS: Final = (
    Column("ORDER"),
    Column("SIDE"),
    Column("INSTRUMENT"),
    Column("OPEN", right=True),
    Column("OF", 1, right=True),
    Column("PRICE/H", right=True),
    Column("YOUR ID", 4),
)
PAST: Final[dict[Side, str]] = {"buy": "bought", "sell": "sold"}


def placed_lines(
    order: Mapping[str, Any], result: Mapping[str, Any], leases: Sequence[Any], width: int
) -> Iterator[str]:
    """Yield what became of the request ``order``, and a table of its fills."""
    done = f"{PAST[order['side']]} {result['filled_qty']} of {order['qty']} {order['symbol']}"
    before = "was placed before: " if result["duplicate"] else ""
    yield f"{result['order_id']}: {before}{done}{_at(result)}{_rest(result, order)}"
    yield from lines(FILLS, fill_rows(result["fills"], leases), width)


def replaced_lines(
    order: Mapping[str, Any], result: Mapping[str, Any], leases: Sequence[Any], width: int
) -> Iterator[str]:
    """Yield what became of an order that was replaced; ``fills`` are those of the replacement."""
    traded = sum(fill["qty"] for fill in result["fills"])
    now = f", traded {traded} now{_at(result)}" if traded else ""
    done = f"{result['filled_qty']} traded in all"
    yield f"{result['order_id']}: replaced{now}, {done}{_rest(result, order)}"
    yield from lines(FILLS, fill_rows(result["fills"], leases), width)


def order_lines(orders: Sequence[Mapping[str, Any]], width: int) -> Iterator[str]:
    """Yield the table of live orders, and how many there are."""
    yield from lines(ORDERS, [_order(row) for row in orders], width)
    yield count_text(len(orders), "open order")


def fill_rows(fills: Sequence[Any], leases: Sequence[Any]) -> list[tuple[str, ...]]:
    """Return a row for each fill, with the leases that it made."""
    made: dict[str, list[str]] = {}
    for lease in leases:
        made.setdefault(lease["trade_id"], []).append(lease["lease_id"])
    return [
        (
            fill["trade_id"],
            str(fill["qty"]),
            credits_text(fill["price_ucr"]),
            ", ".join(made.get(fill["trade_id"], ["-"])),
        )
        for fill in fills
    ]


def average_ucr(fills: Sequence[Any]) -> int:
    """Return the mean price of a unit, rounded to the nearest micro-credit."""
    units = sum(fill["qty"] for fill in fills)
    total_ucr = sum(fill["qty"] * fill["price_ucr"] for fill in fills)
    return int((2 * total_ucr + units) // (2 * units))


def _at(result: Mapping[str, Any]) -> str:
    fills = result["fills"]
    if not fills:
        return ""
    of = f" of the first {len(fills)} trades" if result.get("more_fills") else ""
    return f" at {credits_text(average_ucr(fills))} on average{of}"


def _rest(result: Mapping[str, Any], order: Mapping[str, Any]) -> str:
    left, reason = result["leaves_qty"], result.get("reason")
    if left:
        price = order.get("price_ucr")
        return f", {left} rest" + (f" at {credits_text(price)}" if price else "")
    return f", {result['status']}: {reason}" if reason else ""


def _order(row: Mapping[str, Any]) -> tuple[str, ...]:
    price = row.get("price_ucr")
    return (
        row["order_id"],
        row["side"],
        row["symbol"],
        str(row["leaves_qty"]),
        str(row["order_qty"]),
        "market" if price is None else credits_text(price),
        row["client_order_id"],
    )
