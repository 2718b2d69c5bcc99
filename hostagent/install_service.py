"""`headroom host install-service`: systemd runs the agent, denied what it does not need. Shell."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from exchange import files
from exchange.cli.common import DEFAULT_URL, EXIT_USAGE, HostKey, Url, fail
from exchange.client import TRADE_PATH, Unreachable, endpoint
from exchange.keys import KeyFileError, load_private_key
from hostagent import options, service_unit
from hostagent.options import OptionError
from hostagent.run_options import STATE, Advertise, Classes, Ports, State
from hostagent.service_unit import NAME, SETTINGS, UNIT, WANTED

RUNNING: Final = Path("/run/systemd/system")
"""There while systemd runs this system."""
CALL_LIMIT_S: Final = 60
KEY: Final = Path("/etc/headroom/host.pem")
SHARED: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108
"""Folders of which a service has its own."""


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
            _remove(root)
            return
        told = _told(ctx, advertise, ports, classes)
        made = _files(url or DEFAULT_URL, key.absolute(), state.absolute(), told)
        if only_print:
            typer.echo("\n".join(f"# /{name}\n{text}" for name, text in made.items()), nl=False)
            return
        load_private_key(key)
        _refuse_shared(root, key.absolute(), state.absolute())
        _install(root, state.absolute(), made)
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
    odd = [word for word in (url, str(key), str(state), *told) if not service_unit.plain(word)]
    if odd:
        raise OptionError(f"install-service: {odd[0]!r}: systemd would read it otherwise")
    beside = Path(sys.executable).with_name("headroom")
    command = [str(beside)] if beside.exists() else [sys.executable, "-m", "headroom"]
    return {
        SETTINGS: service_unit.settings(url, str(key), told),
        UNIT: service_unit.unit(command, str(state)),
    }


def _refuse_shared(root: Path, *paths: Path) -> None:
    for path in paths if root == Path("/") else ():
        if any(path.is_relative_to(folder) for folder in SHARED):
            raise OptionError(f"install-service: {path}: a service has a /tmp of its own")


def _install(root: Path, state: Path, made: dict[str, str]) -> None:
    changed = [name for name, text in made.items() if _write(root / name, text)]
    (root / state.relative_to("/")).mkdir(parents=True, exist_ok=True)
    wanted = root / WANTED
    if not wanted.is_symlink():
        wanted.parent.mkdir(parents=True, exist_ok=True)
        wanted.symlink_to(f"/{UNIT}")
        changed.append(WANTED)
    for name in changed:
        typer.echo(f"wrote {root / name}")
    if not _runs_here(root):
        typer.echo(f"{NAME} starts with the system")
    else:
        if changed:
            _systemctl("daemon-reload")
        _systemctl("restart" if changed else "start", NAME)
        again = "started" if changed else "nothing changed, runs"
        typer.echo(f"{NAME}: {again}; its log: journalctl -u {NAME}")


def _remove(root: Path) -> None:
    there = [name for name in (WANTED, UNIT, SETTINGS) if os.path.lexists(root / name)]
    if UNIT in there and _runs_here(root):
        _systemctl("stop", NAME)
    for name in there:
        (root / name).unlink()
        typer.echo(f"removed {root / name}")
    if there and _runs_here(root):
        _systemctl("daemon-reload")
    typer.echo("key, state and VMs stay" if there else f"{NAME} is not installed")


def _write(path: Path, text: str) -> bool:
    """Write a file unless it says so already; returns whether it was written."""
    if path.is_file() and path.read_text("utf-8", "replace") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    os.replace(fresh, path)
    return True


def _runs_here(root: Path) -> bool:
    return root == Path("/") and RUNNING.is_dir() and shutil.which("systemctl") is not None


def _systemctl(*what: str) -> None:
    command = ["systemctl", *what]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=CALL_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        fail(f"install-service: {' '.join(command)}: did not end within {CALL_LIMIT_S} s")
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no message"])[0]
        fail(f"install-service: {' '.join(command)}: {said}")
