"""Run many seeds, each with the faults it draws, and shrink what fails to the faults it needs.

A run fails when it breaks a law of the exchange, or an expectation of the file that is about
safety. Shell: it starts processes.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from sim.results.report import Broken, RunResult, bounds, expected
from sim.run.runner import Task, run_each, run_one
from sim.scenario.check import mistakes
from sim.scenario.drawn import drawn
from sim.scenario.file import Loaded
from sim.scenario.tables import SAME, Fault, Scenario
from sim.sweep.shrink import shrunk

UNSAFE: Final = "expectation"
"""What stands for the law where an expectation of safety does not hold."""


class Swept(Struct):
    """What came of the runs so far; ``faults``: how many of each kind they drew."""

    tasks: list[Task]
    done: int = 0
    faults: dict[str, int] = {}
    failures: list[Broken] = []

    def first(self) -> Broken | None:
        """Return the failure of the smallest seed."""
        order = {task: number for number, task in enumerate(self.tasks)}
        by_seed = sorted(self.failures, key=lambda one: order[Task(one.policy, one.seed)])
        return by_seed[0] if by_seed else None


def tasks_of(scenario: Scenario, policies: list[str], seeds: range) -> list[Task]:
    """Return every run, seed by seed. No fault of this exchange touches a cloud."""
    here = [name for name in policies if scenario.policy[name].tariff is None]
    return [Task(policy, seed) for seed in seeds for policy in here]


def sweep(loaded: Loaded, swept: Swept, jobs: int) -> Iterator[Broken | None]:
    """Run all tasks, noting into ``swept`` what comes of each; yield the failure or None."""
    with closing(run_each([(loaded, task) for task in swept.tasks], jobs)) as each:
        for _, outcome in each:
            failure = outcome if isinstance(outcome, Broken) else unsafe(loaded.scenario, outcome)
            swept.done += 1
            for fault in drawn(loaded, outcome.seed).scenario.fault:
                swept.faults[fault.kind] = swept.faults.get(fault.kind, 0) + 1
            if failure is not None:
                swept.failures.append(failure)
            yield failure


def unsafe(scenario: Scenario, run: RunResult) -> Broken | None:
    """Return the first expectation of safety that does not hold in ``run``."""
    for expect in scenario.expect:
        if not expect.safety or expect.policy != run.policy:
            continue
        for verdict in bounds(expect, expect.metric, expected(expect, [run])):
            if not verdict.passed:
                end_s = float(scenario.duration_s)
                text = f"not {verdict.text}"
                return Broken(UNSAFE, run.policy, run.seed, end_s, run.commands, text)
    return None


def minimal(
    loaded: Loaded, failure: Broken, most: int, progress: Callable[[int, int], None]
) -> Iterator[Scenario]:
    """Yield ever smaller scenarios that fail as ``failure`` does: one policy, one seed.

    ``progress(runs, faults left)`` is told of each run, of which there are at most ``most``.
    """
    whole = drawn(loaded, failure.seed)
    left, runs = list(whole.scenario.fault), 0

    def fails(faults: list[Fault]) -> bool:
        nonlocal runs
        runs += 1
        progress(runs, len(left))
        return _fails(replace(whole, scenario=_only(whole.scenario, failure, faults)), failure)

    yield _only(whole.scenario, failure, left)
    begun = [fault for fault in left if fault.at_s <= failure.at_s]
    # What would have come later is mostly not needed, and one run tells.
    if len(begun) < len(left) and fails(begun):
        left = begun
        yield _only(whole.scenario, failure, left)
    for fewer in shrunk(left, fails, most - runs):
        left = fewer
        yield _only(whole.scenario, failure, left)


def _only(scenario: Scenario, failure: Broken, faults: list[Fault]) -> Scenario:
    """Return the scenario of one run, with the policies that it needs."""
    rivals = [farm.policy for farm in scenario.farms if farm.policy != SAME]
    policies = {name: scenario.policy[name] for name in dict.fromkeys([failure.policy, *rivals])}
    expect = [one for one in scenario.expect if one.safety and one.policy == failure.policy]
    changed = {"seed": failure.seed, "runs": 1, "policy": policies, "expect": expect}
    return replace(scenario, fault=faults, **changed)


def _fails(loaded: Loaded, failure: Broken) -> bool:
    # Without some fault another may contradict the rest, as a return that ends nothing.
    if mistakes(loaded.scenario):
        return False
    outcome = run_one(loaded, Task(failure.policy, failure.seed))
    found = outcome if isinstance(outcome, Broken) else unsafe(loaded.scenario, outcome)
    return found is not None and found.law == failure.law
