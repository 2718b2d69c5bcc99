"""`headroom manager`: run the rules, check the file, see what rules would have done."""

import asyncio
import csv
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from exchange import files
from exchange.cli.common import (
    EXIT_USAGE,
    Json,
    KeyOrFiles,
    UrlOrFiles,
    fail,
    finite,
    print_json,
)
from exchange.cli.listening import Insecure, TlsCert, TlsKey, Web, WebName
from exchange.client import Client, Refused, Unknown, Unreachable, urls_of
from exchange.keys import KeyFileError, load_private_key
from exchange.log import log, options
from exchange.units import count_text, credits_text, ucr_from_credits
from manager.core import log_events
from manager.core.core import Manager
from manager.core.dry_run import Outcome, dry_run
from manager.core.farm import ManagerConfig
from manager.core.flap import no_windows, paused_rules
from manager.shell.actions import Actions
from manager.shell.chart_file import ChartError, check_chart, clock, draw
from manager.shell.config import (
    ConfigError,
    UnreadableError,
    read_config,
)
from manager.shell.config_file import ConfigFile
from manager.shell.control_cli import Control, add_to, played_by_manager
from manager.shell.control_path import default_path
from manager.shell.control_server import SocketTakenError
from manager.shell.daemon import Daemon
from manager.shell.init_cli import init
from manager.shell.install_service import install_service
from manager.shell.metrics_page import AddressError
from manager.shell.process import Listeners, listening, until_stopped
from manager.shell.settings import Settings
from manager.shell.sources import balancer_of, load_of, selling_of
from manager.shell.stored import LibraryError
from manager.shell.vm_cli import app as vm_app
from manager.shell.web_process import WebError, account_words, web_terminal, web_words

app = typer.Typer(no_args_is_help=True, help="Run the rules that buy and release.")

TRACE_ROWS_MAX: Final = 10_000_000

File = Annotated[Path | None, typer.Argument(metavar="FILE", help="The file: manager.toml.")]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Another way to name FILE.")
]
Metrics = Annotated[
    str | None,
    typer.Option("--metrics", metavar="ADDR:PORT", help="Serve GET /metrics there; default: not."),
]
Trace = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="The load: a CSV file with a header.")
]
Column = Annotated[
    str | None, typer.Option("--column", help="The column of values; default: the second.")
]
Time = Annotated[str, typer.Option("--time", help="The column of seconds.")]
PerS = Annotated[
    float | None,
    typer.Option("--per-s", callback=finite, help="Seconds that a value was counted over."),
]
Scale = Annotated[float, typer.Option("--scale", callback=finite, help="Factor on every value.")]
UnitRps = Annotated[
    float | None,
    typer.Option("--unit-rps", callback=finite, help="Requests/s that one unit serves."),
]
CoreUnits = Annotated[int | None, typer.Option("--core-units", help="Servers of your own.")]
BootS = Annotated[
    float, typer.Option("--boot-s", callback=finite, help="Seconds from start to ready.")
]
MaxSpend = Annotated[
    float | None,
    typer.Option(
        "--max-spend",
        metavar="CREDITS",
        min=0,
        callback=finite,
        help="Credits at most for this run, below what the file allows.",
    ),
]
Start = Annotated[
    str | None,
    typer.Option("--start", metavar="TIME", help="When second 0 is, for rules with hours."),
]
Chart = Annotated[
    str | None,
    typer.Option("--chart", metavar="FILE", help="Draw it: FILE.svg, FILE.png, or - for text."),
]


class UsageError(Exception):
    """What was asked makes no sense; one line."""


@app.command("run")
def run_command(
    file: File = None,
    config: Config = None,
    url: UrlOrFiles = None,
    key: KeyOrFiles = None,
    control: Control = None,
    metrics: Metrics = None,
    max_spend: MaxSpend = None,
    web: Web = None,
    web_name: WebName = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    insecure: Insecure = False,
    log_level: options.Level = options.INFO,
    log_format: options.Format = options.TEXT,
) -> None:
    """Watch the load and buy, start, drain and give back as the rules say, until stopped."""
    path = _named("run", file, config)
    options.set_up(log_level, log_format)
    shown = web_words(web, web_name or (), tls_cert, tls_key, insecure)
    try:
        content = read_config(path)
        for warning in content.warnings:
            log.write(log_events.warned(warning))
        where, key_file = _exchange(content, url, key)
        with listening(control, metrics) as listeners:
            words = account_words(shown, where, key_file, control or default_path())
            if words and listeners.control is None:
                raise SocketTakenError("--web: the terminal needs this Manager's control socket")
            asyncio.run(_run(content, where, key_file, listeners, max_spend, words))
    except (AddressError, ConfigError, UsageError) as error:
        fail(str(error), EXIT_USAGE)
    except (KeyFileError, LibraryError, Unreachable, Unknown, SocketTakenError, WebError) as error:
        fail(str(error))
    except Refused as error:
        fail(f"refused: {error}")


@app.command("check")
def check(file: File = None, config: Config = None, as_json: Json = False) -> None:
    """Name every mistake in FILE by its place; exit 1 when there is one."""
    path = _named("check", file, config)
    try:
        content = read_config(path, "check")
    except UnreadableError as error:
        fail(str(error), EXIT_USAGE)
    except ConfigError as error:
        fail(str(error))
    rules, vms, groups = len(content.rules), len(content.vms), len(content.groups)
    if as_json:
        counts = {"rules": rules, "vms": vms, "groups": groups}
        print_json({**counts, "warnings": content.warnings})
        return
    for warning in content.warnings:
        print(f"warning: {warning}")
    selling = f", {count_text(groups, 'group')}" if groups else ""
    parts = f"{count_text(rules, 'rule')}, {count_text(vms, 'stored VM')}{selling}"
    print(f"{path}: {parts}; no mistakes")


@app.command("dry-run")
def dry_run_command(
    trace: Trace = None,
    file: File = None,
    config: Config = None,
    control: Control = None,
    column: Column = None,
    time: Time = "t_s",
    per_s: PerS = None,
    scale: Scale = 1.0,
    unit_rps: UnitRps = None,
    core_units: CoreUnits = None,
    boot_s: BootS = 90.0,
    start: Start = None,
    chart: Chart = None,
    as_json: Json = False,
) -> None:
    """Print what the rules in FILE would have done on a load, bought at their highest price.

    Without FILE and --trace, the rules of the Manager that runs here, on its last day of load.
    """
    if (file, config, trace) == (None, None, None):
        given = {"unit_rps": unit_rps, "core_units": core_units, "boot_s": boot_s}
        _show(_played_there(given, chart, control), as_json)
        return
    path = _named("dry-run", file, config)
    trace = _trace(trace)
    try:
        content = read_config(path, "dry-run")
        rules = _dry_config(content, unit_rps, core_units)
        load = content.load
        count_s = per_s or (load.per_s if load else 1.0)
        column = column or (load.column if load else None)
        start_ms = _start_ms(start, content)
        if chart is not None:
            if chart == "-" and as_json:
                raise UsageError("--chart -: not with --json; name a file")
            check_chart(chart)
        samples = read_trace(trace, time, column, scale / count_s)
    except (ConfigError, UsageError, ChartError) as error:
        fail(str(error), EXIT_USAGE)
    told = [*no_windows(content.rules, "a dry run"), *paused_rules(content.rules)]
    for warning in [*content.warnings, *told]:
        typer.echo(f"headroom: warning: {warning}", err=True)
    outcome = dry_run(rules, samples, int(boot_s * 1000), start_ms)
    if chart is not None:
        try:
            typer.echo(draw(chart, samples, outcome), nl=False)
        except ChartError as error:
            fail(str(error))
    _show(outcome, as_json)


def _played_there(given: dict[str, Any], chart: str | None, control: Path | None) -> Outcome:
    if chart is not None:
        fail("manager dry-run: --chart needs FILE and --trace", EXIT_USAGE)
    return played_by_manager(given, control)


def _trace(path: Path | None) -> Path:
    if path is None:
        fail("manager dry-run: missing option '--trace'", EXIT_USAGE)
    return path


def _start_ms(text: str | None, file: ConfigFile) -> int:
    """Return the time of the trace's second 0; rules with hours need one."""
    if text is None:
        if any(rule.at is not None for rule in file.rules):
            raise UsageError("--start: missing; when is second 0 for a rule with 'at'?")
        return 0
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--start: {text!r} is no time like 2026-11-23T00:00:00Z") from error
    at_ms = round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    if at_ms < 0:
        raise UsageError(f"--start: {text!r} is before 1970")
    return at_ms


def _named(command: str, file: Path | None, config: Path | None) -> Path:
    """Return the file that was named, as FILE or by --config; exit 2 unless it was one of them."""
    if file is not None and config is not None:
        fail(f"manager {command}: FILE or --config, not both", EXIT_USAGE)
    if (path := file or config) is None:
        fail(f"manager {command}: missing argument 'FILE', such as manager.toml", EXIT_USAGE)
    return path


def read_trace(path: Path, time: str, column: str | None, factor: float) -> list[tuple[int, float]]:
    """Return rows of (ms, requests/s) of a CSV. Raises `UsageError` naming file and line."""
    try:
        files.require_regular(path)
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            names = list(reader.fieldnames or [])
            name = column or next((name for name in names if name != time), "")
            for wanted in (time, name):
                if wanted not in names:
                    raise UsageError(f"{path}: no column {wanted!r}; there are {', '.join(names)}")
            numbered = ((reader.line_num, row) for row in reader)
            return _rows(path, numbered, time, name, factor)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: not a CSV file: {error}") from error


def _rows(
    path: Path,
    numbered: Iterable[tuple[int, dict[str, str]]],
    time: str,
    name: str,
    factor: float,
) -> list[tuple[int, float]]:
    rows: list[tuple[int, float]] = []
    for line, row in numbered:
        place = f"{path}:{line}"
        try:
            at_s, value = float(row[time]), float(row[name])
        except (TypeError, ValueError) as error:
            raise UsageError(f"{place}: {time} and {name} must be numbers") from error
        if not (0 <= at_s < 1e12 and 0 <= value < math.inf):
            raise UsageError(f"{place}: {time} and {name} must not be negative or infinite")
        at_ms = round(at_s * 1000)
        if rows and at_ms <= rows[-1][0]:
            raise UsageError(f"{place}: {time} does not go on")
        if len(rows) >= TRACE_ROWS_MAX:
            raise UsageError(f"{path}: more than {TRACE_ROWS_MAX} rows")
        rows.append((at_ms, value * factor))
    if not rows:
        raise UsageError(f"{path}: no rows")
    return rows


def _dry_config(file: ConfigFile, unit_rps: float | None, core_units: int | None) -> ManagerConfig:
    load = file.load
    unit_rps = unit_rps or (load.unit_rps if load else None)
    if unit_rps is None or unit_rps <= 0:
        raise UsageError("what does a unit serve? [load] unit_rps or --unit-rps")
    return ManagerConfig(
        rules=file.rules,
        library=[],
        vm_class="small",
        zone="dry",
        unit_rps=unit_rps,
        core_units=core_units if core_units is not None else load.core_units if load else 0,
    )


def _show(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        print_json(msgspec.to_builtins(outcome))
        return
    for fired in outcome.fired:
        print(f"{clock(fired.t_s):>12}  {fired.rule:<12} {fired.what}  ({fired.units} bought)")
    cost = f"{credits_text(outcome.cost_ucr, 4)} credits"
    hours = f"{outcome.unit_hours:.2f} unit-hours"
    times, most = count_text(len(outcome.fired), "time"), count_text(outcome.peak_units, "unit")
    print(f"fired {times}; at most {most}, {hours}, {cost}")


async def _run(
    file: ConfigFile,
    url: str,
    key_file: Path,
    listeners: Listeners,
    max_spend: float | None,
    words: Sequence[str],
) -> None:
    urls = urls_of(url)
    settings = Settings(file, urls, key_file)
    async with Client(urls, load_private_key(key_file)) as client:
        manager = Manager(await settings.core_config(file))
        manager.rules.most_ucr = None if max_spend is None else ucr_from_credits(max_spend)
        interval_s = file.load.interval_s if file.load else 1.0
        daemon = Daemon(
            client,
            manager,
            load_of(file),
            balancer_of(file),
            interval_s,
            selling_of(file, manager),
            file.alerts,
        )
        version, account = metadata.version("headroom"), client.account
        log.write(log_events.started(version, url, account, len(file.rules)))
        async with web_terminal(words) as web:
            await until_stopped(daemon, Actions(daemon, settings, web), listeners)


def _exchange(file: ConfigFile, url: str | None, key: Path | None) -> tuple[str, Path]:
    table = file.exchange
    where = url or (table.url if table else None)
    key_file = key or (file.base / table.key if table else None)
    if where is None or key_file is None:
        raise UsageError("which exchange? [exchange] url and key, or --url and --key")
    return where, key_file


add_to(app)
app.add_typer(vm_app, name="vm")
app.command("init")(init)
app.command("install-service")(install_service)
