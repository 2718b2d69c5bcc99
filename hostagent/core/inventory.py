"""From raw facts about a server to what it advertises. Pure.

The shell reads the files (``/proc/cpuinfo``, ``/proc/meminfo``, ``/proc/stat``, the disk's size)
and passes their text in; this module subtracts the server's own reserve and finds which classes
fit.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

from exchange.wire.terms import need_of_units
from exchange.wire.types import Capacity, ToldCapacity
from hostagent.core.ports import Load

RESERVE_MVCPU = 500
RESERVE_MEM_MIB = 1024
RESERVE_DISK_MIB = 4096
RESERVE_SHARE = 10
"""The server keeps one part in ``RESERVE_SHARE`` for itself, or the fixed reserve if that is more,
but never more than half: a small server still offers something."""

IMAGE_SHARE = 4
IMAGE_MIB_LEAST = 1024
IMAGE_STEP_MIB = 256
"""An image may take one part in ``IMAGE_SHARE`` of the disk's reserve, in whole steps."""


class Facts(Struct, frozen=True):
    """What the server has, before any reserve."""

    cpus: int
    mem_mib: int
    disk_mib: int
    cpu_model: str


class Override(Struct, frozen=True):
    """What the owner says instead (``--mvcpu`` and so on); None leaves it to the facts."""

    mvcpu: int | None = None
    mem_mib: int | None = None
    disk_mib: int | None = None


Shared: TypeAlias = tuple[Literal["mvcpu", "mem_mib"], ...]
"""What the server's own work takes from the offer, because the owner has not said how much."""


def shared(said: Override) -> Shared:
    cpu: Shared = ("mvcpu",) if said.mvcpu is None else ()
    return (*cpu, "mem_mib") if said.mem_mib is None else cpu


def facts(cpuinfo: str, meminfo: str, disk_mib: int) -> Facts:
    """Read ``/proc/cpuinfo`` and ``/proc/meminfo``; a missing value counts as 0 or "unknown"."""
    lines = [line.partition(":") for line in cpuinfo.splitlines()]
    models = [value.strip() for name, _, value in lines if name.strip() == "model name"]
    cpus = sum(name.strip() == "processor" for name, _, _ in lines)
    model = models[0] if models else "unknown"
    return Facts(cpus, _meminfo_kib(meminfo, "MemTotal") // 1024, disk_mib, model[:128])


def advertised(known: Facts, override: Override) -> Capacity:
    """Return the capacity for VMs: the facts less the server's reserve, or the owner's word."""
    usual = Capacity(
        mvcpu=_less_reserve(known.cpus * 1000, RESERVE_MVCPU),
        mem_mib=_less_reserve(known.mem_mib, RESERVE_MEM_MIB),
        disk_mib=_less_reserve(known.disk_mib, RESERVE_DISK_MIB),
    )
    return Capacity(
        mvcpu=usual.mvcpu if override.mvcpu is None else override.mvcpu,
        mem_mib=usual.mem_mib if override.mem_mib is None else override.mem_mib,
        disk_mib=usual.disk_mib if override.disk_mib is None else override.disk_mib,
    )


def image_mib(known: Facts, capacity: Capacity) -> int:
    """Return the largest image to take, and what images that nobody waits for may take together.

    Two disks are made at a time, each beside its image: all that is a part of the reserve.
    """
    share = (known.disk_mib - capacity.disk_mib) // IMAGE_SHARE
    return max(IMAGE_MIB_LEAST, share // IMAGE_STEP_MIB * IMAGE_STEP_MIB)


def fitting_classes(capacity: Capacity, classes: dict[str, Capacity]) -> list[str]:
    """Return the classes of which at least one VM fits, each VM with its memory overhead."""
    return [name for name, shape in classes.items() if fits(need_of_units(shape, 1), capacity)]


def smaller(one: Capacity, other: ToldCapacity | None) -> Capacity:
    """Return the lesser of each kind; ``other`` None is no limit."""
    if other is None:
        return one
    return Capacity(
        mvcpu=min(one.mvcpu, other.mvcpu),
        mem_mib=min(one.mem_mib, other.mem_mib),
        disk_mib=min(one.disk_mib, other.disk_mib),
    )


def load(stat_before: str, stat_now: str, meminfo: str) -> Load:
    """Return the use between two readings of ``/proc/stat``, and the memory in use now."""
    busy_before, all_before = _cpu_ticks(stat_before)
    busy_now, all_now = _cpu_ticks(stat_now)
    ticks = all_now - all_before
    cpu_pct = 100.0 * (busy_now - busy_before) / ticks if ticks > 0 else 0.0
    total_kib = _meminfo_kib(meminfo, "MemTotal")
    free_kib = _meminfo_kib(meminfo, "MemAvailable")
    mem_pct = 100.0 * (total_kib - free_kib) / total_kib if total_kib else 0.0
    return Load(cpu_pct=_pct(cpu_pct), mem_pct=_pct(mem_pct))


def fits(need: ToldCapacity, capacity: ToldCapacity) -> bool:
    """Return whether ``capacity`` has as much of each kind as ``need``."""
    return (
        need.mvcpu <= capacity.mvcpu
        and need.mem_mib <= capacity.mem_mib
        and need.disk_mib <= capacity.disk_mib
    )


def _less_reserve(total: int, fixed: int) -> int:
    return total - min(max(fixed, total // RESERVE_SHARE), total // 2)


def _meminfo_kib(meminfo: str, name: str) -> int:
    for line in meminfo.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0


def _cpu_ticks(stat: str) -> tuple[int, int]:
    """Return (busy, all) ticks of all CPUs; idle and waiting for the disk are not busy."""
    line = next((row for row in stat.splitlines() if row.startswith("cpu ")), "cpu 0 0 0 0 0")
    ticks = [int(field) for field in line.split()[1:9]]
    idle = sum(ticks[3:5])
    return sum(ticks) - idle, sum(ticks)


def _pct(value: float) -> float:
    return round(min(100.0, max(0.0, value)), 1)
