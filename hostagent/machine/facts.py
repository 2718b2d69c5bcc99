"""Reads the server's own facts: the files that `inventory` interprets. Shell module."""

import contextlib
import os
import shutil
import uuid
from pathlib import Path

from exchange.units import MIB
from exchange.wire import hardware
from exchange.wire.hardware import HardwareId
from hostagent.core import inventory
from hostagent.core.inventory import Facts
from hostagent.core.ports import Load

OUR_FOLDERS = ("images", "vms", "logs")
PROC = Path("/proc")
BOOT_ID = PROC / "sys/kernel/random/boot_id"
MACHINE_ID = Path("/etc/machine-id")
PRODUCT_UUID = Path("/sys/class/dmi/id/product_uuid")


def read_facts(disk_folder: Path) -> Facts:
    """Return CPU and memory of this server, and the disk where VM disks are kept.

    The disk is what is free and what our own files take: guests that write change nothing.
    """
    existing = next(path for path in (disk_folder, *disk_folder.parents) if os.path.exists(path))
    ours = sum(used_bytes(disk_folder / name) for name in OUR_FOLDERS)
    disk_mib = (shutil.disk_usage(existing).free + ours) // MIB
    return inventory.facts(_text(PROC / "cpuinfo"), _text(PROC / "meminfo"), disk_mib)


def boot_id() -> str:
    """Return the kernel's id of this boot: it changes whenever the server's VMs must have died."""
    return _text(BOOT_ID).strip()


def hardware_id() -> HardwareId:
    """Return what stays the same when this server is installed or booted anew.

    The mainboard's UUID where it can be read (root) and is one, else the installation's id, else
    the first network card's address.
    """
    paths = [path for path in (PRODUCT_UUID, MACHINE_ID) if os.access(path, os.R_OK)]
    found = [(str(path), _text(path)[:64]) for path in paths]
    return hardware.chosen(found, f"mac-{uuid.getnode():012x}")


def used_bytes(folder: Path) -> int:
    """Return what ``folder``, or the files below it, take on the disk: sparse ones less than long.

    What vanishes meanwhile counts as nothing.
    """
    total = 0 if folder.is_dir() or not folder.exists() else folder.lstat().st_blocks * 512
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
    return total


class LoadMeter:
    """The server's load between one call and the next."""

    def __init__(self) -> None:
        self._before = _text(PROC / "stat")

    def read(self) -> Load:
        now = _text(PROC / "stat")
        before, self._before = self._before, now
        return inventory.load(before, now, _text(PROC / "meminfo"))


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace")
