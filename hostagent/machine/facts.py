"""Reads the server's own facts: the files that `inventory` interprets. Shell module."""

import os
import shutil
import uuid
from pathlib import Path

from exchange.wire import hardware
from exchange.wire.hardware import HardwareId
from hostagent.core import inventory
from hostagent.core.inventory import Facts
from hostagent.core.ports import Load

PROC = Path("/proc")
BOOT_ID = PROC / "sys/kernel/random/boot_id"
MACHINE_ID = Path("/etc/machine-id")
PRODUCT_UUID = Path("/sys/class/dmi/id/product_uuid")


def read_facts(disk_folder: Path) -> Facts:
    """Return CPU and memory of this server, and what is free where VM disks are kept."""
    existing = next(path for path in (disk_folder, *disk_folder.parents) if os.path.exists(path))
    disk_mib = shutil.disk_usage(existing).free // (1024 * 1024)
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
