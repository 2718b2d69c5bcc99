"""A connection to SQLite with a thread of its own, and the two halves of a checkpoint. Shell.

A checkpoint copies the write-ahead log into the file. It goes beside the commits, on another
connection; what they add meanwhile is copied at the end, between two of them, since only a log that
is copied whole is begun anew. Without the second half it would grow for as long as orders come.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self, TypeVar

import aiosqlite

CHECKPOINT_REST: Final = 256
"""Pages that the first half of a checkpoint may leave to the second."""
CHECKPOINT_PASSES: Final = 8
"""How often it tries to leave no more."""
_CHUNK_ROWS: Final = 64

T = TypeVar("T")


class Connection(aiosqlite.Connection):
    """Methods raise `sqlite3.Error`."""

    @classmethod
    async def to(cls, path: Path) -> Self:
        """Open ``path``."""
        opened = cls(lambda: sqlite3.connect(path), _CHUNK_ROWS)
        await opened
        return opened

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Call ``work`` in the thread: many statements cost one turn of it, not one each."""
        return await self._execute(work, self._conn)  # type: ignore[no-untyped-call,no-any-return]

    async def checkpoint(self) -> int:
        """Copy what is in the log; returns how many pages of it are copied by now."""
        ((_, _, copied),) = await self.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")
        return int(copied)

    async def checkpoint_most(self) -> None:
        """Copy the log beside commits, until as few pages come during a pass as may be left."""
        before = 0
        for _ in range(CHECKPOINT_PASSES):
            copied = await self.checkpoint()
            if copied - before <= CHECKPOINT_REST:
                return
            before = copied
