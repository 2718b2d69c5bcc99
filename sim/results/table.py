"""The table of a run in a terminal: 80 columns, every metric that the policies differ in. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Final

from sim.results.stats import Estimate

WIDTH: Final = 80
LABEL: Final = 18
"""Columns for the name of a metric, or of a policy beside its bars."""
METRICS: Final = {
    "slo_violation_pct": ("violated %", 3),
    "cost": ("cost", 4),
    "total_cost": ("total cost", 4),
    "spares_cost": ("spares' cost", 4),
    "violation_cost": ("violations' cost", 4),
    "wind_down_cost": ("wind-down cost", 4),
    "price_mean": ("mean price", 5),
    "price_max": ("highest price", 5),
    "paid_over_best_ask": ("above best ask", 5),
    "unit_hours": ("unit-hours", 2),
    "peak_units": ("peak units", 1),
    "changes": ("changes", 1),
    "leases": ("leases", 1),
    "recalls": ("recalls", 1),
    "unfilled_units": ("unfilled", 1),
    "missing_unit_hours": ("missing unit-h", 3),
    "theta_under_pct": ("theta under %", 2),
    "theta_over_pct": ("theta over %", 2),
    "tau_under_pct": ("tau under %", 2),
    "tau_over_pct": ("tau over %", 2),
    "boot_p95_s": ("boot p95 s", 1),
    "fill_wait_p95_s": ("fill p95 s", 1),
    "penalties": ("penalties", 4),
    "seller_revenue": ("sellers earned", 4),
    "exchange_fees": ("exchange's fees", 4),
}
"""What each is called, and its decimals; in this order."""
ALWAYS: Final = frozenset({"slo_violation_pct", "cost"})


def metric_rows(columns: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    """Return the rows of the metrics; ``columns``: each policy's estimates. A line stays short.

    Policies that have no room beside the others stand in a block of their own below.
    """
    first = next(iter(columns.values()))
    names = [*(name for name in METRICS if name in first), *sorted(set(first) - set(METRICS))]
    names = [name for name in names if name in ALWAYS or _differs(name, columns)]
    cells = {
        policy: [policy, *(_cell(found[name], _known(name)[1]) for name in names)]
        for policy, found in columns.items()
    }
    labels = ["", *(_known(name)[0] for name in names)]
    lines: list[str] = []
    for block in _blocks(cells):
        lines += [""] if lines else []
        rows = zip(labels, *block, strict=True)
        widths = [max(map(len, column)) for column in block]
        lines += [_row(row, widths) for row in rows]
    return lines


def wrapped(text: str, indent: int = 0) -> list[str]:
    """Return ``text`` in lines that fit; those behind the first are indented."""
    return wrap(text, WIDTH, subsequent_indent=" " * indent) or [""]


def _known(name: str) -> tuple[str, int]:
    return METRICS.get(name, (name, 3))


def _differs(name: str, columns: Mapping[str, Mapping[str, Estimate]]) -> bool:
    """Tell whether the policies differ in a metric; of one alone, whether there is any of it."""
    found = [each[name].per_seed for each in columns.values()]
    return any(found[0]) if len(found) == 1 else any(each != found[0] for each in found)


def _cell(value: Estimate, digits: int) -> str:
    text = f"{value.mean:.{digits}f}"
    return f"{text} ± {value.ci95:.{digits}f}" if len(value.per_seed) > 1 else text


def _blocks(cells: Mapping[str, list[str]]) -> Iterator[list[list[str]]]:
    """Yield columns that fit beside each other."""
    block: list[list[str]] = []
    used = LABEL
    for column in cells.values():
        width = 2 + max(map(len, column))
        if block and used + width > WIDTH:
            yield block
            block, used = [], LABEL
        block.append(column)
        used += width
    yield block


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    label, *figures = row
    cells = (f"  {cell:>{width}}" for cell, width in zip(figures, widths, strict=True))
    return f"{label:<{LABEL}}" + "".join(cells)
