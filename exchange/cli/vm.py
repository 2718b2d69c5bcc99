"""`headroom vm`: what a running VM shows. Shell."""

from typing import Annotated

import typer

from exchange.cli.common import Json, Key, Url, print_json
from exchange.cli.one_request import ask
from exchange.wire.requests import VmConsole
from exchange.wire.types import CONSOLE_LINES_MAX

app = typer.Typer(no_args_is_help=True, help="Look into a VM of your account.")

LINES = 50


@app.callback()
def group() -> None:
    """Look into a VM of your account."""


@app.command("console")
def console(
    vm_id: Annotated[str, typer.Argument(metavar="VM", help="The VM, such as v-3.")],
    key: Key,
    lines: Annotated[
        int, typer.Option("--lines", min=1, max=CONSOLE_LINES_MAX, help="How many, at most.")
    ] = LINES,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Print the last lines of a VM's serial console, as its host has them now."""
    result = ask(url, key, VmConsole(req_id=1, vm_id=vm_id, lines=lines))
    if as_json:
        print_json(result)
    elif result["text"]:
        typer.echo(printable(result["text"]))


def printable(text: str) -> str:
    """Return ``text`` without terminal control sequences: neither guest nor host is trusted."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)
