"""Scenario files on the command line: found by name, read, doubted; results written. Shell."""

import json
import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from exchange.cli.common import EXIT_USAGE, fail
from sim.cli.written import STDOUT, written
from sim.scenario.doubts import doubts
from sim.scenario.file import Loaded, ScenarioError, files_of, load, short_traces
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


def read_by(named: Path, loaded: Loaded) -> list[Path]:
    """Return the files that a run reads: the scenario, and those it names."""
    file = found(named)
    return [file, *(file.parent / name for name in files_of(loaded.scenario))]


def write(told: dict[str, Any], option: str, out: Path | None) -> list[str]:
    """Write or print a JSON object; return the lines of what went wrong."""
    text = json.dumps(msgspec.to_builtins(told), indent=1)
    if out == STDOUT:
        print(text)
        return []
    return list(written(option, out, [text, "\n"]))
