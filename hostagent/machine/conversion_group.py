"""Makes the control group that image conversions run in, where one can be had. Shell module."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from hostagent.core import conversion_group as rule

TREE: Final = Path("/sys/fs/cgroup")
MEMBERSHIPS: Final = Path("/proc/self/cgroup")
JOINS: Final = ("sh", "-c", '{ echo $$ >"$0"; } 2>/dev/null; exec "$@"')
"""What stands before a command, with the group's ``procs``: it joins, or runs where it is."""


class Group(Struct, frozen=True):
    """``procs``: the file to join it by; None: there is none, ``why`` says why not."""

    procs: Path | None = None
    why: str = ""


def service_limit(tree: Path = TREE) -> str | None:
    """Return what all conversions of a running service may use of the memory; None: no group."""
    groups = (tree / "system.slice").glob(f"headroom-*.service/{rule.CONVERSIONS}/memory.max")
    try:
        return next((file.read_text().strip() for file in groups), None)
    except OSError:
        return None


def is_delegated(folder: Path) -> bool:
    """Tell whether systemd has handed this group to its service."""
    try:
        return os.getxattr(folder, "user.delegate") == b"1"
    except OSError:
        return False


def make(
    cpus: int,
    mem_mib: int,
    tree: Path = TREE,
    memberships: Path = MEMBERSHIPS,
    delegated: Callable[[Path], bool] = is_delegated,
) -> Group:
    """Move this process aside and make the group; a second time changes nothing."""
    try:
        unified = (tree / "cgroup.controllers").exists()
        found = rule.place(memberships.read_text(), unified)
        if found.why:
            return Group(why=found.why)
        base = tree / found.base.strip("/")
        if not delegated(base):
            return Group(why="the agent's control group was not handed to it (no service?)")
        return _made(base, rule.limits(cpus, mem_mib))
    except OSError as error:
        return Group(why=f"{error.filename}: {error.strerror}")


def _made(base: Path, limits: dict[str, str]) -> Group:
    controllers = (base / "cgroup.controllers").read_text()
    if lacks := rule.missing(controllers):
        return Group(why=f"its control group has no {lacks}")
    group = base / rule.CONVERSIONS
    for folder in (base / rule.AGENT, group):
        folder.mkdir(exist_ok=True)
    _move(base, base / rule.AGENT / "cgroup.procs")
    _write(base / "cgroup.subtree_control", rule.enabled(controllers))
    for name, value in limits.items():
        try:
            _write(group / name, value)
        except OSError:
            if rule.is_needed(name):
                raise
    return Group(group / "cgroup.procs")


def _move(base: Path, procs: Path) -> None:
    """Move this process and what else the service runs, such as whatever started this one."""
    for pid in (base / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            _write(procs, pid)
    _write(procs, str(os.getpid()))


def _write(path: Path, text: str) -> None:
    """Such a file is there or not: it is never made by whoever writes to it."""
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(file)
