"""A complete copy of a running exchange's journal. Shell.

SQLite's backup reads one consistent state while the server goes on writing; the newest snapshots
and the quarantine are copied too. The copy is then replayed in full, as `verify` does, and fails
when that finds an error. Images are not copied: they are files named by their digest and can be
copied directly.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp

from exchange import files
from exchange.recovery import quarantine
from exchange.recovery.loading import Loaded
from exchange.recovery.verifying import Look, unseen, verified
from exchange.storage import segments, snapshots
from exchange.storage.joined import joined
from exchange.storage.snapshots import SnapshotError
from exchange.storage.sqlite_journal import (
    BUSY_MS,
    FILE_NAME,
    PRIVATE_MODE,
    DataDirError,
    opened_to_read,
    require,
)
from exchange.storage.sqlite_store import SqliteStore
from exchange.storage.table import last_in_table
from exchange.units import MS_PER_SECOND


def back_up(data_dir: Path, out: Path, look: Look = unseen) -> Loaded:
    """Copy the exchange in ``data_dir`` to ``out``, new or empty, and verify the copy.

    Raises `DataDirError`, `BrokenChainError` or `SnapshotError`, each one line for the user; then
    ``out`` is as it was.
    """
    require(data_dir)
    # A link to a directory, or a mount point, is kept and filled.
    out = Path(os.path.realpath(out))
    try:
        there = os.path.lexists(out)
        if there and (not out.is_dir() or any(out.iterdir())):
            raise DataDirError(f"{out}: exists already; a backup needs a new directory")
        if there:
            out.chmod(PRIVATE_MODE)
        with files.folder(out if there else out.parent):
            loaded = _placed(data_dir, out, there, look)
        snapshots.sync_dir(out if there else out.parent)
    except OSError as error:
        raise DataDirError(f"backup to {out}: {error.strerror or error}") from error
    except sqlite3.Error as error:
        raise DataDirError(f"backup to {out}: {error}") from error
    return loaded


def _placed(data_dir: Path, out: Path, there: bool, look: Look) -> Loaded:
    # Kept under another name until it is verified: half a copy must not look like a backup.
    partial = Path(mkdtemp(".partial", f"{out.name}.", out if there else out.parent))
    try:
        loaded = _verified_copy(data_dir, partial, look)
        if there:
            _move_up(partial)
        else:
            os.replace(partial, out)
    except (DataDirError, SnapshotError) as error:
        # Delete the copy: the fault is in the original.
        raise type(error)(str(error).replace(str(partial), str(data_dir))) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return loaded


def _move_up(partial: Path) -> None:
    """Move the files up into ``out``, the journal last: only the journal makes it a backup."""
    for path in sorted(partial.iterdir(), key=lambda path: path.name == FILE_NAME):
        os.replace(path, partial.parent / path.name)
    partial.rmdir()


def _verified_copy(data_dir: Path, partial: Path, look: Look) -> Loaded:
    copy_all(data_dir, partial)
    return verified(SqliteStore(partial), look=look)


def copy_all(data_dir: Path, partial: Path) -> None:
    """Copy everything but segments that are there already, durably."""
    _copy_beside(data_dir, partial)  # before the rows, so that no snapshot runs ahead of them
    _copy_rows(data_dir / FILE_NAME, partial / FILE_NAME)
    _copy_segments(data_dir, partial)  # after the rows: what is sealed meanwhile is there twice
    snapshots.sync_dir(partial)


def _copy_beside(data_dir: Path, out: Path) -> None:
    for path in [*snapshots.newest_first(data_dir), data_dir / quarantine.FILE_NAME]:
        try:
            _copy_file(path, out / path.name)
        except FileNotFoundError:  # the running server has just replaced it by a newer one
            continue


def _copy_segments(data_dir: Path, out: Path) -> None:
    last_seq, _ = last_in_table(out) or (0, b"")
    place = segments.folder(out)
    for segment in joined(data_dir):
        if segment.head.last_seq > last_seq:
            return  # sealed only after the rows were copied, among which they are
        place.mkdir(mode=PRIVATE_MODE, exist_ok=True)
        if not (place / segment.path.name).exists():
            _copy_file(segment.path, place / segment.path.name)
    if place.exists():
        snapshots.sync_dir(place)


def _copy_file(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb") as copy:
        os.fsync(copy.fileno())


def _copy_rows(source: Path, target: Path) -> None:
    draft = target.with_suffix(".new")
    with (
        closing(opened_to_read(source)) as rows,
        closing(sqlite3.connect(draft)) as copy,
    ):
        rows.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        copy.execute("PRAGMA synchronous=FULL")
        # Copied in one step: a commit of the server between two steps would restart the copy.
        rows.backup(copy, pages=-1, sleep=BUSY_MS / MS_PER_SECOND)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(draft, target)
