"""Keeps what the probe for KVM has found in a file of the state folder. Shell module.

The probe takes half a minute where ``/dev/kvm`` crawls. That is longer than a host may be silent,
and a restart is not a change. So what it found counts for as long as all of `Grounds` is the same.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from exchange import files
from exchange.log import log
from hostagent.core import log_events
from hostagent.machine import facts
from hostagent.machine.kept_file import put
from hostagent.machine.probe import KVM_DEVICE, QEMU, Probe, probe

FILE = "probe.json"
BYTES_MAX = 4096
RISK = "the next start probes KVM again"
MODULES = Path("/sys/module")


class Grounds(Struct, frozen=True):
    """What an answer depends on. ``kvm``: inode, time of change and number of the device, and
    whether we may use it (empty: none); ``qemu``: path, bytes and time of change (empty: none)."""

    boot_id: str
    modules: tuple[str, ...]
    kvm: tuple[int, ...]
    qemu: tuple[str, int, int] | None


class KeptProbe(Struct, frozen=True):
    grounds: Grounds
    found: Probe


def grounds(kvm: Path = KVM_DEVICE, modules: Path = MODULES) -> Grounds:
    """Look at this server. ``modules``: the folder of what the kernel has loaded."""
    loaded = tuple(sorted(path.name for path in modules.glob("kvm*")))
    return Grounds(facts.boot_id(), loaded, _device(kvm), _program())


def known(state: Path, now: Grounds, run: Callable[[], Probe] = probe) -> Probe:
    """Return what was found on the same grounds before, else what ``run`` finds, and keep it."""
    path = state / FILE
    kept = _read(path)
    if kept is not None and kept.grounds == now and _counts(kept):
        return msgspec.structs.replace(kept.found, why=f"{kept.found.why} (as found before)")
    # The grounds are older than the answer: a change while it runs is seen by the next start.
    fresh = KeptProbe(now, run())
    if _counts(fresh):
        put(path, msgspec.json.encode(fresh), RISK)
    return fresh.found


def _counts(kept: KeptProbe) -> bool:
    """A server that ran no guest at all may do so at the next try; without a kernel's id nobody
    knows whether it is the same boot."""
    return kept.found.accel in ("kvm", "tcg") and bool(kept.grounds.boot_id)


def _read(path: Path) -> KeptProbe | None:
    if not os.path.lexists(path):
        return None
    try:
        return msgspec.json.decode(files.read(path, BYTES_MAX), type=KeptProbe)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        log.write(log_events.not_kept(str(path), str(error), "KVM is probed again"))
        return None


def _device(path: Path) -> tuple[int, ...]:
    try:
        seen = path.stat()
    except OSError:
        return ()
    usable = os.access(path, os.R_OK | os.W_OK)
    return seen.st_ino, seen.st_ctime_ns, seen.st_rdev, int(usable)


def _program() -> tuple[str, int, int] | None:
    path = shutil.which(QEMU)
    if path is None:
        return None
    seen = os.stat(path)
    return path, seen.st_size, seen.st_mtime_ns
