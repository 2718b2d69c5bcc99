"""Makes docs/published.md: what others measured, and what the shipped scenarios give for it.

`make docs-published` writes it; some seconds. It is the same on any machine.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from exchange.units import MS_PER_MINUTE
from sim.results.recording import value_at
from sim.results.report import RunResult
from sim.run.runner import Task, run_all
from sim.scenario.file import load
from sim.scenario.shipped import FOLDER

PAGE: Final = Path(__file__).parents[3] / "docs" / "published.md"
HEAD: Final = """# Published against simulated

What others measured or worked out, and what the simulator says of the same load with the Manager's
own rules. Each scenario names its source and every assumption that the source leaves open; its
expectations hold each figure within 15 % and the policies in their order.
`make docs-published` makes this page again.
"""
FLASH, STEPS, WALK = "public_hpa_flash", "public_aws_steps", "public_hpa_walkthrough"
SOURCES: Final = {
    FLASH: (
        "The flash of the World Cup 1998 on Kubernetes",
        "https://github.com/smadduri9/k8s-hpa-benchmark",
        "Medians of six repetitions there, of six seeds here. A unit is a pod.",
    ),
    STEPS: (
        "AWS's example of step scaling",
        "https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html",
        "Instances in service, one size after the other.",
    ),
    WALK: (
        "Kubernetes' walkthrough",
        "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale-walkthrough/",
        "Pods in service at 305 % of one pod and a target of 50 %, one size after the other.",
    ),
}


class Row(NamedTuple):
    """One figure, or some that follow each other."""

    what: str
    published: tuple[float, ...]
    ours: tuple[float, ...]

    @property
    def off(self) -> float:
        """By what share the figure furthest off differs."""
        if len(self.published) != len(self.ours):
            return float("inf")
        pairs = zip(self.published, self.ours, strict=True)
        return max((here / there - 1 for there, here in pairs), key=abs)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    return "\n".join([HEAD, *(line for name in SOURCES for line in part(name))])


def part(name: str) -> Iterator[str]:
    """Yield the lines about a scenario."""
    title, url, text = SOURCES[name]
    yield f"## {title}\n"
    yield f"Source: <{url}>; `headroom sim run {name}`. {text}\n"
    yield "| figure | published | simulated | differs by |\n|---|---|---|---|"
    for row in rows(name):
        cells = (row.what, figures(row.published), figures(row.ours), f"{100 * row.off:+.1f} %")
        yield f"| {' | '.join(cells)} |"
    yield ""


def rows(name: str) -> list[Row]:
    ran = runs(name)
    if name == FLASH:
        return [*unit_hours(ran), *peaks(ran)]
    if name == STEPS:
        return [Row("instances", (10, 11, 14, 13, 10), sizes(ran[0]))]
    return [Row("pods", (1, 7), sizes(ran[0]))]


def unit_hours(ran: Sequence[RunResult]) -> Iterator[Row]:
    for policy, published in (("fixed", 1.1856), ("tuned", 1.7836), ("stock", 2.2351)):
        ours = median(run.metrics["unit_hours"] for run in ran if run.policy == policy)
        yield Row(f"{policy}: ready unit-hours", (published,), (ours,))


def peaks(ran: Sequence[RunResult]) -> Iterator[Row]:
    own = load(FOLDER / f"{FLASH}.toml").scenario.farm.core_units
    for policy, published in (("fixed", 4), ("tuned", 11), ("stock", 11)):
        ours = median(run.metrics["peak_units"] for run in ran if run.policy == policy)
        yield Row(f"{policy}: most units", (published,), (own + ours,))


def sizes(run: RunResult) -> tuple[float, ...]:
    """Return how many units were in service, one size after the other, looked at each minute."""
    (recording,) = run.recordings.values()
    times_ms = list(range(0, int(run.virtual_s * 1000), MS_PER_MINUTE))
    seen = value_at(recording.ready, times_ms, 0)
    return tuple(now for before, now in zip([None, *seen], seen, strict=False) if now != before)


@cache
def runs(name: str) -> list[RunResult]:
    """Return each policy of a shipped scenario with each of its seeds."""
    loaded = load(FOLDER / f"{name}.toml")
    scenario = loaded.scenario
    seeds = range(scenario.seed, scenario.seed + scenario.runs)
    tasks = [Task(policy, seed, record=True) for policy in scenario.policy for seed in seeds]
    return run_all(loaded, tasks, 1, lambda *_: None).results


def figures(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" if value % 0.5 else f"{value:g}" for value in values)


if __name__ == "__main__":
    main()
