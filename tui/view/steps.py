"""What was rented by hand, unit by unit and step by step, as the Manager shows it. Pure."""

from collections.abc import Iterable
from typing import Final

from exchange.units import count_text
from manager.control.frames import BurstRow, OrderRow, UnitRow
from tui.view.table import Cell, Column, Row
from tui.view.text import exact_price_text, money_text

STEP_COLUMNS: Final = (
    Column("what", 0, least=6),
    Column("step", 0, least=22),
    Column("price/h", 1, number=True),
    Column("host", 2, least=5),
    Column("serves at", 3, least=12),
    Column("lease", 4, least=5),
)
WAY: Final = ("bought", "starting", "ready", "in the balancer")
"""The steps of a unit that comes; `DONE` says how many are behind it."""
DONE: Final[dict[str, int]] = {
    "leased": 1,
    "requested": 2,
    "starting": 2,
    "joining": 3,
    "ready": 4,
}
LEAVES: Final[dict[str, str]] = {
    "draining": "draining: no new requests",
    "stopping": "stopping its VM",
    "stopped": "stopped, given back",
}
PRICE_PLACES: Final = 4


def step_rows(bursts: Iterable[BurstRow]) -> list[Row]:
    """Return a row for each stored VM rented for by hand; below it its orders and its units."""
    rows: list[Row] = []
    for burst in bursts:
        if burst.by_hand:
            rows.append(_burst(burst))
            rows += [_order(order) for order in burst.orders if order.coming]
            rows += [_unit(unit) for unit in burst.units]
    return rows


def _burst(burst: BurstRow) -> Row:
    coming = sum(order.coming for order in burst.orders)
    serving = sum(unit.state == "ready" for unit in burst.units)
    said = f"{serving} of {len(burst.units) + coming} in the balancer"
    cells = (
        Cell(burst.vm, "own!"),
        Cell(said, "text!", serving),
        Cell(money_text(burst.hour_ucr), "text", burst.hour_ucr),
        *(Cell(""),) * 3,
    )
    return Row(burst.name, cells, burst)


def _order(order: OrderRow) -> Row:
    what = "bid for" if order.rests else "buying"
    cells = (
        Cell("order", "label"),
        Cell(f"{_dots(0)} {what} {count_text(order.coming, 'unit')}", "label"),
        Cell(exact_price_text(order.price_ucr, PRICE_PLACES), "label", order.price_ucr),
        *(Cell(""),) * 3,
    )
    return Row(order.client_order_id, cells, order, 1)


def _unit(unit: UnitRow) -> Row:
    ink = "bid" if unit.state == "ready" else "text"
    cells = (
        Cell(unit.unit),
        Cell(step_text(unit), "warn" if unit.silent or unit.state in LEAVES else ink),
        Cell(exact_price_text(unit.price_ucr, PRICE_PLACES), "text", unit.price_ucr),
        Cell(unit.host, "label"),
        Cell(f"{unit.address}:{unit.port}" if unit.port else "–", "label"),
        Cell(unit.lease_id, "dim"),
    )
    return Row(unit.unit, cells, unit, 1)


def step_text(unit: UnitRow) -> str:
    """Return ``●●○○ starting``: a dot for every step that is behind or under way."""
    if unit.state in LEAVES:
        return LEAVES[unit.state]
    done = DONE[unit.state]
    silent = ", its host is silent" if unit.silent else ""
    return f"{_dots(done)} {WAY[done - 1]}{silent}"


def _dots(done: int) -> str:
    return "●" * done + "○" * (len(WAY) - done)
