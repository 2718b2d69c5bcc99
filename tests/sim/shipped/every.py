"""Run every shipped scenario, all policies and seeds, and judge what it expects: `make scenarios`.

All runs share the processors. Names after the command choose scenarios. Exits 1 when an expectation
does not hold, a law breaks, or a run goes another way in other circumstances (`digests.py`).
"""

import sys
import time
from typing import Final, NamedTuple, TypeAlias

from sim.results import report
from sim.results.report import Broken, RunResult, Verdict
from sim.run.runner import Task, Work, plan, processors, run_each
from sim.scenario.file import Loaded, load
from sim.scenario.shipped import shipped
from tests.sim.shipped.digests import OTHERS, Other, begin, chosen_task, outcome

TELL_S: Final = 15

Ended: TypeAlias = dict[str, list[RunResult | Broken]]
"""What came of every run, by scenario."""
Digests: TypeAlias = dict[Other, dict[str, str]]


class Judged(NamedTuple):
    """What came of a scenario: processor seconds, what was expected, which law broke."""

    name: str
    cpu_s: float
    verdicts: list[Verdict]
    broken: list[Broken]

    @property
    def failed(self) -> list[str]:
        texts = [verdict.text for verdict in self.verdicts if not verdict.passed]
        return texts + [f"{one.law}: {one.text}, seed {one.seed}" for one in self.broken]


def chosen(names: list[str]) -> dict[str, Loaded]:
    """Return the shipped scenarios of these names, or all; the longest first."""
    paths = [path for path in shipped() if not names or path.stem in names]
    found = {path.stem: load(path) for path in paths}
    return dict(sorted(found.items(), key=lambda item: -item[1].scenario.duration_s))


def run_every(scenarios: dict[str, Loaded]) -> Ended:
    """Return what came of every run, by scenario."""
    works: list[tuple[str, Work]] = [
        (name, (loaded, task))
        for name, loaded in scenarios.items()
        for task in plan(loaded, list(loaded.scenario.policy))
    ]
    found: Ended = {name: [] for name in scenarios}
    told_s = time.monotonic()
    for done, (index, result) in enumerate(run_each([w for _, w in works], processors()), 1):
        found[works[index][0]].append(result)
        if time.monotonic() - told_s > TELL_S:
            told_s = time.monotonic()
            print(f"{done} of {len(works)} runs", file=sys.stderr, flush=True)
    return found


def judged(name: str, loaded: Loaded, ended: list[RunResult | Broken]) -> Judged:
    results = [one for one in ended if isinstance(one, RunResult)]
    broken = [one for one in ended if isinstance(one, Broken)]
    cpu_s = sum(one.real_s for one in results)
    verdicts = report.verdicts(loaded.scenario, report.grouped(results))
    return Judged(name, cpu_s, verdicts, broken)


def differing(ended: Ended, scenarios: dict[str, Loaded], others: Digests) -> list[str]:
    """Return a line for each scenario that goes another way in other circumstances."""
    return [
        f"{name}: another digest with {other.text}"
        for other, digests in others.items()
        for name, loaded in scenarios.items()
        if digest_of(ended[name], chosen_task(loaded)) != digests[name]
    ]


def digest_of(ended: list[RunResult | Broken], task: Task) -> str | None:
    for one in ended:
        same = (one.policy, one.seed, one.without) == (task.policy, task.seed, None)
        if same and isinstance(one, RunResult):
            return one.digest
    return None


def main(names: list[str]) -> int:
    began_s = time.perf_counter()
    scenarios = chosen(names)
    ended = run_every(scenarios)
    processes = {other: begin(other, list(scenarios)) for other in OTHERS}
    failed = 0
    for name, loaded in scenarios.items():
        one = judged(name, loaded, ended[name])
        held = len(one.verdicts) - sum(not verdict.passed for verdict in one.verdicts)
        print(f"{name}: {held} of {len(one.verdicts)} expectations hold, {one.cpu_s:.1f} s of runs")
        for text in one.failed:
            print(f"  FAILED {text}")
        failed += len(one.failed)
    others = {other: outcome(process) for other, process in processes.items()}
    for text in differing(ended, scenarios, others):
        print(f"FAILED {text}")
        failed += 1
    print(f"{len(scenarios)} scenarios in {time.perf_counter() - began_s:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
