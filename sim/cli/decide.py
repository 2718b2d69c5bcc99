"""`headroom sim decide`: which policy pays, how sure that is, and at which price it turns."""

import shlex
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec.structs import replace

from exchange.cli.common import EXIT_USAGE, JsonOrFile, Out, fail
from exchange.units import count_text
from sim.cli.files import File, read_by, scenario_of, warn
from sim.cli.outputs import Outputs, Report, exit_code, scenario_text
from sim.cli.run import Jobs, Policy, Seed, policies_of
from sim.decide.break_even import MAX_RERUNS
from sim.decide.decision import Decision
from sim.decide.page import decide_page
from sim.decide.points import Choice, Setup, setups
from sim.decide.runs import (
    Collected,
    LawBrokeError,
    best_charts,
    collect,
    decisions,
    whole_seeds,
    with_break_even,
)
from sim.decide.text import heading, json_decide, table
from sim.decide.vary import VaryError, parsed
from sim.page.model import Source
from sim.results import report
from sim.results.report import Broken, RunResult
from sim.run.runner import ended_in_order, processors, signal_of
from sim.scenario.drawn import drawn
from sim.scenario.file import Loaded
from sim.scenario.tables import Scenario

Varies = Annotated[
    list[str] | None,
    typer.Option(
        "--vary",
        metavar="PATH=VALUES",
        help="Try A..B:STEP or a,b,c at this key of the file; repeated: every combination.",
    ),
]
Seeds = Annotated[int | None, typer.Option("--runs", min=1, max=1000, help="Seeds to run.")]


def decide(
    file: File,
    vary: Varies = None,
    policy: Policy = None,
    seed: Seed = None,
    runs: Seeds = None,
    jobs: Jobs = processors(),
    json_out: JsonOrFile = None,
    out: Out = None,
    report_out: Report = None,
) -> None:
    """Compare policies, and settings to try, by what they cost in all."""
    loaded = scenario_of(file)
    outputs = Outputs({"--json": json_out, "--out": out}, report_out)
    outputs.check(read_by(file, loaded))
    found = _setups(loaded, vary or [], policies_of(loaded, policy))
    first = loaded.scenario.seed if seed is None else seed
    seeds = range(first, first + (runs or loaded.scenario.runs))
    warn(loaded)
    if not loaded.scenario.slo.credits_per_million_violated:
        free = "slo.credits_per_million_violated: 0; what is not served costs nothing"
        typer.echo(f"warning: {free}", err=True)
    choices = [choice for setup in found for choice in setup.choices]
    ran = _runs(file, loaded, choices, seeds, jobs, record=report_out is not None)
    kept = whole_seeds(ran, len(choices), seeds)
    decided = decisions(ran, found, kept) if kept else []
    if decided and ran.broken is None and not ran.interrupted:
        decided = _break_even(file, loaded, found, decided, kept, jobs, ran)
    told = _object(loaded, found, ran, kept, decided, file, vary or [])
    wrong = outputs.rows(told, loaded.scenario, [])
    if decided and report_out is not None:
        sources = [_command(file, policy, kept, vary or []), scenario_text(file)]
        page = decide_page(loaded.scenario, decided, kept, sources)
        wrong += outputs.page(replace(page, charts=best_charts(ran, found, decided, loaded, first)))
    if json_out != Path("-") and decided:
        print(heading(loaded.scenario.title, len(kept), first, len(choices)))
        print("\n".join(["", *table(decided)]))
    _leave(ran, kept, told.get("broken"), loaded.scenario, file, wrong)


def _setups(loaded: Loaded, vary: list[str], policies: list[str]) -> list[Setup]:
    try:
        return setups(loaded.scenario, [parsed(text) for text in vary], policies)
    except VaryError as error:
        fail(f"--vary {error}", EXIT_USAGE)


def _runs(
    file: Path, loaded: Loaded, choices: list[Choice], seeds: range, jobs: int, record: bool
) -> Collected:
    count = len(choices) * len(seeds)
    sizes = f"{count_text(len(choices), 'point')} x {count_text(len(seeds), 'seed')}"
    more = f"and up to {MAX_RERUNS * len(seeds):,} more for a break-even price"
    typer.echo(f"{count_text(count, 'run')}: {sizes}, {more}", err=True)

    def progress(choice: Choice, result: RunResult, done: int, passed_s: float) -> None:
        side_by_side = jobs if done == 1 else 1  # the first ran alone
        left_s = passed_s / done * (count - done) / side_by_side
        text = f"[{done}/{count}] {choice.label}, seed {result.seed}: {result.real_s:.1f} s"
        typer.echo(f"{text}, about {_span(left_s)} left", err=True)

    try:
        return collect(loaded, choices, seeds, jobs, progress, record)
    except BrokenExecutor:
        fail(f"{file}: the process of a run ended before it; was it killed, or memory short?")


def _break_even(
    file: Path,
    loaded: Loaded,
    found: list[Setup],
    decided: list[Decision],
    seeds: list[int],
    jobs: int,
    ran: Collected,
) -> list[Decision]:
    """Return the decisions with their prices; those behind an interrupt stay without."""

    def told(label: str, factor: float) -> None:
        typer.echo(f"break-even: {label} at {factor:.4g} times its price", err=True)

    priced: list[Decision] = []
    try:
        with ended_in_order():
            for decision, setup in zip(decided, found, strict=True):
                priced.append(with_break_even(decision, setup, loaded, seeds, jobs, told))
    except KeyboardInterrupt as error:
        ran.interrupted = signal_of(error)
    except (BrokenExecutor, LawBrokeError) as error:
        typer.echo(f"headroom: {file}: no break-even price: {error}", err=True)
    return priced + decided[len(priced) :]


def _object(
    loaded: Loaded,
    found: list[Setup],
    ran: Collected,
    seeds: list[int],
    decided: list[Decision],
    file: Path,
    vary: list[str],
) -> dict[str, Any]:
    """Return the object of ``--json``: that of `run`, a point in place of a policy."""
    labels = [
        ", ".join([choice.label, *(f"{path} = {value}" for path, value in setup.world.items())])
        for setup in found
        for choice in setup.choices
    ]
    runs: report.Runs = {
        (label, None): [ran.results[index, seed] for seed in seeds]
        for index, label in enumerate(labels)
        if seeds
    }
    broken = _reproducible(ran.broken, file, vary)
    seed = seeds[0] if seeds else loaded.scenario.seed
    shown = replace(drawn(loaded, seed).scenario, seed=seed, runs=max(1, len(seeds)))
    ended = ran.interrupted is not None
    told = report.json_object(shown, runs, [], ran.real_s, broken, ended)
    return {**told, **({"decide": json_decide(decided)} if decided else {})}


def _reproducible(broken: Broken | None, file: Path, vary: list[str]) -> Broken | None:
    """Return ``broken`` with the command line that runs into it again."""
    if broken is None:
        return None
    line = _line(file, [broken.policy], [broken.seed], vary)
    return replace(broken, reproduce=line)


def _line(file: Path, policies: list[str], seeds: list[int], vary: list[str]) -> str:
    words = ["headroom", "sim", "decide", str(file)]
    words += [word for policy in policies for word in ("--policy", policy)]
    words += ["--seed", str(seeds[0]), "--runs", str(len(seeds))]
    words += [word for text in vary for word in ("--vary", text)]
    return shlex.join(words)


def _command(file: Path, policies: list[str] | None, seeds: list[int], vary: list[str]) -> Source:
    return Source("The command", _line(file, policies or [], seeds, vary))


def _leave(
    ran: Collected,
    kept: list[int],
    broken: Broken | None,
    scenario: Scenario,
    file: Path,
    wrong: list[str],
) -> None:
    if broken is not None:
        wrong.append(f"{file}: {report.broken_text(scenario, broken)}")
    elif ran.interrupted:
        has = f"every point has {count_text(len(kept), 'seed')}"
        wrong.append(f"{file}: interrupted after {count_text(len(ran.results), 'run')}: {has}")
    if wrong:
        fail("\n".join(wrong), exit_code(ran.interrupted))


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
