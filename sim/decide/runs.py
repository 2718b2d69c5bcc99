"""Runs every point with every seed, side by side. Shell.

Seed by seed, not point by point: whoever interrupts it has fewer seeds, and all points.
"""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from sim.decide.break_even import break_even, pair
from sim.decide.decision import Decision, Point, decide
from sim.decide.points import Choice, Setup, kind_of
from sim.page.model import Chart
from sim.results.charts import charts, same_scales
from sim.results.report import Broken, RunResult, estimates
from sim.results.stats import Estimate
from sim.run.runner import Ended, Task, Work, ended_in_order, run_each, signal_of
from sim.scenario.drawn import drawn
from sim.scenario.file import Loaded
from sim.scenario.tables import Scenario

Progress = Callable[[Choice, RunResult, int, float], None]
"""(the choice, what came of a run of it, how many runs are done, seconds since the first)."""


class Collected(Struct):
    """Runs by (place of the choice, seed). ``broken`` ended them early, or a signal."""

    results: dict[tuple[int, int], RunResult]
    broken: Broken | None = None
    broken_choice: int = 0
    interrupted: int | None = None
    real_s: float = 0.0


class LawBrokeError(Exception):
    """A run for the break-even price broke a law of the exchange."""


def collect(
    loaded: Loaded,
    choices: Sequence[Choice],
    seeds: Sequence[int],
    jobs: int,
    progress: Progress,
    record: bool = False,
) -> Collected:
    """Run every choice with every seed; Ctrl-C and a broken law keep what is done.

    The first run goes alone, so that ``progress`` can tell early how long the rest will take.
    ``record``: keep the runs with the first seed from moment to moment.
    """
    began_s = time.perf_counter()
    places = [(index, seed) for seed in seeds for index in range(len(choices))]
    works: list[Work] = [
        (
            replace(loaded, scenario=choices[index].scenario),
            Task(choices[index].policy, seed, record=record and seed == seeds[0]),
        )
        for index, seed in places
    ]
    found = Collected({})
    try:
        with ended_in_order(), closing(_alone_then_beside(works, jobs)) as each:
            for index, result in each:
                place = places[index]
                found.real_s = time.perf_counter() - began_s
                if isinstance(result, Broken):
                    found.broken, found.broken_choice = result, place[0]
                    return found
                shown = result.seed == seeds[0]
                found.results[place] = result if shown else replace(result, timeline=None)
                progress(choices[place[0]], result, len(found.results), found.real_s)
    except KeyboardInterrupt as error:
        found.interrupted = signal_of(error)
    return found


def _alone_then_beside(works: Sequence[Work], jobs: int) -> Generator[Ended]:
    """Yield what came of each run: of the first alone, so that it tells how long one takes."""
    with closing(run_each(works[:1], 1)) as first:
        yield from first
    with closing(run_each(works[1:], jobs)) as others:
        yield from ((1 + index, result) for index, result in others)


def whole_seeds(found: Collected, choices: int, seeds: Sequence[int]) -> list[int]:
    """Return the seeds that every choice has been run with."""
    return [
        seed for seed in seeds if all((index, seed) in found.results for index in range(choices))
    ]


def decisions(found: Collected, setups: Sequence[Setup], seeds: Sequence[int]) -> list[Decision]:
    """Return the decision in each world, over ``seeds``."""
    places = iter(range(sum(len(setup.choices) for setup in setups)))
    return [
        decide(
            setup.world,
            [
                _point(choice, [found.results[index, seed] for seed in seeds])
                for choice, index in zip(
                    setup.choices, islice(places, len(setup.choices)), strict=True
                )
            ],
        )
        for setup in setups
    ]


def with_break_even(
    decision: Decision,
    setup: Setup,
    loaded: Loaded,
    seeds: Sequence[int],
    jobs: int,
    told: Callable[[str, float], None],
) -> Decision:
    """Return ``decision`` with its break-even price; ``told`` hears of each (label, factor) tried.

    Raises `LawBrokeError` and `KeyboardInterrupt`.
    """
    compared = pair(decision)
    if compared is None:
        return replace(decision, looked=True)
    label = compared.priced.label
    scenario = next(choice.scenario for choice in setup.choices if choice.label == label)

    def rerun(scenario: Scenario, policy: str, factor: float) -> dict[str, Estimate]:
        told(label, factor)
        return _rerun(replace(loaded, scenario=scenario), policy, seeds, jobs)

    found = break_even(compared, scenario, rerun)
    return replace(decision, break_even=found, looked=True)


def best_charts(
    found: Collected,
    setups: Sequence[Setup],
    decided: Sequence[Decision],
    loaded: Loaded,
    seed: int,
) -> list[Chart]:
    """Return the course of the cheapest point of each policy, in the first world.

    ``seed``: the one that is drawn, with the faults that it meets.
    """
    choices, points = setups[0].choices, decided[0].points
    cheapest: dict[str, int] = {}
    for index, point in enumerate(points):
        best = cheapest.setdefault(point.policy, index)
        if point.total_cost.mean < points[best].total_cost.mean:
            cheapest[point.policy] = index
    shown: list[Chart] = []
    for index in cheapest.values():
        runs = [run for (place, _), run in found.results.items() if place == index]
        met = drawn(replace(loaded, scenario=choices[index].scenario), seed).scenario
        for chart in charts(met, runs):
            _, _, which = chart.title.partition(", ")
            shown.append(replace(chart, title=f"{choices[index].label}, {which}"))
    return same_scales(shown)


def _point(choice: Choice, runs: Sequence[RunResult]) -> Point:
    policy = choice.scenario.policy[choice.policy]
    return Point(choice.policy, choice.vary, choice.label, kind_of(policy), estimates(runs))


def _rerun(loaded: Loaded, policy: str, seeds: Sequence[int], jobs: int) -> dict[str, Estimate]:
    found: dict[int, RunResult] = {}
    with closing(run_each([(loaded, Task(policy, seed)) for seed in seeds], jobs)) as each:
        for index, result in each:
            if isinstance(result, Broken):
                where = f"policy {result.policy}, seed {result.seed}, at {result.at_s:g} s"
                raise LawBrokeError(f"{where}: law {result.law!r} broken: {result.text}")
            found[index] = result
    return estimates([found[index] for index in range(len(seeds))])
