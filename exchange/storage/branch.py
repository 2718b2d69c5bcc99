"""Which copy of its journal an exchange is. Shell.

A copy of a journal has the same first row, so the same ``server_id``, and from the last common row
on it gives the same ids to other VMs. Hosts must tell the two apart (docs/decisions/0070), so each
place where a journal is served has an id of its own, its branch. It is kept with what tells a place
from others: the machine, the journal's file, and a row. A directory that was copied, restored or
moved gets a new one. It is no part of the journal: replay and its hashes do not know it.
"""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from exchange import files
from exchange.storage.sqlite_journal import FILE_NAME as JOURNAL_NAME
from exchange.storage.sqlite_journal import stored_chain

FILE_NAME: Final = "branch.json"
ID_BYTES: Final = 8
BYTES_MAX: Final = 4_096
MACHINE_ID: Final = Path("/etc/machine-id")


class Branch(Struct, frozen=True):
    """``seq`` and ``chain`` (hex) are the last row at the last start here."""

    branch: str
    machine: str
    inode: int
    seq: int
    chain: str


class Drawn(Struct, frozen=True):
    """The branch of a data directory; ``before``: what it was, "" when nobody knows. ``new``: this
    start gave it."""

    branch: str
    before: str
    new: bool


def of(data_dir: Path, seq: int, chain: bytes) -> Drawn:
    """Return the branch of the journal here, which ends with row ``seq``, and keep it. Raises
    `OSError`, `DataDirError`."""
    known = _read(data_dir / FILE_NAME)
    here = _machine(), (data_dir / JOURNAL_NAME).stat().st_ino
    stays = known is not None and (known.machine, known.inode) == here and _has(data_dir, known)
    before = known.branch if known is not None else ""
    branch = before if stays else secrets.token_hex(ID_BYTES)
    _write(data_dir, Branch(branch, *here, seq, chain.hex()))
    return Drawn(branch, before, not stays)


def _has(data_dir: Path, known: Branch) -> bool:
    """Tell whether the journal still holds the row of the last start: an earlier copy does not."""
    chain = stored_chain(data_dir, known.seq)
    return chain is not None and chain.hex() == known.chain


def _read(path: Path) -> Branch | None:
    if not os.path.lexists(path):
        return None
    with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
        return msgspec.json.decode(files.read(path, BYTES_MAX), type=Branch)
    return None


def _write(data_dir: Path, branch: Branch) -> None:
    draft = data_dir / f"{FILE_NAME}.new"
    draft.write_bytes(msgspec.json.encode(branch))
    _sync(draft)
    os.replace(draft, data_dir / FILE_NAME)
    _sync(data_dir)


def _sync(path: Path) -> None:
    """Have a file, or what a folder lists, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(handle)
    finally:
        os.close(handle)


def _machine() -> str:
    try:
        return MACHINE_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
