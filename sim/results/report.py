"""Reports of runs for people and scripts: estimates, expectations, table, JSON.

Pure text. The JSON object is that of scenario.md, "JSON output"; the table adds the units in
service over time.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from exchange.units import MS_PER_SECOND
from manager.core.words import duration_text
from sim.results.farm_report import farm_rows, json_farms
from sim.results.judged import Judged
from sim.results.recording import Recording
from sim.results.stats import Estimate, estimate, paired
from sim.results.table import LABEL, metric_rows, wrapped
from sim.results.timeline import Timeline, json_timeline
from sim.scenario.tables import Expect, Scenario

BARS = " ▁▂▃▄▅▆▇█"


class RunResult(Struct, frozen=True):
    """One policy with one seed. ``units`` and ``need`` are means over equal parts of the run.

    ``without``: the fault that was left out, to see what it changes. ``farms``: each farm's
    metrics by account, where there are several; ``metrics`` are the first one's.
    """

    policy: str
    seed: int
    metrics: dict[str, float]
    digest: str
    units: list[float]
    need: list[float]
    commands: int
    virtual_s: float
    real_s: float
    timeline: Timeline | None = None
    without: int | None = None
    farms: dict[str, dict[str, float]] = {}
    recordings: dict[str, Recording] = {}
    """Each farm's, by account, where the run was recorded; the first one's first."""


class Broken(Struct, frozen=True):
    """A run that ended because a law was broken, ``at_s`` virtual seconds after its start.

    ``command`` is its number in the journal; ``reproduce`` the line that shows it again.
    """

    law: str
    policy: str
    seed: int
    at_s: float
    command: int
    text: str
    reproduce: str = ""
    without: int | None = None


class Verdict(Judged, frozen=True):
    """With the sentence that says it."""

    text: str


Runs: TypeAlias = dict[tuple[str, int | None], list[RunResult]]
"""By policy and by the fault that was left out."""


def grouped(results: Sequence[RunResult]) -> Runs:
    """Return the runs of each policy, in the order of seeds."""
    found: Runs = {}
    for result in results:
        found.setdefault((result.policy, result.without), []).append(result)
    return {key: sorted(runs, key=lambda run: run.seed) for key, runs in found.items()}


def by_policy(runs: Runs) -> dict[str, list[RunResult]]:
    """Return the runs of the scenario as it is written."""
    return {policy: group for (policy, without), group in runs.items() if without is None}


def estimates(runs: Sequence[RunResult]) -> dict[str, Estimate]:
    names = runs[0].metrics
    return {name: estimate([run.metrics[name] for run in runs]) for name in names}


def verdicts(scenario: Scenario, runs: Runs) -> list[Verdict]:
    """Judge every expectation whose policies were run, each with every seed."""
    whole = {key: group for key, group in runs.items() if len(group) == scenario.runs}
    found: list[Verdict] = []
    for expect in scenario.expect:
        if (expect.policy, None) in whole:
            found += _judge(expect, whole)
    return found


def json_object(
    scenario: Scenario,
    runs: Runs,
    judged: Sequence[Verdict],
    real_s: float,
    broken: Broken | None = None,
    interrupted: bool = False,
) -> dict[str, Any]:
    """Return the object of ``--json``; ``real_s`` is the wall time of all runs together.

    With ``broken`` or ``interrupted``, ``runs`` are those that had ended before.
    """
    whole = by_policy(runs)
    virtual_s = sum(run.virtual_s for group in runs.values() for run in group)
    return {
        "schema": 1,
        "scenario": scenario.title,
        "seed": scenario.seed,
        "runs": scenario.runs,
        "policies": {
            name: {**estimates(group), **json_farms([run.farms for run in group])}
            for name, group in whole.items()
        },
        "digests": {name: [run.digest for run in group] for name, group in whole.items()},
        "expect": [
            {
                "policy": verdict.policy,
                "metric": verdict.metric,
                "value": verdict.value,
                "bound": verdict.bound,
                "passed": verdict.passed,
            }
            for verdict in judged
        ],
        "passed": (
            broken is None and not interrupted and all(verdict.passed for verdict in judged)
        ),
        **({} if broken is None else {"broken": broken}),
        **({"interrupted": True} if interrupted else {}),
        "speedup": virtual_s / real_s if real_s > 0 else 0.0,
        "timeline": json_timeline(
            scenario, {name: group[0].timeline for name, group in whole.items()}
        ),
    }


def table(scenario: Scenario, runs: Runs, judged: Sequence[Verdict]) -> list[str]:
    """Return the lines a person reads."""
    whole = by_policy(runs)
    plural = "" if scenario.runs == 1 else "s"
    head = f"{scenario.title}: {scenario.runs} run{plural} from seed {scenario.seed}"
    lines = [*wrapped(f"{head}, {_long(scenario)} each"), ""]
    if whole:
        lines += metric_rows({name: estimates(group) for name, group in whole.items()})
        lines += ["", *_unit_rows(scenario, whole), ""]
        lines += farm_rows({name: [run.farms for run in group] for name, group in whole.items()})
    for verdict in judged:
        lines += wrapped(f"{'passed' if verdict.passed else 'FAILED'}  {verdict.text}", 8)
    return lines


def broken_text(scenario: Scenario, broken: Broken) -> str:
    """Return the line that names the broken law, where it broke, and how to see it again."""
    run = f"policy {broken.policy}, seed {broken.seed}"
    run += "" if broken.without is None else f" without fault[{broken.without}]"
    where = f"{scenario.title}: {run}, at {broken.at_s:g} s"
    law = f"law {broken.law!r} broken after command {broken.command}: {broken.text}"
    return f"{where}: {law}; reproduce: {broken.reproduce}"


def _judge(expect: Expect, runs: Runs) -> list[Verdict]:
    values = expected(expect, runs[expect.policy, None])
    about = f"{expect.policy}: {expect.metric}"
    about += "" if expect.farm is None else f" of {expect.farm}"
    if expect.fault is not None:
        if (expect.policy, expect.fault) not in runs:
            return []
        without = expected(expect, runs[expect.policy, expect.fault])
        values = [a - b for a, b in zip(values, without, strict=True)]
        about += f" by fault[{expect.fault}]"
    found = bounds(expect, about, values)
    other = runs.get((expect.less_than_policy or "", None))
    if other is not None:
        gap = paired(values, expected(expect, other))
        high = gap.mean + gap.ci95
        below = f"below {expect.less_than_policy} by {-gap.mean:.6g} ± {gap.ci95:.3g}"
        text = f"{about} {estimate(values).mean:.6g} {below} (paired by seed)"
        found.append(Verdict(expect.policy, expect.metric, high, 0.0, high < 0, text))
    return found


def expected(expect: Expect, runs: Sequence[RunResult]) -> list[float]:
    """Return what the expectation looks at, seed by seed."""
    if expect.farm is None or not runs[0].farms:
        return [run.metrics[expect.metric] for run in runs]
    return [run.farms[expect.farm][expect.metric] for run in runs]


def bounds(expect: Expect, about: str, values: Sequence[float]) -> list[Verdict]:
    """Judge ``max`` and ``min``: of the mean, or for safety of every single run."""
    found: list[Verdict] = []
    mean = estimate(values).mean
    high, low = (max(values), min(values)) if expect.safety else (mean, mean)
    if expect.max is not None:
        passed, text = high <= expect.max, f"{about} {high:.6g} <= {expect.max:g}"
        found.append(Verdict(expect.policy, expect.metric, high, expect.max, passed, text))
    if expect.min is not None:
        passed, text = low >= expect.min, f"{about} {low:.6g} >= {expect.min:g}"
        found.append(Verdict(expect.policy, expect.metric, low, expect.min, passed, text))
    return found


def _unit_rows(scenario: Scenario, runs: dict[str, list[RunResult]]) -> list[str]:
    """Bars of the units in service over time, all on the scale of the largest."""
    first = next(iter(runs.values()))
    series = {"needed": _mean_series([run.need for run in first])}
    for name, group in runs.items():
        series[name] = _mean_series([run.units for run in group])
    top = max(max(values) for values in series.values())
    rows = [f"units in service over time (full bar: {top:.1f})"]
    for name, values in series.items():
        bars = "".join(BARS[round(value / top * (len(BARS) - 1))] for value in values)
        beside = name if len(name) < LABEL else ""
        rows += [] if beside else [name]
        rows.append(f"{beside:<{LABEL}}{bars} max {max(values):.1f}")
    rows.append(" " * LABEL + "0h" + _long(scenario).rjust(len(series["needed"]) - 2))
    return rows


def _long(scenario: Scenario) -> str:
    return duration_text(scenario.duration_s * MS_PER_SECOND)


def _mean_series(series: Sequence[Sequence[float]]) -> list[float]:
    return [sum(column) / len(column) for column in zip(*series, strict=True)]
