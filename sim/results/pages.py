"""From the runs of a scenario to the page of `headroom sim run --report`. Pure."""

from collections.abc import Sequence

from exchange.units import MS_PER_SECOND
from manager.core.words import duration_text
from sim.page.model import Cell, Check, Page, Point, Source, Table
from sim.page.page import MEANS
from sim.results.charts import charts
from sim.results.farm_report import FARM_METRICS, farm_estimates
from sim.results.metric_tables import PARTS, metric_tables, named, value
from sim.results.report import Broken, RunResult, Runs, Verdict, broken_text, by_policy, estimates
from sim.scenario.tables import Scenario


def run_page(
    scenario: Scenario,
    runs: Runs,
    judged: Sequence[Verdict],
    broken: Broken | None,
    sources: Sequence[Source],
    part: str | None = None,
) -> Page:
    """Return the page of all runs; ``sources``: the scenario's text, the command line.

    ``part`` says that these are not all of them.
    """
    whole = by_policy(runs)
    plural = "" if scenario.runs == 1 else "s"
    long = duration_text(scenario.duration_s * MS_PER_SECOND)
    hours = f"{long} each, from {scenario.start:%d %B %Y %H:%M %Z}"
    return Page(
        title=scenario.title,
        subtitle=f"{scenario.runs} run{plural} from seed {scenario.seed}, {hours}",
        sentence=_sentence(scenario, judged, broken, part),
        points=points(whole),
        checks=[Check(verdict.passed, verdict.text) for verdict in judged],
        tables=[
            *metric_tables({name: estimates(group) for name, group in whole.items()}),
            *farm_tables(whole),
        ],
        charts=charts(scenario, [group[0] for group in whole.values()]),
        sources=[*sources, digests(whole)],
    )


def points(runs: dict[str, list[RunResult]]) -> list[Point]:
    """Return every policy by its total cost and its violations, those on the front marked."""
    found = {name: estimates(group) for name, group in runs.items()}
    at = {name: (e["total_cost"].mean, e["slo_violation_pct"].mean) for name, e in found.items()}
    return [
        Point(
            name,
            value(each["total_cost"]),
            value(each["slo_violation_pct"]),
            pareto=not any(_better(other, at[name]) for other in at.values()),
            figures={name: value(each[metric]) for name, metric in PARTS.items()},
        )
        for name, each in found.items()
    ]


def _better(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Tell whether ``one`` is as good in both, and not the same."""
    return one[0] <= other[0] and one[1] <= other[1] and one != other


def farm_tables(runs: dict[str, list[RunResult]]) -> list[Table]:
    """Return a table of each policy's farms, none where there is one farm."""
    found = {name: farm_estimates([run.farms for run in group]) for name, group in runs.items()}
    rows: list[list[Cell]] = [
        [f"{name}: {account}", *(value(each[metric]) for metric, _, _ in FARM_METRICS)]
        for name, farms in found.items()
        for account, each in farms.items()
    ]
    head = ["policy: farm", *(named(metric) for metric, _, _ in FARM_METRICS)]
    return [Table("Each farm", head, rows, MEANS)] if rows else []


def digests(runs: dict[str, list[RunResult]]) -> Source:
    lines = [f"{run.policy} {run.seed} {run.digest}" for group in runs.values() for run in group]
    return Source("Digests: policy, seed, SHA-256 of the run's events", "\n".join(lines))


def _sentence(
    scenario: Scenario, judged: Sequence[Verdict], broken: Broken | None, part: str | None
) -> str:
    if part is not None:
        return f"{part[:1].upper()}{part[1:]}. {_sentence(scenario, judged, broken, None)}"
    if broken is not None:
        return broken_text(scenario, broken)
    failed = sum(not verdict.passed for verdict in judged)
    if not judged:
        return "Nothing was expected of these runs."
    if not failed:
        many = f"All {len(judged)} expectations hold."
        return "The expectation holds." if len(judged) == 1 else many
    return f"{failed} of {len(judged)} expectations {'fails' if failed == 1 else 'fail'}."
