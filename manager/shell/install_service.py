"""`headroom manager install-service`: systemd runs the Manager, denied what it needs not. Shell."""

import os
import pwd
from pathlib import Path
from typing import Annotated

import typer

from exchange import files
from exchange.cli import service
from exchange.cli.common import EXIT_USAGE, fail
from manager.shell.config import ConfigError, read_config
from manager.shell.service_unit import NAME, unit

STAYS = "the file, its key and the VMs stay"


def install_service(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The file: manager.toml.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", help="Who runs it; default: the owner of FILE.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", help="One more group, such as that of HAProxy's socket."),
    ] = None,
    only_print: Annotated[
        bool, typer.Option("--print", help="Show the unit and write nothing.")
    ] = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Take the service away; file and key stay.")
    ] = False,
    root: Annotated[
        Path, typer.Option("--root", help="The system to write to, such as an image's folder.")
    ] = Path("/"),
) -> None:
    """Have systemd run the Manager from the next boot on, and now. Needs root."""
    try:
        if uninstall:
            service.remove(root, NAME, [], STAYS)
            return
        if file is None:
            fail("manager install-service: missing argument 'FILE', such as manager.toml", 2)
        text = _unit(file.absolute(), user, group)
        if only_print:
            typer.echo(text, nl=False)
            return
        read_config(file, "check")
        if (hidden := service.shared(root, file.absolute())) is not None:
            fail(f"install-service: {hidden}: a service has a /tmp of its own", EXIT_USAGE)
        service.install(root, NAME, {service.unit_path(NAME): text})
    except ConfigError as error:
        fail(str(error))
    except OSError as error:
        hint = "" if os.geteuid() == 0 else "; run this as root"
        fail(f"install-service: {error.filename}: {files.why(error)}{hint}")


def _unit(file: Path, user: str | None, group: str | None) -> str:
    who = user or _owner(file)
    given = [str(file), who, *([] if group is None else [group])]
    odd = [word for word in given if not service.plain(word)]
    if odd:
        fail(f"install-service: {odd[0]!r}: systemd would read it otherwise", EXIT_USAGE)
    return unit(service.program(), str(file), str(file.parent), who, group)


def _owner(file: Path) -> str:
    uid = file.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
