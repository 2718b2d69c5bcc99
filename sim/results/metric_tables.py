"""All metrics as tables for a page, in words and with their units, no wider than a window. Pure.

Up to `BESIDE` choices stand beside each other, a metric a row. More of them are rows themselves,
with a table for each group of metrics.
"""

from collections.abc import Mapping
from typing import Final

from sim.page.model import Cell, Table, Value
from sim.page.page import MEANS
from sim.results.stats import Estimate

Found = Mapping[str, Mapping[str, Estimate]]
"""Estimates by choice and metric."""
BESIDE: Final = 6
GROUPS: Final = {
    "What it cost": {
        "total_cost": "in all, credits",
        "cost": "bill, credits",
        "spares_cost": "spares, credits",
        "violation_cost": "violated requests, credits",
        "wind_down_cost": "bill after the end, credits",
        "penalties": "sellers' bonds received, credits",
    },
    "What was paid": {
        "price_mean": "mean price, credits a unit-hour",
        "price_max": "highest price, credits a unit-hour",
        "paid_over_best_ask": "above the best ask, credits a unit-hour",
        "seller_revenue": "all sellers earned, credits",
        "exchange_fees": "the exchange's share, credits",
    },
    "How it served": {
        "slo_violation_pct": "violated requests, %",
        "theta_under_pct": "units too few, % of the need",
        "theta_over_pct": "units too many, % of the need",
        "tau_under_pct": "time with too few, %",
        "tau_over_pct": "time with too many, %",
        "unit_hours": "unit-hours in service",
    },
    "What was bought": {
        "peak_units": "most units rented at once",
        "changes": "changes of their number",
        "leases": "leases",
        "recalls": "leases recalled",
    },
    "What was waited for": {
        "missing_unit_hours": "unit-hours wanted, not had",
        "unfilled_units": "most units wanted, not had",
        "boot_p95_s": "boot, s (95 % are faster)",
        "fill_wait_p95_s": "purchase, s (95 % are faster)",
    },
}
PARTS: Final = {
    "bill, credits": "cost",
    "spares, credits": "spares_cost",
    "violations, credits": "violation_cost",
}
"""Of the total cost, as the table of choices names them."""
WORDS: Final = {name: words for group in GROUPS.values() for name, words in group.items()}


def metric_tables(found: Found, title: str = "All metrics") -> list[Table]:
    """Return one table, or one for each group; none where nothing was found."""
    if not found:
        return []
    known = next(iter(found.values()))
    names = [name for name in WORDS if name in known]
    names += [name for name in known if name not in WORDS]
    if len(found) <= BESIDE:
        return [Table(title, ["metric", *found], [_row(name, found) for name in names], MEANS)]
    groups = {head: [name for name in group if name in known] for head, group in GROUPS.items()}
    groups["Others"] = [name for name in names if name not in WORDS]
    return [_of_group(f"{title}: {head}", group, found) for head, group in groups.items() if group]


def value(found: Estimate) -> Value:
    return Value(found.mean, found.ci95 if len(found.per_seed) > 1 else None)


def _row(name: str, found: Found) -> list[Cell]:
    return [named(name), *(value(each[name]) for each in found.values())]


def _of_group(title: str, names: list[str], found: Found) -> Table:
    rows: list[list[Cell]] = [
        [choice, *(value(each[name]) for name in names)] for choice, each in found.items()
    ]
    return Table(title, ["choice", *map(named, names)], rows, MEANS)


def named(name: str) -> str:
    """Return the metric's name, and below it what it is."""
    return f"{name}\n{WORDS[name]}" if name in WORDS else name
