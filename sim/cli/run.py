"""`headroom sim run`: every policy with every seed, a table, JSON, and expectations judged."""

from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec.structs import replace

from exchange.cli.common import EXIT_USAGE, JsonOrFile, Out, fail, finite
from exchange.units import count_text
from sim.cli.files import File, read_by, scenario_of, warn
from sim.cli.outputs import (
    Decisions,
    Every,
    Outputs,
    Report,
    Series,
    command_line,
    exit_code,
    scenario_text,
)
from sim.page.model import Source
from sim.results import report
from sim.results.laws import FULL_HOSTS
from sim.results.pages import run_page
from sim.results.report import Broken, RunResult
from sim.run.runner import Ran, Task, faults_without, plan, processors, run_all
from sim.scenario.check import mistakes
from sim.scenario.drawn import ALL_KINDS, drawn
from sim.scenario.fault_check import WITHOUT_SELLERS
from sim.scenario.file import Check, Loaded
from sim.scenario.tables import RandomFaults
from sim.scenario.workload import Trace

Seed = Annotated[int | None, typer.Option(min=0, help="First seed, in place of the file's.")]
Runs = Annotated[int | None, typer.Option(min=1, max=1000, help="Seeds to run.")]
Policy = Annotated[list[str] | None, typer.Option(help="Run only this policy (repeatable).")]
WithoutFault = Annotated[
    int | None, typer.Option(min=0, help="Leave this fault of the file out, counted from 0.")
]
PerHour = Annotated[
    float | None,
    typer.Option(
        "--random-faults",
        metavar="PER_HOUR",
        min=0.001,
        max=1000,
        callback=finite,
        help="Draw faults of every kind from the seed, so many an hour.",
    ),
]
Checked = Annotated[
    Check | None,
    typer.Option(
        help="laws: the laws of the exchange; full: also everything recomputed by the rules. "
        f"Default: full up to {FULL_HOSTS} hosts."
    ),
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


def run(
    file: File,
    seed: Seed = None,
    json_out: JsonOrFile = None,
    out: Out = None,
    policy: Policy = None,
    runs: Runs = None,
    without_fault: WithoutFault = None,
    random_faults: PerHour = None,
    jobs: Jobs = processors(),
    trace: TraceFile = None,
    column: Column = None,
    time: Time = "t_s",
    per_s: PerS = 1.0,
    from_s: FromS = 0.0,
    scale: Scale = 1.0,
    report_out: Report = None,
    series: Series = None,
    every: Every = 60,
    decisions: Decisions = None,
    check: Checked = None,
) -> None:
    """Run every policy with every seed; exit 1 when an expectation fails."""
    override = load_override(trace, column, time, per_s, from_s, scale)
    loaded = replace(scenario_of(file, override), check=check)
    loaded = with_random_faults(_with(loaded, seed, runs, without_fault), random_faults)
    policies = policies_of(loaded, policy)
    outputs = Outputs({"--json": json_out, "--out": out}, report_out, series, every, decisions)
    outputs.check(read_by(file, loaded))
    warn(loaded)
    tasks = outputs.recorded(plan(loaded, policies))
    ran = _ran(file, loaded, tasks, jobs)
    broken = ran.broken and reproducible(ran.broken, file, override, random_faults, check)
    grouped = report.grouped(ran.results)
    judged = report.verdicts(loaded.scenario, grouped)
    met = drawn(loaded, loaded.scenario.seed).scenario
    part = None if ran.interrupted is None else _part(ran, len(tasks))
    told = report.json_object(met, grouped, judged, ran.real_s, broken, part is not None)
    wrong = outputs.rows(told, loaded.scenario, ran.results)
    if outputs.report is not None:
        again = _reproduced(loaded, file, override, policy, without_fault, random_faults)
        sources = [again, scenario_text(file)]
        wrong += outputs.page(run_page(met, grouped, judged, broken, sources, part))
    if json_out != Path("-"):
        print("\n".join([*report.table(loaded.scenario, grouped, judged), _pace(ran, told)]))
    if broken is not None:
        wrong.append(f"{file}: {report.broken_text(loaded.scenario, broken)}")
    if part is not None:
        wrong.append(f"{file}: {part}")
    _leave(wrong, told["passed"], exit_code(ran.interrupted))


def _ran(file: Path, loaded: Loaded, tasks: list[Task], jobs: int) -> Ran:
    try:
        ran = run_all(loaded, tasks, jobs, _progress)
    except BrokenExecutor:
        fail(f"{file}: the process of a run ended before it; was it killed, or memory short?")
    if ran.interrupted is not None and not ran.results:
        fail(f"{file}: interrupted before the first run had ended", exit_code(ran.interrupted))
    return ran


def _leave(wrong: list[str], passed: bool, code: int) -> None:
    if wrong:
        fail("\n".join(wrong), code)
    if not passed:
        raise typer.Exit(code)


def _part(ran: Ran, count: int) -> str:
    return f"interrupted after {len(ran.results)} of {count_text(count, 'run')}"


def _pace(ran: Ran, told: dict[str, Any]) -> str:
    runs = count_text(len(ran.results), "run")
    return f"{runs} in {ran.real_s:.1f} s, {told['speedup']:,.0f} x real time"


def load_override(
    file: Path | None, column: str | None, time: str, per_s: float, from_s: float, scale: float
) -> Trace | None:
    """Return the load that --trace and its like name, None without."""
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
    return replace(loaded, scenario=changed)


def with_random_faults(loaded: Loaded, per_hour: float | None) -> Loaded:
    """Return the scenario with faults of every kind it can have; None leaves the file's own."""
    if per_hour is None:
        return loaded
    kinds = ALL_KINDS if loaded.scenario.seller else WITHOUT_SELLERS
    table = RandomFaults(list(kinds), per_hour)
    changed = replace(loaded.scenario, random_faults=table)
    if found := mistakes(changed):
        fail(f"--random-faults {per_hour:g}: {found[0]}", EXIT_USAGE)
    return replace(loaded, scenario=changed)


def policies_of(loaded: Loaded, wanted: list[str] | None) -> list[str]:
    """Return the policies to run: those of ``--policy``, or all."""
    known = list(loaded.scenario.policy)
    for name in wanted or []:
        if name not in known:
            fail(f"--policy {name}: the scenario has {', '.join(known)}", EXIT_USAGE)
    return [name for name in known if not wanted or name in wanted]


def reproducible(
    broken: Broken,
    file: Path,
    override: Trace | None,
    per_hour: float | None,
    check: Check | None = None,
) -> Broken:
    """Return ``broken`` with the command line that runs into it again, and into nothing else."""
    options = ["--policy", broken.policy, "--seed", str(broken.seed), "--runs", "1"]
    if broken.without is not None:
        options += ["--without-fault", str(broken.without)]
    options += _random_options(per_hour)
    options += [] if check is None else ["--check", check]
    return replace(broken, reproduce=command_line(file, override, *options))


def _random_options(per_hour: float | None) -> list[str]:
    return [] if per_hour is None else ["--random-faults", f"{per_hour:g}"]


def _reproduced(
    loaded: Loaded,
    file: Path,
    override: Trace | None,
    policies: list[str] | None,
    without: int | None,
    per_hour: float | None,
) -> Source:
    """Return the command line that gives the same page again."""
    scenario = loaded.scenario
    options = ["--seed", str(scenario.seed), "--runs", str(scenario.runs)]
    for name in policies or []:
        options += ["--policy", name]
    options += [] if without is None else ["--without-fault", str(without)]
    options += [*_random_options(per_hour), "--report", "report.html"]
    return Source("Reproduce", command_line(file, override, *options))


def _progress(result: RunResult, done: int, count: int) -> None:
    without = "" if result.without is None else f" without fault[{result.without}]"
    text = f"{result.policy}, seed {result.seed}{without}: {count_text(result.commands, 'command')}"
    typer.echo(f"[{done}/{count}] {text}, {result.real_s:.1f} s", err=True)
