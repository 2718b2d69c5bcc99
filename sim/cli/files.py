"""Scenario files on the command line: found by name, read, doubted; results written. Shell."""

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from exchange.cli.common import EXIT_USAGE, fail
from exchange.files import why
from sim.scenario.doubts import doubts
from sim.scenario.file import Loaded, ScenarioError, load, short_traces
from sim.scenario.policy import warnings
from sim.scenario.shipped import found, shipped
from sim.scenario.workload import Trace

File = Annotated[Path, typer.Argument(help="The scenario: a file, or the name of a shipped one.")]


def scenario_of(named: Path, override: Trace | None = None) -> Loaded:
    """Return the scenario; ``override`` takes the place of its load. Ends with one line."""
    file = found(named)
    if file == named and re.fullmatch(r"\w{1,40}", str(named)) and not file.exists():
        names = ", ".join(path.stem for path in shipped())
        fail(f"scenario {named}: no such file, and none is shipped but {names}", EXIT_USAGE)
    try:
        return load(file, override)
    except ScenarioError as error:
        fail(str(error), EXIT_USAGE)


def warn(loaded: Loaded) -> None:
    """Print what the scenario can be doubted for, a line each, to stderr."""
    for warning in doubts(loaded.scenario) + warnings(loaded.scenario) + short_traces(loaded):
        typer.echo(f"warning: {warning}", err=True)


def write(told: dict[str, Any], option: str, out: Path | None) -> None:
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


def check_writable(option: str, out: Path | None) -> None:
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
