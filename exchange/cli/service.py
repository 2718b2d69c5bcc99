"""Installs a program of ours as a service of systemd, and takes it away again. Shell.

What the unit says is up to the program. Paths are below the root of the system, which may be an
image's folder. `OSError` is the caller's to report.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import typer

from exchange.cli.common import fail

RUNNING: Final = Path("/run/systemd/system")
"""There while systemd runs this system."""
CALL_LIMIT_S: Final = 60
SHARED: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108
"""Folders of which a service has its own."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9@:/._,=+\[\]-]+")


def plain(word: str) -> bool:
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


def shared(root: Path, *paths: Path) -> Path | None:
    """Return the first path that the service would not see, as it has a folder of its own there."""
    found = (path for path in paths if any(path.is_relative_to(folder) for folder in SHARED))
    return next(found, None) if root == Path("/") else None


def install(root: Path, name: str, made: Mapping[str, str]) -> None:
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


def remove(root: Path, name: str, files: Sequence[str], stays: str) -> None:
    """Stop the service and remove ``files`` and its unit; ``stays`` says what is left."""
    every = (wanted_path(name), unit_path(name), *files)
    there = [path for path in every if os.path.lexists(root / path)]
    if unit_path(name) in there and _runs_here(root):
        _systemctl("stop", name)
    for path in there:
        (root / path).unlink()
        typer.echo(f"removed {root / path}")
    if there and _runs_here(root):
        _systemctl("daemon-reload")
    typer.echo(stays if there else f"{name} is not installed")


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
