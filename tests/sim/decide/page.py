"""Takes the decisions of docs/decided.md again: `make docs-decide`. Some minutes."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sim.decide.points import setups
from sim.decide.runs import collect, decisions, with_break_even
from sim.decide.text import heading, table
from sim.results.report import grouped, verdicts
from sim.run.runner import processors
from sim.scenario.file import load
from sim.scenario.shipped import FOLDER

PAGE: Final = Path(__file__).parents[3] / "docs" / "decided.md"
HEAD: Final = """# Two decisions

What `headroom sim decide` says of two shipped scenarios;
[simulation](simulation.md#take-a-decision) explains how to read it. `make docs-decide` makes this
page again. "passed" and "FAILED" are the expectations of the scenario, as `headroom sim run` judges
them: a difference between two policies is paired by seed and holds when its whole 95 % interval
lies below 0.
"""
TEXTS: Final = {
    "spares_cloud_exchange": """
## The peak of a day: spares, cloud or exchange

Renting by any rule costs less than servers that stand idle for half of the day, and far less than
a cloud. `tracking` and `predictive` buy what the load needs and give it back within minutes;
`threshold` buys four at a time and gives back two.
""",
    "flash_crowd": """
## A flash crowd: rules that wait, and rules that foresee

`threshold` waits two minutes and buys four; by then the crowd has doubled. `predictive` buys what
the slope of the load will need when the guests have booted.
""",
}


def main() -> None:
    """Write the page."""
    PAGE.write_text("\n".join([HEAD, *(line for name in TEXTS for line in part(name))]), "utf-8")


def part(name: str) -> Iterator[str]:
    """Yield the lines about the shipped scenario ``name``."""
    loaded = load(FOLDER / f"{name}.toml")
    scenario, jobs = loaded.scenario, processors()
    found = setups(scenario, [], list(scenario.policy))
    seeds = list(range(scenario.seed, scenario.seed + scenario.runs))

    def told(*what: object) -> None:
        print(name, what[2], file=sys.stderr)

    ran = collect(loaded, found[0].choices, seeds, jobs, told)
    (decision,) = decisions(ran, found, seeds)
    decision = with_break_even(decision, found[0], loaded, seeds, jobs, lambda *_: None)
    yield TEXTS[name].strip("\n")
    yield f"\n```console\n$ headroom sim decide {name}"
    yield heading(scenario.title, len(seeds), seeds[0], len(decision.points))
    yield ""
    yield from table([decision])
    yield f"```\n\n```console\n$ headroom sim run {name} | grep -E '^(passed|FAILED)'"
    for verdict in verdicts(scenario, grouped(list(ran.results.values()))):
        yield f"{'passed' if verdict.passed else 'FAILED'}  {verdict.text}"
    yield "```\n"


if __name__ == "__main__":
    main()
