"""Checks a renter's disk image and makes a flat disk from it. Shell module: it runs qemu-img.

The format is said, never guessed: a raw disk may begin with another format's header.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from exchange.units import MIB
from hostagent.core.ports import ImageError
from hostagent.machine.qemu_img import qemu_img

VIRTUAL_BYTES_MAX = 1024 * 1024 * 1024 * 1024


class _Data(Struct, frozen=True, rename="kebab"):
    data_file: str | None = None
    encrypt: object = None


class _Specific(Struct, frozen=True):
    data: _Data = _Data()


class _Info(Struct, frozen=True, rename="kebab"):
    """What ``qemu-img info --output=json`` says, as far as it matters here."""

    format: str
    virtual_size: int
    backing_filename: str | None = None
    full_backing_filename: str | None = None
    encrypted: bool = False
    format_specific: _Specific = _Specific()


def inspect_disk(path: Path, form: str, group: Path | None = None) -> int:
    """Return the virtual size in bytes of a disk that stands for itself, or raise `ImageError`."""
    text = qemu_img("info", path, ["--output=json", "-f", form, str(path)], group)
    try:
        info = msgspec.json.decode(text, type=_Info)
    except msgspec.DecodeError as error:
        line = f"disk image: qemu-img said something unexpected: {error}"
        raise ImageError(line, "host_tools") from error
    if info.format != form:
        raise ImageError(f"disk image: is {info.format}, not {form}")
    if info.backing_filename is not None or info.full_backing_filename is not None:
        raise ImageError("disk image: has a backing file; flatten it first")
    if info.format_specific.data.data_file is not None:
        raise ImageError("disk image: keeps its data in another file; flatten it first")
    if info.encrypted or info.format_specific.data.encrypt is not None:
        raise ImageError("disk image: is encrypted")
    if not 0 < info.virtual_size <= VIRTUAL_BYTES_MAX:
        raise ImageError("disk image: its virtual size is out of bounds")
    return info.virtual_size


def convert_disk(
    source: Path, form: str, target: Path, disk_mib: int, group: Path | None = None
) -> None:
    """Write ``source`` as a flat raw disk of ``disk_mib``; raises `ImageError` if it is larger."""
    size = inspect_disk(source, form, group)
    if size > disk_mib * MIB:
        raise ImageError(f"disk image: {-(-size // MIB)} MiB do not fit the class's {disk_mib} MiB")
    target.unlink(missing_ok=True)
    qemu_img("convert", source, ["-f", form, "-O", "raw", str(source), str(target)], group)
    with target.open("r+b") as disk:
        disk.truncate(disk_mib * MIB)
