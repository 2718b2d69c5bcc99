"""`headroom host install-service`: systemd runs the agent, denied what it does not need. Shell."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from exchange.cli import service
from exchange.cli.common import DEFAULT_URL, EXIT_USAGE, HostKey, Url, fail
from exchange.client import TRADE_PATH, Unreachable, endpoint
from exchange.keys import KeyFileError, load_private_key
from hostagent import service_unit
from hostagent.options import OptionError
from hostagent.run_options import STATE, Advertise, Classes, Ports, State, settled
from hostagent.service_unit import NAME, SETTINGS, UNIT

SERVICE: Final = service.Service(NAME, (SETTINGS,), "key, state and VMs stay")
KEY: Final = Path("/etc/headroom/host.pem")


def install_service(
    ctx: typer.Context,
    key: HostKey = KEY,
    url: Url = None,
    advertise: Advertise = "127.0.0.1",
    ports: Ports = "30000-30999",
    classes: Classes = None,
    state: State = STATE,
    only_print: service.OnlyPrint = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Take the service away; key and state stay.")
    ] = False,
    root: service.Root = service.DEFAULT_ROOT,
) -> None:
    """Have systemd run the agent from the next boot on, and now. Needs root.

    Other options of headroom host run may follow; the service gets them. Doing it again with the
    same options changes nothing; with others the agent starts anew and VMs run on.
    """
    paths = key.absolute(), state.absolute()

    def made() -> dict[str, str]:
        return _files(url or DEFAULT_URL, *paths, _told(ctx, advertise, ports, classes))

    def ready() -> tuple[Path, Path]:
        load_private_key(key)
        return paths

    wish = service.Wish(root, only_print, uninstall)
    try:
        service.carry_out(wish, SERVICE, made, ready, [state.absolute()])
    except OptionError as error:
        fail(str(error), EXIT_USAGE)
    except (KeyFileError, Unreachable) as error:
        fail(str(error))


def _told(ctx: typer.Context, advertise: str, ports: str, classes: str | None) -> list[str]:
    """Return the agent's options; what `host run` would refuse is refused now."""
    told = ["--advertise", advertise, "--ports", ports]
    told += [] if classes is None else ["--classes", classes]
    told += ctx.args
    group: Any = ctx.parent
    command = group.command.get_command(ctx, "run")
    given = command.make_context("headroom host run", ["--key", "k", *told]).params
    settled(**{name: given[name] for name in inspect.signature(settled).parameters})
    return told


def _files(url: str, key: Path, state: Path, told: Sequence[str]) -> dict[str, str]:
    """Return the two files by path. Raises `OptionError` or `Unreachable`."""
    endpoint(url, TRADE_PATH)
    service.refuse_odd([url, str(key), str(state), *told])
    return {
        SETTINGS: service_unit.settings(url, str(key), told),
        UNIT: service_unit.unit(service.program(), str(state)),
    }
