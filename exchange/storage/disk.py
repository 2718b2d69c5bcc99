"""How much free space the journal's disk has. Shell."""

import os
from pathlib import Path
from typing import Final

from msgspec import Struct

from exchange.units import MIB
from exchange.wire.types import DiskLevel

CANCEL_ONLY_BYTES: Final = 512 * MIB
CANCEL_ONLY_SHARE: Final = 0.10
HALT_BYTES: Final = 128 * MIB
HALT_SHARE: Final = 0.025
"""On a small file system the limit is this share of its size."""


class DiskMarks(Struct, frozen=True):
    """Free MiB below which only cancels are taken, and below which nothing is; None: defaults."""

    cancel_only_mib: int | None = None
    halt_mib: int | None = None


def level(data_dir: Path, marks: DiskMarks) -> DiskLevel:
    """Return what the file system under ``data_dir`` still allows. Raises `OSError`."""
    found = os.statvfs(data_dir)
    size = found.f_blocks * found.f_frsize
    free = found.f_bavail * found.f_frsize
    if free < _mark(marks.halt_mib, HALT_BYTES, size * HALT_SHARE):
        return "halt"
    if free < _mark(marks.cancel_only_mib, CANCEL_ONLY_BYTES, size * CANCEL_ONLY_SHARE):
        return "cancel_only"
    return "ok"


def free_bytes(data_dir: Path) -> int:
    """Return what may still be written under ``data_dir``. Raises `OSError`."""
    found = os.statvfs(data_dir)
    return found.f_bavail * found.f_frsize


def _mark(given_mib: int | None, default_bytes: int, share_bytes: float) -> float:
    return min(default_bytes, share_bytes) if given_mib is None else given_mib * MIB
