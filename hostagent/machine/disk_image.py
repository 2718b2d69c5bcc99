"""Judge a renter's disk image and make a flat disk of it. Shell module: it runs qemu-img.

qemu-img reads a format that the renter wrote, so it runs with bounded memory, CPU time and wall
time, and with the format said, never guessed: a raw disk may begin with another format's header.
"""

import subprocess
from pathlib import Path

import msgspec
from msgspec import Struct

from hostagent.core.ports import ImageError

QEMU_IMG = "qemu-img"
INSPECT_TIMEOUT_S = 30
CONVERT_TIMEOUT_S = 1800
MEMORY_BYTES_MAX = 1024 * 1024 * 1024
CPU_S_MAX = 600
VIRTUAL_BYTES_MAX = 1024 * 1024 * 1024 * 1024
MIB = 1024 * 1024
NOT_FOUND = 127
"""What prlimit ends with when there is no qemu-img (package qemu-utils)."""


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


def inspect_disk(path: Path, form: str) -> int:
    """Return the virtual size in bytes of a disk that stands for itself, or raise `ImageError`."""
    text = _qemu_img(["info", "--output=json", "-f", form, str(path)], INSPECT_TIMEOUT_S)
    try:
        info = msgspec.json.decode(text, type=_Info)
    except msgspec.DecodeError as error:
        raise ImageError(f"disk image: qemu-img said something unexpected: {error}") from error
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


def convert_disk(source: Path, form: str, target: Path, disk_mib: int) -> None:
    """Write ``source`` as a flat raw disk of ``disk_mib``; raises `ImageError` if it is larger."""
    size = inspect_disk(source, form)
    if size > disk_mib * MIB:
        raise ImageError(f"disk image: {-(-size // MIB)} MiB do not fit the class's {disk_mib} MiB")
    target.unlink(missing_ok=True)
    _qemu_img(["convert", "-f", form, "-O", "raw", str(source), str(target)], CONVERT_TIMEOUT_S)
    with target.open("r+b") as disk:
        disk.truncate(disk_mib * MIB)


def _qemu_img(arguments: list[str], timeout_s: int) -> str:
    # prlimit bounds what a crafted header can make qemu-img use.
    limits = [f"--as={MEMORY_BYTES_MAX}", f"--cpu={CPU_S_MAX}"]
    command = ["prlimit", *limits, "--", QEMU_IMG, *arguments]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=timeout_s
        )
    except FileNotFoundError as error:
        raise ImageError("prlimit is not installed (package util-linux)", "host_tools") from error
    except subprocess.TimeoutExpired as error:
        raise ImageError(f"disk image: {QEMU_IMG} did not end within {timeout_s} s") from error
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        reason = "host_tools" if done.returncode == NOT_FOUND else "image_invalid"
        raise ImageError(f"disk image: {said}", reason)
    return done.stdout
