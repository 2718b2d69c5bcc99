"""The library: a folder for each stored VM, with its image and ``vm.toml``. Shell.

A folder is made aside and renamed, so it is whole or not there, and may be copied at any time. The
image in it never changes: another one is another import. Source: manager.md, "The library".
"""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import tomlkit
from msgspec import Meta, Struct
from msgspec.structs import replace

from exchange import files
from exchange.client.images import BUNDLE_FILES, looked_at, pack_bundle
from exchange.units import MIB
from exchange.wire.terms import DEFAULT_CLASSES
from exchange.wire.types import ImageFormat, Name, Port, Sha256Hex
from manager.control.requests import VmSettings
from manager.core.qcow2 import HEADER_BYTES, host_refuses, virtual_bytes
from manager.shell.image_check import refused_by_host

LIBRARY: Final = "library"
ENTRY: Final = "vm.toml"
ENTRY_BYTES_MAX: Final = 64 * 1024
CHUNK_BYTES: Final = 1024 * 1024
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""It is the copy that does not fit: the system names no file then."""
USER_DATA: Final = "user-data"
SUFFIXES: Final[dict[str, str]] = {"qcow2": "disk.qcow2", "raw": "disk.raw", "bundle": "bundle.tar"}

Progress = Callable[[int, int], None]
"""Gets the bytes done and the bytes there are."""


class LibraryError(Exception):
    """A stored VM cannot be used; one line."""


class Entry(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"vm_class": "class"},
):
    """One ``vm.toml``. ``file``, ``sha256``, ``size`` and ``format`` are of the image."""

    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
    sha256: Sha256Hex
    size: int
    format: ImageFormat
    imported_from: str
    at: str
    vm_class: Name = "small"
    ports: Annotated[list[Port], Meta(max_length=16)] = []
    health: str = ""
    user_data: str | None = None
    backend: str = ""


def read_entry(folder: Path) -> Entry | None:
    """Return what ``folder`` holds, ``None`` when it is no stored VM. Raises `LibraryError`."""
    path = folder / ENTRY
    if not path.is_file():
        return None
    try:
        raw = files.toml(files.read(path, ENTRY_BYTES_MAX).decode("utf-8"))
        return msgspec.convert(raw, Entry)
    except OSError as error:
        raise LibraryError(f"{path}: {files.why(error)}") from error
    except ValueError as error:
        raise LibraryError(f"{path}: {error}".replace("`", "'")) from error


def entry_names(library: Path) -> list[str]:
    """Return the names of all stored VMs in a library."""
    if not library.is_dir():
        return []
    return sorted(path.name for path in library.iterdir() if (path / ENTRY).is_file())


def import_vm(
    library: Path,
    name: str,
    source: Path,
    settings: VmSettings,
    progress: Progress = lambda done, size: None,
) -> Entry:
    """Copy ``source`` into the library. Raises `LibraryError`; there is nothing of it then."""
    target = library / name
    if target.exists():
        raise LibraryError(f"{target} is there already")
    try:
        library.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=library, prefix=f".{name}.") as aside:
            entry = _filled(Path(aside), source, settings, progress)
            done = Path(aside) / "done"
            done.mkdir()
            for path in list(Path(aside).iterdir()):
                if path != done:
                    path.rename(done / path.name)
            done.rename(target)
            _sync(library)
    except OSError as error:
        where = library if error.errno in NO_ROOM else error.filename or source
        raise LibraryError(f"{where}: {files.why(error)}") from error
    return entry


def _filled(aside: Path, source: Path, settings: VmSettings, progress: Progress) -> Entry:
    """Put image, user data and ``vm.toml`` into ``aside``."""
    image = _packed(source, aside) if source.is_dir() else source
    form, mistake = looked_at(image)
    if mistake is None and form == "qcow2":
        mistake = host_refuses(_head(image))
    vm_class = settings.vm_class or "small"
    mistake = mistake or _too_large(image, form, vm_class)
    if mistake is not None:
        raise LibraryError(f"{source}: {mistake}")
    target = aside / SUFFIXES[form]
    sha256, size = _copied(image, target, progress)
    if image != source and image != target:
        image.unlink()
    if (mistake := refused_by_host(target, form)) is not None:
        raise LibraryError(f"{source}: {mistake}")
    entry = Entry(
        file=target.name,
        sha256=sha256,
        size=size,
        format=form,
        imported_from=str(source),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        vm_class=vm_class,
    )
    entry = _with_settings(entry, settings, aside)
    _write(aside / ENTRY, entry)
    return entry


def verify_vm(folder: Path, progress: Progress = lambda done, size: None) -> Entry:
    """Compare the image with its hash. Raises `LibraryError` when it is another."""
    entry = _known(folder)
    try:
        digest = hashlib.sha256()
        with (folder / entry.file).open("rb") as file:
            _each_chunk(file, entry.size, digest.update, progress)
    except OSError as error:
        raise LibraryError(f"{error.filename}: {files.why(error)}") from error
    if digest.hexdigest() != entry.sha256:
        raise LibraryError(f"{folder / entry.file}: it is not what was imported: import it again")
    return entry


def delete_vm(library: Path, name: str) -> None:
    """Remove a stored VM. Raises `LibraryError`."""
    folder = library / name
    _known(folder)
    try:
        aside = Path(tempfile.mkdtemp(dir=library, prefix=f".{name}."))
        folder.rename(aside / name)
        shutil.rmtree(aside)
    except OSError as error:
        raise LibraryError(f"{error.filename}: {files.why(error)}") from error


def vm_defaults(folder: Path) -> dict[str, Any]:
    """Return the keys that a ``[[vm]]`` which names ``folder`` may leave out."""
    entry = read_entry(folder)
    if entry is None:
        return {}
    found: dict[str, Any] = {"class": entry.vm_class, "ports": entry.ports}
    found |= {"health": entry.health, "backend": entry.backend}
    return found if entry.user_data is None else {**found, "user_data": entry.user_data}


def _known(folder: Path) -> Entry:
    entry = read_entry(folder)
    if entry is None:
        raise LibraryError(f"there is no stored VM at {folder}")
    return entry


def _packed(source: Path, aside: Path) -> Path:
    lacking = [name for name in BUNDLE_FILES if not (source / name).is_file()]
    if lacking:
        raise LibraryError(f"{source} has no {lacking[0]}")
    packed = aside / "packed.tar"
    pack_bundle(source, packed)
    return packed


def _head(image: Path) -> bytes:
    with image.open("rb") as file:
        return file.read(HEADER_BYTES)


def _too_large(image: Path, form: ImageFormat, vm_class: str) -> str | None:
    """Compare with the disk of the class, if it is one of the usual ones."""
    shape = DEFAULT_CLASSES.get(vm_class)
    if shape is None or form == "bundle":
        return None
    size = virtual_bytes(_head(image)) if form == "qcow2" else image.stat().st_size
    if size <= shape.disk_mib * MIB:
        return None
    return f"{-(-size // MIB)} MiB do not fit the {shape.disk_mib} MiB of class {vm_class}"


def _copied(image: Path, target: Path, progress: Progress) -> tuple[str, int]:
    """Copy the bytes to disk; return their SHA-256 and how many they are."""
    size, digest = image.stat().st_size, hashlib.sha256()
    with image.open("rb") as source, target.open("xb") as out:

        def take(chunk: bytes) -> None:
            digest.update(chunk)
            out.write(chunk)

        done = _each_chunk(source, size, take, progress)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest(), done


def _each_chunk(file: Any, size: int, take: Callable[[bytes], object], progress: Progress) -> int:
    done = 0
    while chunk := file.read(CHUNK_BYTES):
        take(chunk)
        done += len(chunk)
        progress(done, size)
    return done


def _with_settings(entry: Entry, settings: VmSettings, folder: Path) -> Entry:
    given = {
        name: getattr(settings, name)
        for name in ("vm_class", "ports", "health", "backend")
        if getattr(settings, name) is not None
    }
    if settings.user_data is not None:
        shutil.copyfile(settings.user_data, folder / USER_DATA)
        given["user_data"] = USER_DATA
    return replace(entry, **given)


def _write(path: Path, entry: Entry) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(tomlkit.dumps(msgspec.to_builtins(entry)))
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
