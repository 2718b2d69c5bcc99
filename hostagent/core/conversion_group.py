"""Decides whether image conversions get a control group of their own, and its limits. Pure.

Only below a group that was handed to the agent (systemd's ``Delegate=yes``): to make groups
anywhere else is somebody else's business. A group with limits on its children may hold no process
itself (cgroup v2), so the agent moves into one child and its conversions run in another.
"""

from typing import Final

from msgspec import Struct

from exchange.units import MIB

AGENT: Final = "agent"
CONVERSIONS: Final = "conversions"
NEEDED: Final = frozenset({"memory", "pids"})
WANTED: Final = ("cpu", "io", "memory", "pids")
MEMORY_MAX: Final = 4608 * MIB
"""What two conversions may use with their page cache; each has a limit of its own beside."""
CPU_PERIOD_US: Final = 100_000
WEIGHT: Final = 20
"""A fifth of what any other group has when CPU or disk are short."""
PIDS_MAX: Final = 512


class Place(Struct, frozen=True):
    """Below ``base``, a path in the tree of groups, the agent makes its two. ``why`` not."""

    base: str = ""
    why: str = ""


def place(memberships: str, unified: bool) -> Place:
    """Return where to make groups. ``memberships``: /proc/self/cgroup; ``unified``: the tree is
    cgroup v2 alone."""
    if not unified:
        return Place(why="the system does not use cgroup v2 alone")
    own = [line[3:] for line in memberships.splitlines() if line.startswith("0::")]
    base = own[0].removesuffix(f"/{AGENT}") if own else ""
    if base in ("", "/"):
        return Place(why="the agent is in no control group of its own, as in a container")
    return Place(base)


def missing(controllers: str) -> str:
    """Return what of the needed is not among ``controllers``, which were handed down."""
    return ", ".join(sorted(NEEDED - set(controllers.split())))


def enabled(controllers: str) -> str:
    """Return what to write so that the children are limited by what is there of the wanted."""
    return " ".join(f"+{name}" for name in WANTED if name in controllers.split())


def limits(cpus: int, mem_mib: int) -> dict[str, str]:
    """Return the limits of all conversions together, by file: at most half of the server."""
    quota_us = max(CPU_PERIOD_US, cpus * CPU_PERIOD_US // 2)
    return {
        "memory.max": str(min(MEMORY_MAX, mem_mib * MIB // 2)),
        "pids.max": str(PIDS_MAX),
        "cpu.max": f"{quota_us} {CPU_PERIOD_US}",
        "cpu.weight": str(WEIGHT),
        "io.weight": f"default {WEIGHT}",
    }


def is_needed(file: str) -> bool:
    """Tell whether there is no group without this limit: others depend on the kernel and disk."""
    return file.partition(".")[0] in NEEDED
