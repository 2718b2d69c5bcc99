"""What a report says of each farm where a scenario has several: JSON and lines of text. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sim.results.stats import Estimate, estimate
from sim.results.table import WIDTH

Metrics = Mapping[str, float]

FARM_METRICS: Final = (
    ("slo_violation_pct", "violated %", 3),
    ("cost", "cost", 4),
    ("unit_hours", "unit hours", 1),
    ("missing_unit_hours", "missing", 2),
    ("peak_units", "peak", 1),
)
GAP: Final = "  "


def farm_estimates(runs: Sequence[Mapping[str, Metrics]]) -> dict[str, dict[str, Estimate]]:
    """Return each farm's estimates by account and metric; ``runs``: a policy's, seed by seed."""
    return {
        account: {name: estimate([run[account][name] for run in runs]) for name in metrics}
        for account, metrics in runs[0].items()
    }


def json_farms(runs: Sequence[Mapping[str, Metrics]]) -> dict[str, Any]:
    """Return what a policy's object has beside its metrics: nothing where there is one farm."""
    return {"farms": farm_estimates(runs)} if runs[0] else {}


def farm_rows(runs: Mapping[str, Sequence[Mapping[str, Metrics]]]) -> list[str]:
    """Return a block for each policy with a line for each farm; ``runs``: seed by seed."""
    lines: list[str] = []
    for policy, group in runs.items():
        found = farm_estimates(group)
        if found:
            head = [f"{policy}, each farm", *(label for _, label, _ in FARM_METRICS)]
            rows = [head, *(_cells(account, each) for account, each in found.items())]
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            made = [_row(row, widths) for row in rows]
            if max(map(len, made)) > WIDTH:  # long names leave no room beside the figures
                below = [4, *widths[1:]]
                made = [line for row in rows for line in (row[0], _row(["", *row[1:]], below))]
            lines += [*made, ""]
    return lines


def _cells(account: str, found: Mapping[str, Estimate]) -> list[str]:
    return [f"  {account}", *(f"{found[name].mean:.{digits}f}" for name, _, digits in FARM_METRICS)]


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    figures = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
    return GAP.join((f"{row[0]:<{widths[0]}}", *figures))
