"""Can this server run guests in hardware? Shell module: it starts QEMU at most three times.

``/dev/kvm`` proves nothing: on some machines it is there and guests hang or crawl, and a machine
that is emulated itself emulates the hardware for guests too. So a boot sector that computes for a
while and then ends QEMU with a known code is run under emulation and under KVM, and KVM is believed
only when it is the quicker one and the CPU is no emulation by QEMU.
"""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from msgspec import Struct

from exchange.wire.types import Accel
from hostagent.machine.children import DIES_WITH_US

QEMU = "qemu-system-x86_64"
KVM_DEVICE = Path("/dev/kvm")
CPUINFO = Path("/proc/cpuinfo")
TCG_TIMEOUT_S = 30.0
KVM_TRIES: Final = 2
"""Each may take as long as emulation did; once a busy server may be slow by chance."""
DETECT_TIMEOUT_S: Final = 10.0

# mov ecx,150 million; dec ecx; jnz; mov dx,0x501; mov al,0x10; out dx,al; cli; hlt; jump to hlt
_ROUNDS: Final = 150_000_000
_COUNT = b"\x66\xb9" + _ROUNDS.to_bytes(4, "little") + bytes((0x66, 0x49, 0x75, 0xFC))
_END = bytes((0xBA, 0x01, 0x05, 0xB0, 0x10, 0xEE, 0xFA, 0xF4, 0xEB, 0xFD))
_EXIT = (0x10 << 1) | 1
"""What isa-debug-exit makes of the byte that the boot sector writes."""


class Probe(Struct, frozen=True):
    """``accel`` None: no guest runs here at all. ``why`` is one line for a person."""

    accel: Accel | None
    why: str
    tcg_ms: int | None = None
    kvm_ms: int | None = None


def probe() -> Probe:
    """Boot the sector under TCG, then, where that makes sense, under KVM, and judge."""
    if shutil.which(QEMU) is None:
        return Probe(None, f"{QEMU} is not installed (package qemu-system-x86)")
    against = _against_kvm()
    tcg_s = _boot("tcg", _END if against else _COUNT + _END, TCG_TIMEOUT_S)
    if tcg_s is None:
        return Probe(None, f"a test guest did not run within {TCG_TIMEOUT_S:.0f} s under emulation")
    tcg_ms = round(tcg_s * 1000)
    if against:
        return Probe("tcg", f"{against}: guests are emulated", tcg_ms)
    for _ in range(KVM_TRIES):
        kvm_s = _boot("kvm", _COUNT + _END, tcg_s)
        if kvm_s is not None:
            return Probe("kvm", "guests run in hardware", tcg_ms, round(kvm_s * 1000))
    why = f"{KVM_DEVICE} is there, but a test guest hangs or crawls under KVM: emulating"
    return Probe("tcg", why, tcg_ms)


def emulated(cpuinfo: str, detected: str) -> bool:
    """Is this server's own CPU emulated by QEMU (TCG)?

    ``cpuinfo``: the text of ``/proc/cpuinfo``; ``detected``: what ``systemd-detect-virt --vm``
    prints, ``qemu`` for the signature of TCG and ``kvm`` for a guest in hardware. The signature
    counts only where the CPU itself says that it has a hypervisor.
    """
    fields = [line.partition(":") for line in cpuinfo.splitlines()]
    told = {name.strip(): value.strip() for name, _, value in fields}
    if told.get("model name", "").startswith("QEMU TCG CPU"):
        return True
    return "hypervisor" in told.get("flags", "").split() and detected.strip() == "qemu"


def _against_kvm() -> str:
    """Return what rules KVM out before it is tried, or nothing."""
    if not KVM_DEVICE.exists():
        return f"{KVM_DEVICE} is missing"
    if emulated(CPUINFO.read_text("utf-8", "replace"), _detected()):
        return "this server's CPU is emulated itself"
    return ""


def _detected() -> str:
    command = ["systemd-detect-virt", "--vm"]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=DETECT_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _boot(accel: str, code: bytes, timeout_s: float) -> float | None:
    """Return the seconds the sector took to run, or None when it did not within ``timeout_s``."""
    with tempfile.NamedTemporaryFile(suffix=".img") as image:
        image.write(code.ljust(510, b"\0") + b"\x55\xaa")
        image.flush()
        command = [
            *DIES_WITH_US,
            QEMU,
            "-accel",
            accel,
            "-m",
            "16",
            "-nodefaults",
            "-display",
            "none",
        ]
        command += ["-no-reboot", "-device", "isa-debug-exit,iobase=0x501,iosize=1"]
        command += ["-drive", f"file={image.name},format=raw,if=ide"]
        begun = time.monotonic()
        try:
            done = subprocess.run(command, check=False, capture_output=True, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            return None
        return time.monotonic() - begun if done.returncode == _EXIT else None
