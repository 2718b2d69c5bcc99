"""A data directory as a `Store`: the journal in SQLite, snapshots as files beside it. Shell."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from exchange.journal.chain import StoredRow
from exchange.storage import snapshots
from exchange.storage.joined import joined
from exchange.storage.snapshots import SnapshotFile
from exchange.storage.sqlite_journal import (
    FILE_NAME,
    DataDirError,
    opened_to_read,
    require,
    stored_chain,
    stored_rows,
)
from exchange.storage.store import StoredFrames

_FRAMES: Final = "SELECT account, first_seq, last_seq, body FROM account_frames ORDER BY rowid"
_KEPT_FROM: Final = "SELECT account, min(first_seq) FROM account_frames GROUP BY account"


class SqliteStore:
    """See `Store` for the methods."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    @property
    def name(self) -> str:
        return f"data directory {self.data_dir}"

    def require(self) -> None:
        require(self.data_dir)
        joined(self.data_dir)

    def rows(self, behind: int | None = None) -> Iterator[StoredRow]:
        return stored_rows(self.data_dir, behind)

    def chain_of(self, seq: int) -> bytes | None:
        return stored_chain(self.data_dir, seq)

    @contextmanager
    def frames(self) -> Iterator[StoredFrames]:
        path = self.data_dir / FILE_NAME
        try:
            with closing(opened_to_read(path)) as database:
                yield _frames(path, database)
        except sqlite3.Error as error:
            raise DataDirError(f"{path}: {error}") from error

    def snapshots(self) -> list[int]:
        return [snapshots.seq_of(path) for path in snapshots.newest_first(self.data_dir)]

    def read_snapshot(self, seq: int) -> SnapshotFile:
        return snapshots.read(snapshots.path_of(self.data_dir, seq))

    def write_snapshot(self, snapshot: SnapshotFile) -> int:
        return snapshots.write(self.data_dir, snapshot)

    def drop_drafts(self) -> None:
        snapshots.drop_drafts(self.data_dir)


def _frames(path: Path, database: sqlite3.Connection) -> StoredFrames:
    # One read transaction, so that rows and frames end at the same row.
    database.execute("BEGIN")
    newest = database.execute("SELECT max(seq) FROM journal").fetchone()[0]
    first: dict[str, int] = dict(database.execute(_KEPT_FROM).fetchall())
    return StoredFrames(str(path), newest or 0, first, iter(database.execute(_FRAMES)))
