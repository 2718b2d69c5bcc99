"""What ``--image`` names: a digest, the beginning of one, or a stored VM of a Manager's library.

The library's format is described in docs/manager.md; only what starts the VM is read here. Shell.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from exchange import files
from exchange.wire.types import Port, Sha256Hex

ENTRY: Final = "vm.toml"
ENTRY_BYTES_MAX: Final = 64 * 1024
USER_DATA_BYTES_MAX: Final = 64 * 1024
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
BEGINNING: Final = re.compile(r"[0-9a-f]{6,63}")


class Stored(Struct, frozen=True):
    """A stored VM as far as a start needs it; ``user_data`` is the name of a file beside."""

    sha256: Sha256Hex
    ports: Annotated[list[Port], Meta(max_length=16)] = []
    user_data: str | None = None


class NoSuchImage(Exception):  # noqa: N818 - read as an answer
    """``str(error)`` is one line."""


def found(library: Path, name: str) -> Stored | None:
    """Return the stored VM that ``name`` names; None for a digest or the beginning of one.

    Raises `NoSuchImage`.
    """
    if DIGEST.fullmatch(name):
        return None
    entry = stored(library, name)
    if entry is None and not BEGINNING.fullmatch(name):
        raise NoSuchImage(f"--image {name}: no digest of an image, and no stored VM in {library}")
    return entry


def stored(library: Path, name: str) -> Stored | None:
    """Return the stored VM ``name``; None when there is none. Raises `NoSuchImage`."""
    path = library / name / ENTRY
    try:
        if "/" in name or not path.is_file():
            return None
    except OSError as error:
        raise NoSuchImage(f"{path}: {files.why(error)}") from error
    try:
        return msgspec.convert(files.toml(_text(path, ENTRY_BYTES_MAX)), Stored)
    except ValueError as error:
        raise NoSuchImage(f"{path}: {error}".replace("`", "'")) from error


def user_data(path: Path) -> str:
    """Return the text of a file for the guest. Raises `NoSuchImage`."""
    return _text(path, USER_DATA_BYTES_MAX)


def digest(name: str, known: Sequence[str]) -> str:
    """Return the one digest of ``known`` that begins with ``name``. Raises `NoSuchImage`."""
    found = [each for each in known if BEGINNING.fullmatch(name) and each.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise NoSuchImage(f"--image {name}: {len(found)} of your images begin so")
    raise NoSuchImage(f"--image {name}: no stored VM, and none of your images begins so")


def _text(path: Path, most: int) -> str:
    try:
        return files.read(path, most).decode("utf-8")
    except OSError as error:
        raise NoSuchImage(f"{path}: {files.why(error)}") from error
    except ValueError as error:
        raise NoSuchImage(f"{path}: {error}") from error
