"""`headroom manager install-service`: systemd runs the Manager, denied what it needs not. Shell."""

import pwd
from pathlib import Path
from typing import Annotated, Final

import typer

from exchange.cli import service
from exchange.cli.common import EXIT_USAGE, fail
from manager.shell.config import ConfigError, read_config
from manager.shell.service_unit import NAME, unit

SERVICE: Final = service.Service(NAME, (), "the file, its key and the VMs stay")


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
    only_print: service.OnlyPrint = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Take the service away; file and key stay.")
    ] = False,
    root: service.Root = service.DEFAULT_ROOT,
) -> None:
    """Have systemd run the Manager from the next boot on, and now. Needs root."""
    wish = service.Wish(root, only_print, uninstall)
    try:
        service.carry_out(wish, SERVICE, lambda: _files(file, user, group), lambda: _ready(file))
    except ConfigError as error:
        fail(str(error))


def _files(file: Path | None, user: str | None, group: str | None) -> dict[str, str]:
    if file is None:
        fail("manager install-service: missing argument 'FILE', such as manager.toml", EXIT_USAGE)
    path = file.absolute()
    who = user or _owner(path)
    service.refuse_odd([str(path), who, *([] if group is None else [group])])
    text = unit(service.program(), str(path), str(path.parent), who, group)
    return {service.unit_path(NAME): text}


def _ready(file: Path | None) -> list[Path]:
    assert file is not None, "refused before"
    read_config(file, "check")
    return [file.absolute()]


def _owner(file: Path) -> str:
    uid = file.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
