"""Where the terminal was left: screen, instrument, filters and order of lists. A file of its own.

What cannot be read is as if it were not there; it is written anew at the end.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from exchange import files

BYTES_MAX: Final = 64 * 1024


class KeptList(Struct, frozen=True, omit_defaults=True):
    """What a person chose for a list."""

    filter: str = ""
    sorted_by: int | None = None
    descending: bool = False


class Remembered(Struct, frozen=True, omit_defaults=True):
    """``lists`` by tab and name: ``log/log``."""

    screen: str = ""
    symbol: str = ""
    lists: dict[str, KeptList] = {}


def remembered_path(profile: str | None) -> Path:
    """Return the file of a profile under XDG's folder for state."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "headroom" / (f"tui-{profile}.json" if profile else "tui.json")


def recall(path: Path) -> Remembered:
    try:
        return msgspec.json.decode(files.read(path, BYTES_MAX), type=Remembered)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Remembered()


def keep(path: Path, remembered: Remembered) -> None:
    """Write it whole or not at all; a folder that takes no file costs nobody the terminal."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(remembered))
        fresh.replace(path)
