"""`headroom sim sweep`: many seeds with random faults; what fails is named and shrunk."""

import re
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from exchange.cli.common import EXIT_USAGE, JsonOrFile, fail
from exchange.units import count_text
from sim.cli.files import File, read_by, scenario_of, warn, write
from sim.cli.outputs import exit_code
from sim.cli.progress import Progress
from sim.cli.run import Jobs, PerHour, Policy, policies_of, reproducible, with_random_faults
from sim.cli.written import check_outputs, written
from sim.results.report import Broken
from sim.run.runner import ended_in_order, processors, signal_of
from sim.scenario.file import Loaded
from sim.scenario.tables import Scenario
from sim.scenario.text import faults_text, scenario_text
from sim.sweep.sweep import Swept, minimal, sweep, tasks_of

USUAL_PER_HOUR: Final = 2.0
MOST_SEEDS: Final = 100_000

Seeds = Annotated[str, typer.Option(metavar="A..B", help="The first seed and the last.")]
Shrink = Annotated[
    int, typer.Option(min=0, max=10_000, help="Runs that may be spent on shrinking.")
]
Minimal = Annotated[
    Path | None,
    typer.Option("--shrunk", metavar="FILE", help="Write the shrunk scenario to FILE."),
]


def sweep_seeds(
    file: File,
    seeds: Seeds,
    policy: Policy = None,
    random_faults: PerHour = None,
    shrink: Shrink = 200,
    json_out: JsonOrFile = None,
    out: Minimal = None,
    jobs: Jobs = processors(),
) -> None:
    """Run seeds A to B with the faults each draws, and shrink what fails; exit 1 if one does."""
    chosen_seeds = _range(seeds)
    loaded = scenario_of(file)
    check_outputs({"--json": json_out, "--shrunk": out}, read_by(file, loaded))
    per_hour = random_faults
    if per_hour is None and loaded.scenario.random_faults is None:
        per_hour = USUAL_PER_HOUR
        text = f"{file} has no [random_faults]: {per_hour:g} an hour, of every kind"
        typer.echo(text, err=True)
    loaded = with_random_faults(loaded, per_hour)
    swept = Swept(tasks_of(loaded.scenario, policies_of(loaded, policy), chosen_seeds))
    warn(loaded)
    began_s = time.perf_counter()
    ended_by = _sweep(file, loaded, swept, jobs, per_hour)
    first = swept.first()
    small = None
    if first is not None and shrink:
        small, ended_by = _shrink(loaded, first, shrink, ended_by)
    told = _object(loaded.scenario, chosen_seeds, swept, small, ended_by is None)
    wrong = write(told, "--json", json_out)
    if json_out != Path("-"):
        lines = _lines(loaded.scenario, chosen_seeds, swept, time.perf_counter() - began_s)
        print("\n".join(lines))
    if small is not None:
        wrong += _keep(file, small, out, quiet=json_out == Path("-"))
    for line in wrong:
        typer.echo(f"headroom: {line}", err=True)
    if ended_by is not None or first is not None or wrong:
        raise typer.Exit(exit_code(ended_by))


def _range(text: str) -> range:
    found = re.fullmatch(r"(\d{1,15})(?:\.\.(\d{1,15}))?", text)
    if found is None:
        fail(f"--seeds {text}: is not A..B, such as 1..500", EXIT_USAGE)
    first, last = int(found[1]), int(found[2] or found[1])
    if not first <= last < first + MOST_SEEDS:
        fail(f"--seeds {text}: needs 1 to {MOST_SEEDS:,} seeds", EXIT_USAGE)
    return range(first, last + 1)


def _sweep(
    file: File, loaded: Loaded, swept: Swept, jobs: int, per_hour: float | None
) -> int | None:
    """Run everything; return the signal that ended it, if one did."""
    progress = Progress(count_text(len(swept.tasks), "run"), len(swept.tasks))
    try:
        for failure in sweep(loaded, swept, jobs):
            if failure is not None:
                swept.failures[-1] = reproducible(failure, file, None, per_hour)
                typer.echo(_failure_text(swept.failures[-1]), err=True)
            progress(swept.done, f", {len(swept.failures)} failed")
    except KeyboardInterrupt as error:
        return signal_of(error)
    except BrokenExecutor:
        fail(f"{file}: the process of a run ended before it; was it killed, or memory short?")
    return None


def _shrink(
    loaded: Loaded, failure: Broken, most: int, ended_by: int | None
) -> tuple[Scenario, int | None]:
    """Return the smallest scenario found that fails alike, and the signal that ended the search,
    or the sweep before it."""
    progress = Progress(f"shrinking seed {failure.seed}", most)
    found = loaded.scenario

    def tell(runs: int, left: int) -> None:
        progress(runs, f" at most, {count_text(left, 'fault')} left")

    try:
        with ended_in_order():
            for smaller in minimal(loaded, failure, most, tell):
                found = smaller
    except KeyboardInterrupt as error:
        return found, signal_of(error)
    return found, ended_by


def _failure_text(failure: Broken) -> str:
    where = f"seed {failure.seed}, policy {failure.policy}, at {failure.at_s:g} s"
    why_text = f"{failure.law!r} broken after command {failure.command}: {failure.text}"
    return f"FAILED  {where}: {why_text}\n        {failure.reproduce}"


def _object(
    scenario: Scenario, seeds: range, swept: Swept, small: Scenario | None, whole: bool
) -> dict[str, Any]:
    return {
        "schema": 1,
        "scenario": scenario.title,
        "seeds": [seeds[0], seeds[-1]],
        "policies": list(dict.fromkeys(task.policy for task in swept.tasks)),
        "runs": len(swept.tasks),
        "done": swept.done,
        "faults": swept.faults,
        "failures": swept.failures,
        "minimal": None if small is None else small.fault,
        "interrupted": not whole,
        "passed": whole and not swept.failures,
    }


def _lines(scenario: Scenario, seeds: range, swept: Swept, took_s: float) -> list[str]:
    failed = sorted(swept.failures, key=lambda one: one.seed)
    lines = [_failure_text(failure) for failure in failed]
    struck = ", ".join(f"{count} {kind}" for kind, count in sorted(swept.faults.items()))
    lines.append(f"{scenario.title}: seeds {seeds[0]}..{seeds[-1]}; faults: {struck or 'none'}")
    done = f"{swept.done} of {count_text(len(swept.tasks), 'run')} in {took_s:.0f} s"
    lines.append(f"{done}: {len(failed)} failed")
    return lines


def _keep(file: Path, small: Scenario, out: Path | None, quiet: bool) -> list[str]:
    what = f"seed {small.seed} fails with {count_text(len(small.fault), 'fault')}"
    if out is None:
        if not quiet:
            print(f"\n# {what}; --shrunk FILE keeps the scenario")
            print(faults_text(small.fault), end="")
        return []
    text = scenario_text(small, file.absolute().parent)
    if wrong := list(written("--shrunk", out, [text])):
        print(f"\n# {what}\n{text}", end="")
        return wrong
    typer.echo(f"{what}: headroom sim run {out}", err=True)
    return []
