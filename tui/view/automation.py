"""The Automation screen's rows: rules with what stops them, units and orders of bursts. Pure."""

from collections.abc import Iterable
from typing import Final

from manager.control.frames import BurstRow, LoadRow, OrderRow, RuleRow, RuleStand, UnitRow
from manager.core.standing import PAUSED
from tui.view.axis import MARKS, SAID
from tui.view.farm import Farm
from tui.view.farm_past import STEPS, StepPast
from tui.view.table import Cell, Column, Row
from tui.view.text import clock_text, money_text, span_text

NONE: Final = "–"
PLACES: Final = 4

RULE_COLUMNS: Final = (
    Column("rule", 0, least=8),
    Column("state", 0, least=11),
    Column("does", 2, least=9),
    Column("when", 4, least=14),
    Column("units", 1, number=True),
    Column("holds", 3, number=True),
    Column("fired", 5, number=True),
    Column("today", 6, number=True),
    Column("of", 7, number=True),
    Column("needs, or what stops it", 3, least=16),
)
STATE_INKS: Final[dict[RuleStand, str]] = {
    "ready": "text",
    "holding": "accent!",
    "cooling": "label",
    "paused": "dim",
    "backing_off": "warn",
    "stopped": "warn",
    "blocked": "warn",
}
GIVEN_UP: Final[tuple[RuleStand, ...]] = ("stopped", "backing_off")
"""States that `rule.resume` ends."""

UNIT_COLUMNS: Final = (
    Column("burst", 0, least=14),
    Column("step", 0, least=14),
    Column("since", 3, number=True),
    Column("units", 2, number=True),
    Column("an hour", 1, number=True),
    Column("host", 4, least=8),
    Column("vm", 5, least=8),
    Column("address", 6, least=12),
    Column("symbol", 7, least=12),
)


def rule_rows(farm: Farm, now_ms: int) -> list[Row]:
    """Return a row for each rule, in the order of the file."""
    return [_rule(row, now_ms) for row in farm.rules]


def rule_of(farm: Farm, name: str) -> RuleRow | None:
    return next((row for row in farm.rules if row.name == name), None)


def resumes(row: RuleRow) -> bool:
    """Tell whether a rule is to be resumed rather than paused."""
    return row.state in GIVEN_UP or PAUSED in row.blocked_by


def burst_of(farm: Farm, name: str) -> BurstRow | None:
    return next((row for row in farm.bursts if row.name == name), None)


def _rule(row: RuleRow, now_ms: int) -> Row:
    budget = NONE if row.budget_day_ucr is None else money_text(row.budget_day_ucr, 2)
    return Row(
        row.name,
        (
            Cell(row.name, "text!"),
            Cell(row.state.replace("_", " "), STATE_INKS[row.state]),
            Cell(row.do),
            Cell(row.when, "label"),
            Cell(str(row.units), order=row.units),
            Cell(_held_for(row, now_ms), "text", _order(row.since_ms)),
            Cell(NONE if row.fired_ms is None else clock_text(row.fired_ms), "label", row.fired_ms),
            Cell(money_text(row.spent_ucr), "text", row.spent_ucr),
            Cell(budget, "label", row.budget_day_ucr),
            Cell(why(row), "warn" if row.blocked_by else "label"),
        ),
        row,
    )


def _order(since_ms: int | None) -> int | None:
    return None if since_ms is None else -since_ms


def _held_for(row: RuleRow, now_ms: int) -> str:
    return NONE if row.since_ms is None else span_text(now_ms - row.since_ms)


def why(row: RuleRow) -> str:
    """Return what stops a rule, else what it still needs."""
    if row.blocked_by:
        return "; ".join(row.blocked_by)
    return "; ".join(row.needs) or NONE


def burst_rows(farm: Farm, now_ms: int) -> list[Row]:
    """Return each burst with its units and orders below it."""
    rows: list[Row] = []
    for burst in farm.bursts:
        rows.append(_burst(burst))
        rows += [_order_row(order) for order in burst.orders]
        rows += [_unit(unit, farm.steps, now_ms) for unit in burst.units]
    return rows


def steps_text(burst: BurstRow) -> str:
    """Return how many of a burst's units are at which step: ``1 starting, 2 in the balancer``."""
    found = [STEPS[unit.state] for unit in burst.units]
    coming = sum(order.coming for order in burst.orders)
    parts = [f"{coming} ordered"] if coming else []
    parts += [f"{found.count(step)} {SAID.get(step, step)}" for step in MARKS if step in found]
    return ", ".join(parts) or NONE


def _burst(burst: BurstRow) -> Row:
    name = f"{burst.name} (by hand)" if burst.by_hand else burst.name
    return _row(
        burst.name,
        burst,
        Cell(name, "text!"),
        Cell(steps_text(burst), "text"),
        units=len(burst.units),
        hour=burst.hour_ucr,
        vm=burst.vm,
    )


def _unit(unit: UnitRow, past: StepPast, now_ms: int) -> Row:
    step = STEPS[unit.state]
    mark, ink = MARKS[step]
    silent = " (host silent)" if unit.silent else ""
    said = Cell(f"{mark} {SAID.get(step, step)}{silent}", "warn" if silent else ink)
    address = f"{unit.address}:{unit.port}" if unit.port else unit.address
    since_ms = past.since_ms(unit.unit)
    return _row(
        unit.unit,
        unit,
        Cell(unit.unit),
        said,
        since=None if since_ms is None else now_ms - since_ms,
        hour=unit.price_ucr,
        host=unit.host,
        vm=unit.vm,
        address=address,
        symbol=unit.symbol,
        depth=1,
    )


def _order_row(order: OrderRow) -> Row:
    step = "bid rests" if order.rests else "bid"
    return _row(
        order.client_order_id,
        order,
        Cell(order.client_order_id),
        Cell(step, "own"),
        units=order.coming,
        hour=order.price_ucr,
        symbol=order.symbol,
        depth=1,
    )


def _row(
    key: str,
    data: object,
    name: Cell,
    step: Cell,
    *,
    since: int | None = None,
    units: int | None = None,
    hour: int = 0,
    host: str = "",
    vm: str = "",
    address: str = "",
    symbol: str = "",
    depth: int = 0,
) -> Row:
    cells = (
        name,
        step,
        Cell("" if since is None else span_text(since), "label", since),
        Cell("" if units is None else str(units), "text", units),
        Cell(money_text(hour), "text", hour),
        Cell(host, "label"),
        Cell(vm, "label"),
        Cell(address, "label"),
        Cell(symbol, "label"),
    )
    return Row(key, cells, data, depth)


def fired_ms(farm: Farm, name: str | None) -> list[int]:
    """Return when the rule ``name`` fired, as far as the Manager's alerts and its row tell."""
    told = [
        alert.at_ms for alert in farm.alerts if alert.kind == "fired" and _about(alert.text, name)
    ]
    row = rule_of(farm, name) if name else None
    return told if row is None or row.fired_ms is None else [*told, row.fired_ms]


def _about(text: str, name: str | None) -> bool:
    return name is None or text.startswith((f"rule {name}:", f"rule {name} "))


def all_units(bursts: Iterable[BurstRow]) -> int:
    return sum(len(burst.units) for burst in bursts)


def _drained(units: int) -> str:
    if units == 1:
        return "1 unit is drained and its VM ends"
    return f"{units} units are drained and their VMs end"


def delete_text(row: RuleRow) -> str:
    """Say what deleting a rule ends."""
    if not row.units:
        return "It is taken out of the file. It has bought nothing that runs."
    return (
        f"It is taken out of the file. {_drained(row.units)}; that costs "
        f"{money_text(row.held_ucr)} credits an hour now."
    )


def burst_ends_text(row: BurstRow) -> str:
    """Say what ending a burst ends."""
    return (
        f"{_drained(len(row.units))}; that costs "
        f"{money_text(row.hour_ucr)} credits an hour now. Bids under way are canceled. "
        "A spot lease is owed for five minutes at least."
    )


def ends_text(farm: Farm) -> str:
    """Say what releasing everything ends, and what it costs an hour now."""
    units = all_units(farm.bursts)
    hour_ucr = sum(burst.hour_ucr for burst in farm.bursts)
    return (
        f"{_drained(units)}; that costs {money_text(hour_ucr)} credits an hour now. "
        "A spot lease is owed for five minutes at least, a window to its end. Rules that "
        "still hold buy again: stop buying first to prevent it."
    )


def load_text(load: LoadRow) -> str:
    """Return the farm in words: load, what serves it, what is coming."""
    if not load.needed and load.load_rps is None:
        said = "no rule needs the load"
    elif load.load_rps is None or load.stale:
        said = "no load figure"
    else:
        said = f"load {load.load_rps:g}/s"
    util = "" if load.util_pct is None else f", {load.util_pct:g} %"
    serving = f"{util} of {load.ready} in service" if util else f", {load.ready} in service"
    coming = f", {load.pending} coming" if load.pending else ""
    return f"{said}{serving}{coming}, {load.paid} paid for"
