"""What this server can and cannot do as a host, and how to fix it. Shell module.

Every check looks at the real thing and says what it found; a failing one says what to do. Only
checks that stop VMs from running are required, the rest is advice.
"""

import os
import shutil
import stat
from pathlib import Path

from msgspec import Struct

from exchange.wire.terms import DEFAULT_CLASSES
from hostagent import server_checks
from hostagent.check import Check, advice
from hostagent.clock_check import clock
from hostagent.core.inventory import Override, advertised, fitting_classes
from hostagent.libvirt_check import libvirt
from hostagent.machine import facts
from hostagent.machine.probe import Probe, probe
from hostagent.offer_check import default_offering, told

APT_INSTALL = "apt-get install"


class Diagnosis(Struct, frozen=True):
    can_host: bool
    accel: str | None
    classes: list[str]
    checks: list[Check]


def diagnose(state: Path, ports: tuple[int, int], url: str | None = None) -> Diagnosis:
    """Check everything; takes a few seconds, since test guests are run. ``url``: of an exchange
    whose time to compare the clock with."""
    guests = probe()
    checks = [
        _program("qemu-img", "qemu-utils"),
        _program("prlimit", "util-linux"),
        _program("setpriv", "util-linux"),
        _guests(guests),
        _hardware(guests),
        libvirt(),
    ]
    classes = fitting_classes(advertised(facts.read_facts(state), Override()), DEFAULT_CLASSES)
    checks += [_reachable(state), _classes(state, classes), _offer(state)]
    checks += server_checks.checks(state, *ports)
    checks += [] if url is None else [clock(url)]
    can_host = all(check.ok for check in checks if check.required)
    return Diagnosis(can_host, guests.accel if can_host else None, classes, checks)


def report(diagnosis: Diagnosis) -> str:
    """Return the diagnosis as lines for a person, worst news first to be seen last."""
    lines = []
    for check in diagnosis.checks:
        mark = "ok  " if check.ok else ("FAIL" if check.required else "note")
        lines.append(f"{mark}  {check.name:<20} {check.found}")
        if check.fix:
            lines.append(f"      {'':<20} -> {check.fix}")
    if diagnosis.can_host:
        offered = ", ".join(diagnosis.classes) or "none"
        lines.append(f"This server can host VMs ({diagnosis.accel}). Classes that fit: {offered}.")
    else:
        lines.append("This server cannot host VMs yet; fix what is marked FAIL.")
    return "\n".join(lines)


def _program(name: str, package: str) -> Check:
    path = shutil.which(name)
    if path is None:
        return Check(name, False, True, "not installed", f"{APT_INSTALL} {package}")
    return Check(name, True, True, path)


def _guests(found: Probe) -> Check:
    if found.accel is None:
        return Check("test guest", False, True, found.why, f"{APT_INSTALL} qemu-system-x86")
    return Check("test guest", True, True, f"ran under emulation in {found.tcg_ms} ms")


def _hardware(found: Probe) -> Check:
    name = "hardware (KVM)"
    if found.accel == "kvm":
        return advice(name, f"{found.why}; a test guest took {found.kvm_ms} ms")
    fix = "enable virtualisation in the firmware, or nested virtualisation in the hypervisor"
    return advice(name, found.why, fix)


def _reachable(state: Path) -> Check:
    """QEMU runs as its own user: every folder above its files must let it pass."""
    name = "state folder"
    above = [path for path in (state, *state.parents) if os.path.exists(path)]
    closed = [path for path in above if not path.stat().st_mode & stat.S_IXOTH]
    if closed:
        fix = f"chmod o+x {closed[0]}, or choose another --state"
        return Check(name, False, True, f"QEMU's user cannot pass {closed[0]}", fix)
    return Check(name, True, True, str(state))


def _classes(state: Path, classes: list[str]) -> Check:
    found = facts.read_facts(state)
    text = f"{found.cpus} CPUs, {found.mem_mib} MiB memory, {found.disk_mib} MiB disk free"
    fix = "" if classes else "no class fits beside the server's own reserve; see --mvcpu, --mem-mib"
    return advice("capacity", text, fix)


def _offer(state: Path) -> Check:
    """What an agent would offer by default, and why."""
    now = default_offering(state)
    fix = "" if now.offered.mvcpu and now.offered.mem_mib else "own work takes it all; see --mvcpu"
    return advice("offer", told(now), fix)
