"""Brings an earlier backup up to date: of the sealed segments only those that it lacks are copied.

Segments never change, so those that the backup has stay as they are. Journal and snapshots are
copied anew into a folder inside it, which is verified with the old segments linked to it: the
digests of all rows behind those, and the replay behind the oldest snapshot. Then the files are put
in place, segments first, the journal next: a backup that is killed in between is an earlier or a
later one, never half of one. Shell.
"""

import os
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from exchange import files
from exchange.recovery.backup import copy_all
from exchange.recovery.loading import Loaded
from exchange.recovery.verifying import Look, unseen, verified
from exchange.storage import segments, snapshots
from exchange.storage.joined import joined, last_stored
from exchange.storage.snapshots import SnapshotError
from exchange.storage.sqlite_journal import (
    FILE_NAME,
    PRIVATE_MODE,
    DataDirError,
    require,
    stored_chain,
)
from exchange.storage.sqlite_store import SqliteStore


def add_to(data_dir: Path, out: Path, look: Look = unseen) -> Loaded:
    """Bring the backup in ``out`` up to date with the exchange in ``data_dir``.

    Raises `DataDirError`, `BrokenChainError` or `SnapshotError`, each one line for the user.
    """
    require(data_dir)
    out = Path(os.path.realpath(out))
    since = _is_earlier(data_dir, out)
    try:
        with files.folder(out):
            return _added(data_dir, out, since, look)
    except (OSError, sqlite3.Error) as error:
        what = error.strerror if isinstance(error, OSError) else None
        raise DataDirError(f"backup to {out}: {what or error}") from error


def _is_earlier(data_dir: Path, out: Path) -> int:
    """Return the last sealed row of the backup, of which the last must be the exchange's too."""
    require(out)
    if any(path.stat().st_size for path in out.glob(f"{FILE_NAME}-wal")):
        text = "was served and not ended in order; make a backup in a new directory"
        raise DataDirError(f"{out}: {text}")
    seq, chain = last_stored(out)
    if stored_chain(data_dir, seq) != chain:
        text = f"is no earlier backup of {data_dir}: its row {seq} is another"
        raise DataDirError(f"{out}: {text}")
    return segments.last_seq(joined(out))


def _added(data_dir: Path, out: Path, since: int, look: Look) -> Loaded:
    partial = Path(mkdtemp(".partial", f"{out.name}.", out))
    try:
        _link_segments(out, partial)
        copy_all(data_dir, partial)
        loaded = verified(SqliteStore(partial), look=look, since=since)
        _put_in_place(partial, out)
    except (DataDirError, SnapshotError) as error:
        raise type(error)(str(error).replace(str(partial), str(out))) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return loaded


def _link_segments(out: Path, partial: Path) -> None:
    """Let the copy have the segments that are there already."""
    segments.folder(partial).mkdir(mode=PRIVATE_MODE)
    for segment in joined(out):
        (segments.folder(partial) / segment.path.name).symlink_to(segment.path)


def _put_in_place(partial: Path, out: Path) -> None:
    place = segments.folder(out)
    place.mkdir(mode=PRIVATE_MODE, exist_ok=True)
    for path in segments.paths(partial):
        if not path.is_symlink():
            os.replace(path, place / path.name)
    snapshots.sync_dir(place)
    shutil.rmtree(segments.folder(partial))
    for path in (*partial.glob(f"{FILE_NAME}-*"), *out.glob(f"{FILE_NAME}-*")):
        path.unlink()  # a reader leaves them, empty
    os.replace(partial / FILE_NAME, out / FILE_NAME)
    snapshots.sync_dir(out)
    new = {path.name for path in snapshots.newest_first(partial)}
    for path in partial.iterdir():
        os.replace(path, out / path.name)
    for path in snapshots.newest_first(out):
        if path.name not in new:
            with suppress(FileNotFoundError):
                path.unlink()
    snapshots.sync_dir(out)
