"""`headroom sim`: replay a workload peak in virtual time, or only check a scenario file."""

import json
import os
import re
import shlex
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec.structs import replace

from exchange.cli.common import (
    EXIT_NOT_SO,
    EXIT_USAGE,
    Json,
    JsonOrFile,
    JsonOrFileCommand,
    Out,
    fail,
    finite,
    print_json,
)
from exchange.files import why
from sim.results import report
from sim.results.report import Broken, RunResult
from sim.run.runner import faults_without, plan, processors, run_all
from sim.scenario.doubts import doubts
from sim.scenario.file import Loaded, ScenarioError, load, short_traces
from sim.scenario.policy import warnings
from sim.scenario.shipped import found, shipped
from sim.scenario.workload import Trace

app = typer.Typer(no_args_is_help=True, help="Replay a workload peak in virtual time.")

File = Annotated[Path, typer.Argument(help="The scenario: a file, or the name of a shipped one.")]
Seed = Annotated[int | None, typer.Option(min=0, help="First seed, in place of the file's.")]
Runs = Annotated[int | None, typer.Option(min=1, max=1000, help="Seeds to run.")]
Policy = Annotated[list[str] | None, typer.Option(help="Run only this policy (repeatable).")]
WithoutFault = Annotated[
    int | None, typer.Option(min=0, help="Leave this fault of the file out, counted from 0.")
]
Jobs = Annotated[int, typer.Option(min=1, help="Processes side by side; default: processors.")]
TraceFile = Annotated[Path | None, typer.Option("--trace", help="CSV file to take the load from.")]
Column = Annotated[str | None, typer.Option(help="With --trace: the column of values.")]
Time = Annotated[str, typer.Option("--time", help="With --trace: the column of seconds.")]
PerS = Annotated[
    float,
    typer.Option(callback=finite, help="With --trace: seconds that a value was counted over."),
]
FromS = Annotated[
    float, typer.Option(callback=finite, help="With --trace: where in the file to begin.")
]
Scale = Annotated[float, typer.Option(callback=finite, help="With --trace: factor on every value.")]


@app.callback()
def _main() -> None:
    """Replay a workload peak in virtual time, against the product's own code."""


@app.command("list")
def list_shipped(as_json: Json = False) -> None:
    """List the scenarios that are shipped; each runs by its name."""
    rows = {path.stem: load(path).scenario.title for path in shipped()}
    if as_json:
        print_json([{"name": name, "title": title} for name, title in rows.items()])
        return
    width = max((len(name) for name in rows), default=0)
    for name, title in rows.items():
        print(f"{name:<{width}}  {title}")


@app.command("check")
def check(file: File, as_json: Json = False) -> None:
    """Read FILE and the traces it names, and say what is wrong with it."""
    loaded = _load(file, None)
    _warn(loaded)
    title, policies = loaded.scenario.title, list(loaded.scenario.policy)
    if as_json:
        print_json({"scenario": title, "policies": policies})
    else:
        print(f"{file}: {title}: ok, policies {', '.join(policies)}")


@app.command("run", cls=JsonOrFileCommand)
def run(
    file: File,
    seed: Seed = None,
    json_out: JsonOrFile = None,
    out: Out = None,
    policy: Policy = None,
    runs: Runs = None,
    without_fault: WithoutFault = None,
    jobs: Jobs = processors(),
    trace: TraceFile = None,
    column: Column = None,
    time: Time = "t_s",
    per_s: PerS = 1.0,
    from_s: FromS = 0.0,
    scale: Scale = 1.0,
) -> None:
    """Run every policy with every seed; exit 1 when an expectation fails."""
    override = _override(trace, column, time, per_s, from_s, scale)
    loaded = _load(file, override)
    loaded = _with(loaded, seed, runs, without_fault)
    policies = _policies(loaded, policy)
    paths = {"--json": json_out, "--out": out}
    for option, path in paths.items():
        _check_writable(option, path)
    _warn(loaded)
    try:
        ran = run_all(loaded, plan(loaded, policies), jobs, _progress)
    except BrokenExecutor:
        fail(f"{file}: the process of a run ended before it; was it killed, or memory short?")
    broken = _reproducible(ran.broken, file, override)
    grouped = report.grouped(ran.results)
    judged = report.verdicts(loaded.scenario, grouped)
    told = report.json_object(loaded.scenario, grouped, judged, ran.real_s, broken)
    for option, path in paths.items():
        _write(told, option, path)
    if json_out != Path("-"):
        print("\n".join(report.table(loaded.scenario, grouped, judged)))
        print(f"{len(ran.results)} runs in {ran.real_s:.1f} s, {told['speedup']:,.0f} x real time")
    if broken is not None:
        fail(f"{file}: {report.broken_text(loaded.scenario, broken)}")
    if not told["passed"]:
        raise typer.Exit(EXIT_NOT_SO)


def _load(named: Path, override: Trace | None) -> Loaded:
    file = found(named)
    if file == named and re.fullmatch(r"\w{1,40}", str(named)) and not file.exists():
        names = ", ".join(path.stem for path in shipped())
        fail(f"scenario {named}: no such file, and none is shipped but {names}", EXIT_USAGE)
    try:
        return load(file, override)
    except ScenarioError as error:
        fail(str(error), EXIT_USAGE)


def _override(
    file: Path | None, column: str | None, time: str, per_s: float, from_s: float, scale: float
) -> Trace | None:
    if file is None:
        if column is not None:
            fail("--column needs --trace", EXIT_USAGE)
        return None
    if column is None:
        fail("--trace needs --column, the column of values", EXIT_USAGE)
    if per_s <= 0 or scale < 0:
        fail("--per-s must be above 0 and --scale not below it", EXIT_USAGE)
    # Absolute: paths in a scenario are relative to it, this one to where the user stands.
    path = str(file.absolute())
    return Trace(file=path, column=column, time=time, per_s=per_s, from_s=from_s, scale=scale)


def _with(loaded: Loaded, seed: int | None, runs: int | None, without: int | None) -> Loaded:
    scenario = loaded.scenario
    if without is not None:
        if without >= len(scenario.fault):
            fail(f"--without-fault {without}: there is no fault[{without}]", EXIT_USAGE)
        expect = [one for one in scenario.expect if one.fault is None]
        scenario = replace(scenario, fault=faults_without(scenario, without), expect=expect)
    changed = replace(
        scenario,
        seed=scenario.seed if seed is None else seed,
        runs=scenario.runs if runs is None else runs,
    )
    return Loaded(changed, loaded.traces)


def _policies(loaded: Loaded, wanted: list[str] | None) -> list[str]:
    known = list(loaded.scenario.policy)
    for name in wanted or []:
        if name not in known:
            fail(f"--policy {name}: the scenario has {', '.join(known)}", EXIT_USAGE)
    return [name for name in known if not wanted or name in wanted]


def _reproducible(broken: Broken | None, file: Path, override: Trace | None) -> Broken | None:
    """Return ``broken`` with the command line that runs into it again, and into nothing else."""
    if broken is None:
        return None
    words = ["headroom", "sim", "run", str(file), "--policy", broken.policy]
    words += ["--seed", str(broken.seed), "--runs", "1"]
    if broken.without is not None:
        words += ["--without-fault", str(broken.without)]
    if override is not None:
        words += ["--trace", override.file]
        for name in ("column", "time", "per_s", "from_s", "scale"):
            words += [f"--{name.replace('_', '-')}", str(getattr(override, name))]
    return replace(broken, reproduce=shlex.join(words))


def _warn(loaded: Loaded) -> None:
    for warning in doubts(loaded.scenario) + warnings(loaded.scenario) + short_traces(loaded):
        typer.echo(f"warning: {warning}", err=True)


def _progress(result: RunResult, done: int, count: int) -> None:
    without = "" if result.without is None else f" without fault[{result.without}]"
    text = f"{result.policy}, seed {result.seed}{without}: {result.commands} commands"
    typer.echo(f"[{done}/{count}] {text}, {result.real_s:.1f} s", err=True)


def _write(told: dict[str, Any], option: str, out: Path | None) -> None:
    if out is None:
        return
    text = json.dumps(msgspec.to_builtins(told), indent=1)
    if out == Path("-"):
        print(text)
        return
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        fail(f"{option} {out}: {why(error)}")


def _check_writable(option: str, out: Path | None) -> None:
    """Find out before the runs, not after them, that the result has nowhere to go."""
    if out is None or out == Path("-"):
        return
    there = os.path.lexists(out)
    try:
        # Not to block: a named pipe that nobody reads would be opened for ever.
        os.close(os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o666))
        if not there:
            out.unlink()
    except OSError as error:
        fail(f"{option} {out}: {why(error)}", EXIT_USAGE)
