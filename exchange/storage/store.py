"""What an exchange is brought back from: its rows, account frames and snapshots, read cold. Shell.

`SqliteStore` (sqlite_store.py) is a data directory. Everything here blocks; nothing is kept open
between two calls, so that a forked child and a thread may use the same store.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from msgspec import Struct

from exchange.journal.chain import StoredRow
from exchange.storage.snapshots import SnapshotFile
from exchange.storage.sqlite_journal import DataDirError

FrameRow: TypeAlias = tuple[str, int, int, bytes]
"""account, first_seq, last_seq, body: stored frames of one account."""


class AwayError(DataDirError):
    """The place of the journal cannot be reached now; it may be back later."""


class StoredFrames(Struct, frozen=True):
    """The stored account frames as of one moment, even while a server goes on writing."""

    where: str
    """What messages call the place."""
    upto_seq: int
    """The journal's last row at that moment."""
    first: dict[str, int]
    """Each account's first stored ``account_seq``; accounts without any are left out."""
    rows: Iterator[FrameRow]
    """All of them in the order in which they were stored."""


class Store(Protocol):
    """Methods raise `DataDirError` where nothing else is named: one line for the user."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def require(self) -> None:
        """Raise `DataDirError` when there is no exchange here."""

    def rows(self, behind: int | None = None) -> Iterator[StoredRow]:
        """Yield the rows behind row ``behind``, oldest first; a server may be running.

        None: all rows, after the store's own check that it is whole.
        """

    def chain_of(self, seq: int) -> bytes | None:
        """Return the digest of one row, None when there is no such row."""

    def frames(self) -> AbstractContextManager[StoredFrames]:
        """Open the stored account frames for a check."""

    def snapshots(self) -> list[int]:
        """Return the rows of which there are snapshots, newest first."""

    def read_snapshot(self, seq: int) -> SnapshotFile:
        """Return the snapshot of row ``seq``; raises `SnapshotError` when it cannot be used."""

    def write_snapshot(self, snapshot: SnapshotFile) -> int:
        """Store a snapshot durably and drop the oldest; returns its size in bytes.

        Raises `OSError`.
        """

    def drop_drafts(self) -> None:
        """Remove what a killed exchange left half written. Only the one that serves may call
        it."""
