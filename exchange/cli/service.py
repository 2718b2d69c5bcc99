"""Installs a program of ours as a service of systemd, and takes it away again. Shell.

What the unit says is up to the program. Paths are below the root of the system, which may be an
image's folder.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, NamedTuple, TypeAlias

import typer

from exchange import files
from exchange.cli.common import EXIT_USAGE, fail

RUNNING: Final = Path("/run/systemd/system")
"""There while systemd runs this system."""
CALL_LIMIT_S: Final = 60
SHARED: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108
"""Folders of which a service has its own."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9@:/._,=+\[\]-]+")

OnlyPrint: TypeAlias = Annotated[
    bool, typer.Option("--print", help="Show what would be written and write nothing.")
]
Root: TypeAlias = Annotated[
    Path, typer.Option("--root", help="The system to write to, such as an image's folder.")
]
DEFAULT_ROOT: Final = Path("/")


class Service(NamedTuple):
    """``settings``: files that belong to it beside its unit; ``stays``: what is left without it."""

    name: str
    settings: Sequence[str]
    stays: str


class Wish(NamedTuple):
    """What the command line asked for, of the system at ``root``."""

    root: Path
    only_print: bool
    uninstall: bool


def carry_out(
    wish: Wish,
    service: Service,
    made: Callable[[], Mapping[str, str]],
    ready: Callable[[], Sequence[Path]],
    folders: Sequence[Path] = (),
) -> None:
    """Remove the service, show its files, or write them and start it.

    ``made`` returns its files by path; ``ready`` refuses what would fail later, and returns the
    folders and files that the service needs to see. ``folders`` are made where they are missing.
    """
    try:
        if wish.uninstall:
            _remove(wish.root, service)
            return
        texts = made()
        if wish.only_print:
            typer.echo(_shown(texts), nl=False)
            return
        if (hidden := _shared(wish.root, *ready())) is not None:
            fail(f"install-service: {hidden}: a service has a /tmp of its own", EXIT_USAGE)
        for folder in folders:
            (wish.root / folder.relative_to("/")).mkdir(parents=True, exist_ok=True)
        _install(wish.root, service.name, texts)
    except OSError as error:
        hint = "" if os.geteuid() == 0 else "; run this as root"
        fail(f"install-service: {error.filename}: {files.why(error)}{hint}")


def refuse_odd(words: Sequence[str]) -> None:
    """End with a line about the first word that systemd would not read as it is."""
    odd = [word for word in words if not _plain(word)]
    if odd:
        fail(f"install-service: {odd[0]!r}: systemd would read it otherwise", EXIT_USAGE)


def _shown(texts: Mapping[str, str]) -> str:
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "\n".join(f"# /{path}\n{text}" for path, text in texts.items()) + "\n"


def _plain(word: str) -> bool:
    """Return whether systemd reads ``word`` as it is."""
    return _PLAIN.fullmatch(word) is not None


def program() -> list[str]:
    """Return the words that start `headroom` as it is installed here."""
    beside = Path(sys.executable).with_name("headroom")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "headroom"]


def unit_path(name: str) -> str:
    return f"etc/systemd/system/{name}"


def wanted_path(name: str) -> str:
    return f"etc/systemd/system/multi-user.target.wants/{name}"


def _shared(root: Path, *paths: Path) -> Path | None:
    """Return the first path that the service would not see, as it has a folder of its own there."""
    found = (path for path in paths if any(path.is_relative_to(folder) for folder in SHARED))
    return next(found, None) if root == Path("/") else None


def _install(root: Path, name: str, made: Mapping[str, str]) -> None:
    """Write the files ``made`` (by path), have the service start with the system, and start it."""
    changed = [path for path, text in made.items() if _write(root / path, text)]
    wanted = root / wanted_path(name)
    if not wanted.is_symlink():
        wanted.parent.mkdir(parents=True, exist_ok=True)
        wanted.symlink_to(f"/{unit_path(name)}")
        changed.append(wanted_path(name))
    for path in changed:
        typer.echo(f"wrote {root / path}")
    if not _runs_here(root):
        typer.echo(f"{name} starts with the system")
        return
    if changed:
        _systemctl("daemon-reload")
    _systemctl("restart" if changed else "start", name)
    again = "started" if changed else "nothing changed, runs"
    typer.echo(f"{name}: {again}; its log: journalctl -u {name}")


def _remove(root: Path, service: Service) -> None:
    """Stop the service and remove its files."""
    name = service.name
    every = (wanted_path(name), unit_path(name), *service.settings)
    there = [path for path in every if os.path.lexists(root / path)]
    if unit_path(name) in there and _runs_here(root):
        _systemctl("stop", name)
    for path in there:
        (root / path).unlink()
        typer.echo(f"removed {root / path}")
    if there and _runs_here(root):
        _systemctl("daemon-reload")
    typer.echo(service.stays if there else f"{name} is not installed")


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
