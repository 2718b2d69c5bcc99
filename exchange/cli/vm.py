"""`headroom vm`: start, stop and list VMs, and what a running one shows. Shell."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.cli.common import Json, Key, Url, fail, print_json
from exchange.cli.console_follow import CannotFollow, follow
from exchange.cli.one_request import ask, checked, logged_in
from exchange.cli.vm_life import list_vms, start, stop
from exchange.wire.console_requests import VmConsole
from exchange.wire.text import printable
from exchange.wire.types import CONSOLE_LINES_MAX

app = typer.Typer(no_args_is_help=True, help="Start, stop and look into your VMs.")

LINES = 50


@app.callback()
def group() -> None:
    """Start, stop and look into your VMs."""


app.command("start")(start)
app.command("stop")(stop)
app.command("list")(list_vms)


@app.command("console")
def console(
    vm_id: Annotated[str, typer.Argument(metavar="VM", help="The VM, such as v-3.")],
    key: Key,
    lines: Annotated[
        int,
        typer.Option("--lines", "-n", min=1, max=CONSOLE_LINES_MAX, help="How many, at most."),
    ] = LINES,
    following: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Then print what is new, until the VM ends or Ctrl-C."),
    ] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Print the last lines of a VM's serial console, as its host has them now."""
    request = checked("vm console", {"vm_id": vm_id, "lines": lines}, VmConsole)
    if following:
        _follow(url, key, request, as_json)
        return
    result = ask(url, key, request)
    if as_json:
        print_json(result)
    elif result["text"]:
        typer.echo(printable(result["text"]))


def _follow(url: str | None, key: Path, request: VmConsole, as_json: bool) -> None:
    printed = Printed(as_json)
    try:
        logged_in(url, key, lambda client: follow(client, request, printed.show, printed.say))
    except CannotFollow as error:
        fail(str(error))
    finally:
        printed.end_line()


class Printed:
    """What has been printed of a console; knows whether its last line is complete."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._within_line = False

    def show(self, part: Any) -> None:
        if self._as_json:
            print_json(part)
            return
        if part.get("gap"):
            self.say("lines are missing here: the console was written faster than it was read")
        text = printable(part["text"])
        sys.stdout.write(text)
        sys.stdout.flush()
        self._within_line = not text.endswith("\n")

    def say(self, line: str) -> None:
        self.end_line()
        typer.echo(line, err=True)

    def end_line(self) -> None:
        if self._within_line:
            sys.stdout.write("\n")
            sys.stdout.flush()
        self._within_line = False
