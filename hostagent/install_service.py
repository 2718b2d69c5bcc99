"""`headroom host install-service`: systemd runs the agent, denied what it does not need. Shell."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from exchange import files
from exchange.cli import service
from exchange.cli.common import DEFAULT_URL, EXIT_USAGE, HostKey, Url, fail
from exchange.client import TRADE_PATH, Unreachable, endpoint
from exchange.keys import KeyFileError, load_private_key
from hostagent import options, service_unit
from hostagent.options import OptionError
from hostagent.run_options import STATE, Advertise, Classes, Ports, State
from hostagent.service_unit import NAME, SETTINGS, UNIT

KEY: Final = Path("/etc/headroom/host.pem")


def install_service(
    ctx: typer.Context,
    key: HostKey = KEY,
    url: Url = None,
    advertise: Advertise = "127.0.0.1",
    ports: Ports = "30000-30999",
    classes: Classes = None,
    state: State = STATE,
    only_print: Annotated[
        bool, typer.Option("--print", help="Show the two files and write nothing.")
    ] = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Take the service away; key and state stay.")
    ] = False,
    root: Annotated[
        Path, typer.Option("--root", help="The system to write to, such as an image's folder.")
    ] = Path("/"),
) -> None:
    """Have systemd run the agent from the next boot on, and now. Needs root.

    Other options of headroom host run may follow; the service gets them. Doing it again with the
    same options changes nothing; with others the agent starts anew and VMs run on.
    """
    try:
        if uninstall:
            service.remove(root, NAME, [SETTINGS], "key, state and VMs stay")
            return
        told = _told(ctx, advertise, ports, classes)
        made = _files(url or DEFAULT_URL, key.absolute(), state.absolute(), told)
        if only_print:
            typer.echo("\n".join(f"# /{name}\n{text}" for name, text in made.items()), nl=False)
            return
        load_private_key(key)
        _refuse_shared(root, key.absolute(), state.absolute())
        (root / state.absolute().relative_to("/")).mkdir(parents=True, exist_ok=True)
        service.install(root, NAME, made)
    except OptionError as error:
        fail(str(error), EXIT_USAGE)
    except (KeyFileError, Unreachable) as error:
        fail(str(error))
    except OSError as error:
        hint = "" if os.geteuid() == 0 else "; run this as root"
        fail(f"install-service: {error.filename}: {files.why(error)}{hint}")


def _told(ctx: typer.Context, advertise: str, ports: str, classes: str | None) -> list[str]:
    """Return the agent's options; what `host run` would refuse is refused now."""
    told = ["--advertise", advertise, "--ports", ports]
    told += [] if classes is None else ["--classes", classes]
    told += ctx.args
    options.address(advertise)
    options.port_range(ports)
    if classes is not None:
        options.classes(classes)
    group: Any = ctx.parent
    group.command.get_command(ctx, "run").make_context("headroom host run", ["--key", "k", *told])
    return told


def _files(url: str, key: Path, state: Path, told: Sequence[str]) -> dict[str, str]:
    """Return the two files by path. Raises `OptionError` or `Unreachable`."""
    endpoint(url, TRADE_PATH)
    odd = [word for word in (url, str(key), str(state), *told) if not service.plain(word)]
    if odd:
        raise OptionError(f"install-service: {odd[0]!r}: systemd would read it otherwise")
    return {
        SETTINGS: service_unit.settings(url, str(key), told),
        UNIT: service_unit.unit(service.program(), str(state)),
    }


def _refuse_shared(root: Path, *paths: Path) -> None:
    path = service.shared(root, *paths)
    if path is not None:
        raise OptionError(f"install-service: {path}: a service has a /tmp of its own")
