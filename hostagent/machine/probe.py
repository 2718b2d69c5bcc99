"""Can this server run guests in hardware? Shell module: it starts QEMU twice.

``/dev/kvm`` proves nothing: on some machines it is there and guests hang or crawl. So a boot sector
that ends QEMU with a known code is run under emulation and then under KVM, and KVM is believed only
when it is not slower than emulation.
"""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from msgspec import Struct

from exchange.wire.types import Accel

QEMU = "qemu-system-x86_64"
KVM_DEVICE = Path("/dev/kvm")
TCG_TIMEOUT_S = 30.0
KVM_SLACK_S = 1.0
"""What KVM may take beyond twice the time of emulation: start-up noise, not speed."""

# mov dx,0x501; mov al,0x10; out dx,al; cli; hlt; jump back to hlt
_CODE = bytes((0xBA, 0x01, 0x05, 0xB0, 0x10, 0xEE, 0xFA, 0xF4, 0xEB, 0xFD))
_SECTOR = _CODE.ljust(510, b"\0") + b"\x55\xaa"
_EXIT = (0x10 << 1) | 1
"""What isa-debug-exit makes of the byte that the boot sector writes."""


class Probe(Struct, frozen=True):
    """``accel`` None: no guest runs here at all. ``why`` is one line for a person."""

    accel: Accel | None
    why: str
    tcg_ms: int | None = None
    kvm_ms: int | None = None


def probe() -> Probe:
    """Boot the sector under TCG, then under KVM, and judge."""
    if shutil.which(QEMU) is None:
        return Probe(None, f"{QEMU} is not installed (package qemu-system-x86)")
    tcg_s = _boot("tcg", TCG_TIMEOUT_S)
    if tcg_s is None:
        return Probe(None, f"a test guest did not run within {TCG_TIMEOUT_S:.0f} s under emulation")
    tcg_ms = round(tcg_s * 1000)
    if not KVM_DEVICE.exists():
        return Probe("tcg", f"{KVM_DEVICE} is missing: guests are emulated", tcg_ms)
    kvm_s = _boot("kvm", 2 * tcg_s + KVM_SLACK_S)
    if kvm_s is None:
        why = f"{KVM_DEVICE} is there, but a test guest hangs or crawls under KVM: emulating"
        return Probe("tcg", why, tcg_ms)
    return Probe("kvm", "guests run in hardware", tcg_ms, round(kvm_s * 1000))


def _boot(accel: str, timeout_s: float) -> float | None:
    """Return the seconds the sector took to run, or None when it did not within ``timeout_s``."""
    with tempfile.NamedTemporaryFile(suffix=".img") as image:
        image.write(_SECTOR)
        image.flush()
        command = [QEMU, "-accel", accel, "-m", "16", "-nodefaults", "-display", "none"]
        command += ["-no-reboot", "-device", "isa-debug-exit,iobase=0x501,iosize=1"]
        command += ["-drive", f"file={image.name},format=raw,if=ide"]
        begun = time.monotonic()
        try:
            done = subprocess.run(command, check=False, capture_output=True, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            return None
        return time.monotonic() - begun if done.returncode == _EXIT else None
