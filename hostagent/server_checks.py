"""The doctor looks at what an administrator sets up: ports, files, disk, KVM, service. Shell.

Each rule is a function of what was read, for the tests; `checks` reads it.
"""

import grp
import os
import resource
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from exchange.cli.service import RUNNING
from hostagent.check import Check, advice
from hostagent.machine import conversion_group, facts
from hostagent.service_unit import UNIT, WANTED

FILES_MIN: Final = 8_192
"""Two for each connection to a guest: below this, VMs get few connections each."""
DISK_MIN_MIB: Final = 20 * 1024
"""Room for a few images beside the disks of VMs."""
TAKEN_MAX_PCT: Final = 10
LISTEN: Final = "0A"
KVM: Final = Path("/dev/kvm")
PROC_NET: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
RESERVED: Final = "net.ipv4.ip_local_reserved_ports"


def checks(state: Path, low: int, high: int) -> list[Check]:
    """Return what was found on this server; none of it is required."""
    texts = [path.read_text() for path in PROC_NET if path.exists()]
    first, last = EPHEMERAL.read_text().split()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = [
        ports(low, high, set(listening(texts)), int(first), int(last)),
        files(None if hard == resource.RLIM_INFINITY else hard),
        disk(facts.read_facts(state).disk_mib),
        service(os.path.lexists(f"/{UNIT}"), os.path.lexists(f"/{WANTED}"), RUNNING.is_dir()),
        conversions(
            conversion_group.service_limit(),
            RUNNING.is_dir() and (conversion_group.TREE / "cgroup.controllers").exists(),
        ),
    ]
    if KVM.exists():
        seen = KVM.stat()
        found.insert(0, kvm(stat.S_IMODE(seen.st_mode), _group(seen.st_gid)))
    return found


def listening(texts: Iterable[str]) -> Iterator[int]:
    """Yield the ports that something listens at, of the texts in /proc/net/tcp and tcp6."""
    for text in texts:
        for line in text.splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == LISTEN:
                yield int(local.rpartition(":")[2], 16)


def ports(low: int, high: int, taken: set[int], first: int, last: int) -> Check:
    """``first`` to ``last``: from where the kernel takes ports for outgoing connections."""
    used, count = sum(low <= port <= high for port in taken), high - low + 1
    found = f"{low}-{high}: {count - used} of {count} free"
    if used * 100 > count * TAKEN_MAX_PCT:
        return advice("ports", found, "choose other --ports")
    if low <= last and first <= high:
        fix = f"choose --ports outside of these, or sysctl -w {RESERVED}={low}-{high}"
        return advice("ports", f"{found}, but {first}-{last} are for outgoing connections", fix)
    return advice("ports", found)


def files(hard: int | None) -> Check:
    """``hard``: the limit of open files, None for none. The service sets its own."""
    found = "any number" if hard is None else f"at most {hard}"
    few = hard is not None and hard < FILES_MIN
    return advice("open files", found, f"ulimit -Hn {FILES_MIN * 8}, or run it as a service" * few)


def disk(free_mib: int) -> Check:
    """``free_mib``: where --state is."""
    fix = "free some, or put --state on a larger disk: images and disks of VMs are kept there"
    return advice("disk space", f"{free_mib / 1024:.0f} GiB free", fix * (free_mib < DISK_MIN_MIB))


def kvm(mode: int, group: str) -> Check:
    """Libvirt probes QEMU for a minute before every VM when others than this group may use it."""
    found = f"group {group}, mode {mode:03o}"
    fine = (group, mode) == ("kvm", 0o660)
    return advice(str(KVM), found, "" if fine else f"chgrp kvm {KVM}; chmod 660 {KVM}")


def service(unit: bool, wanted: bool, systemd: bool) -> Check:
    name = "service"
    if not systemd:
        return advice(name, "no systemd runs here: start headroom host run yourself")
    if unit and wanted:
        return advice(name, "installed, starts with the system")
    found = "installed, but does not start with the system" if unit else "not installed"
    return advice(name, found, "headroom host install-service")


def conversions(memory_max: str | None, possible: bool) -> Check:
    """``memory_max``: of the group that the running service has made; ``possible``: with a service
    there would be one."""
    if memory_max is not None:
        text = f"in a control group of their own, memory.max {memory_max}"
        return advice("conversions", text)
    if possible:
        fix = "headroom host install-service; with the service running: its log says why"
        return advice("conversions", "limits of the process only", fix)
    text = "limits of the process only: a group of their own needs systemd and cgroup v2"
    return advice("conversions", text)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
