"""The journal in SQLite: one transaction a batch, synced before anything is acknowledged. Shell.

WAL with synchronous=FULL lost nothing in simulated power failures (NORMAL did). We run checkpoints
ourselves, PASSIVE, on a connection of their own, so that no commit waits for one. Only ``seq`` is
UNIQUE: the engine handles resent commands, and they must never become a commit error. Any error
here ends the process (`DiskLostError`, exit 70), because after a failed sync it is unknown what is
stored.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from exchange import files
from exchange.journal.chain import ORIGIN, StoredRow, sealed
from exchange.journal.rows import AccountRow, JournalRow
from exchange.storage import segments, sql
from exchange.storage.connection import Connection
from exchange.storage.schema import (
    SCHEMA_VERSION,
    SEALED_VERSION,
    TABLES,
    NewerSchemaError,
    bring_forward,
    version,
)
from exchange.storage.segments import SpoiltSegmentError
from exchange.storage.snapshots import sync_dir
from exchange.units import MS_PER_DAY, MS_PER_HOUR

FILE_NAME: Final = "journal.db"
LOCK_NAME: Final = "lock"
BUSY_MS: Final = 5_000
ABANDON_S: Final = 2.0
CHECKPOINT_ROWS: Final = 20_000
FORGET_ROWS: Final = 500
"""Rows of account frames that are deleted at once: orders wait that long."""
DROP_ROWS: Final = 1_000
"""Sealed rows that leave the table at once."""
KEEP_MS: Final = 7 * MS_PER_DAY
"""How long account frames are kept for clients that resume, in ms."""
DROP_AFTER_MS: Final = MS_PER_HOUR
"""Frames are deleted this much later, in ms, for clients that are being sent them now."""

PRIVATE_MODE: Final = 0o700
"""File mode of a new data directory: only its operator may read who owns how much."""

SYNC_FULL: Final = 2
"""SQLite's number for synchronous=FULL; anything less was seen to lose acknowledged rows."""
_PRAGMAS: Final[dict[str, int | str]] = {
    "journal_mode": "wal",
    "busy_timeout": BUSY_MS,
    "trusted_schema": 0,
    "wal_autocheckpoint": 0,
}


def kept_since_ms(now_ms: int) -> int:
    """Return how old a frame may be at ``now_ms``, in whole hours.

    It depends on nothing else, so that a restart changes no answer.
    """
    return now_ms // MS_PER_HOUR * MS_PER_HOUR - KEEP_MS


class DataDirError(Exception):
    """The data directory cannot be used. ``str()`` is one line for the user."""


class InUseError(DataDirError):
    """Another process serves the data directory."""


class DiskLostError(Exception):
    """A write or sync failed: nothing may be acknowledged any more."""


class DataLock:
    """Locks a data directory against a second writer; readers are still allowed."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._file = (self._data_dir / LOCK_NAME).open("ab")
        except OSError as error:
            raise DataDirError(f"data directory {self._data_dir}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            text = f"data directory {self._data_dir}: in use by another process"
            raise InUseError(text) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()


def create(data_dir: Path, rows: list[JournalRow]) -> None:
    """Make a new journal that begins with ``rows``; never over an old one.

    Raises `DataDirError` or `OSError`, and then leaves no file behind.
    """
    with files.folder(data_dir):
        fresh = not any(data_dir.iterdir())
        if fresh:
            data_dir.chmod(PRIVATE_MODE)
        try:
            with DataLock(data_dir):
                _create(data_dir, rows)
        except BaseException:
            if fresh:
                (data_dir / LOCK_NAME).unlink(missing_ok=True)
            raise


def _create(data_dir: Path, rows: list[JournalRow]) -> None:
    path = data_dir / FILE_NAME
    if path.exists():
        raise DataDirError(f"data directory {data_dir}: holds an exchange already")
    # Built under another name and then renamed: a crash in between must not leave half an exchange.
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(draft)) as database:
            database.executescript(TABLES)
            database.executemany(sql.INSERT_ROW, sealed(ORIGIN, rows))
            database.commit()
        os.replace(draft, path)
    except BaseException as error:
        for left in (draft, draft.with_name(f"{draft.name}-journal")):
            left.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error):
            raise DataDirError(f"{path}: {error}") from error
        raise
    sync_dir(data_dir)


def require(data_dir: Path) -> Path:
    """Return the journal's path; raises `DataDirError` when there is none. Changes no file."""
    path = data_dir / FILE_NAME
    try:
        if not path.is_file():
            raise DataDirError(f"data directory {data_dir}: no exchange here; run `exchange init`")
    except OSError as error:
        raise DataDirError(f"data directory {data_dir}: {error.strerror}") from error
    return path


def opened_to_read(path: Path) -> sqlite3.Connection:
    """Return the SQLite file at ``path``, read-only: a server may be writing it."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def stored_rows(data_dir: Path, behind: int | None = None) -> Iterator[StoredRow]:
    """Yield all rows, oldest first, read-only: a server may run on the same directory.

    Sealed ones come from their segments, the others from the table. ``behind``: only the rows
    behind this one, without SQLite's own check of the whole file. Raises `DataDirError` when there
    is no journal, or SQLite or the segments' digests find it damaged.
    """
    path, seq = require(data_dir), behind or 0
    try:
        if behind is None:
            quick_check(data_dir)
        while True:
            sealed_before = segments.listed(data_dir)
            yield from segments.rows(sealed_before, seq)
            seq = max(seq, segments.last_seq(sealed_before))
            with closing(opened_to_read(path)) as database:
                version(database)
                table = database.execute(sql.SELECT_ROWS, (seq,))
                first = table.fetchone()
                # What is sealed while we read is in the folder before it leaves the table.
                if first is None or first[0] == seq + 1 or segments.last_seq_in(data_dir) <= seq:
                    yield from [] if first is None else [first]
                    yield from table
                    return
    except (sqlite3.Error, NewerSchemaError) as error:
        raise DataDirError(f"{path}: {error}") from error
    except SpoiltSegmentError as error:
        raise DataDirError(str(error)) from error


def quick_check(data_dir: Path) -> None:
    """Have SQLite check the whole file. Raises `DataDirError`."""
    path = data_dir / FILE_NAME
    try:
        with closing(opened_to_read(path)) as database:
            version(database)
            found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except (sqlite3.Error, NewerSchemaError) as error:
        raise DataDirError(f"{path}: {error}") from error
    if found != "ok":
        raise DataDirError(f"{path}: damaged: {' '.join(str(found).split())}")


def stored_chain(data_dir: Path, seq: int) -> bytes | None:
    """Return the digest of one row, None when there is no such row."""
    path = data_dir / FILE_NAME
    if not path.is_file():
        return None
    try:
        with closing(opened_to_read(path)) as database:
            found = database.execute("SELECT chain FROM journal WHERE seq = ?", (seq,)).fetchone()
        if found is None:
            return segments.chain_of(segments.listed(data_dir), seq)
    except (sqlite3.Error, SpoiltSegmentError) as error:
        what = str(error) if isinstance(error, SpoiltSegmentError) else f"{path}: {error}"
        raise DataDirError(what) from error
    return bytes(found[0])


class SqliteJournal:
    """The open journal of a running exchange. One task appends; it must never be canceled."""

    def __init__(
        self,
        data_dir: Path,
        last_chain: bytes,
        synchronous: int = SYNC_FULL,
        checkpoint_rows: int = CHECKPOINT_ROWS,
    ) -> None:
        self._path = data_dir / FILE_NAME
        self._chain = last_chain
        self._pragmas = _PRAGMAS | {"synchronous": synchronous}
        self._checkpoint_rows = checkpoint_rows
        self._since_checkpoint = 0
        self._database: Connection
        self._reader: Connection
        self._checkpointer: Connection
        self._opened: list[Connection] = []

    @property
    def chain(self) -> bytes:
        """Digest of the last committed row."""
        return self._chain

    async def open(self) -> None:
        """Open for writing; raises when SQLite does not accept a setting."""
        try:
            await self._open()
        except BaseException:
            await self.abandon()
            raise

    async def _open(self) -> None:
        try:
            self._database = await self._connected()
            if await self._pragma("user_version") not in (SCHEMA_VERSION, SEALED_VERSION):
                with closing(sqlite3.connect(self._path)) as database:
                    bring_forward(database)
            for name, value in self._pragmas.items():
                await self._database.execute(f"PRAGMA {name}={value}")
                if await self._pragma(name) != value:
                    raise DataDirError(f"{self._path}: SQLite refuses {name}={value}")
            self._checkpointer = await self._connected()
            await self._checkpointer.execute(f"PRAGMA synchronous={self._pragmas['synchronous']}")
            self._reader = await self._connected()
            await self._reader.execute("PRAGMA query_only=1")
        except NewerSchemaError as error:
            raise DataDirError(f"{self._path}: {error}") from error
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL):
                raise DiskLostError(f"{self._path}: {error}") from error
            raise DataDirError(f"{self._path}: {error}") from error

    async def _connected(self) -> Connection:
        connection = await Connection.to(self._path)
        self._opened.append(connection)
        return connection

    async def _pragma(self, name: str) -> int | str | None:
        cursor = await self._database.execute(f"PRAGMA {name}")
        found = await cursor.fetchone()
        return None if found is None else found[0]

    async def append(self, rows: list[JournalRow], accounts: list[AccountRow]) -> None:
        """Commit ``rows`` and the account frames they caused; durable when this returns."""
        stored = sealed(self._chain, rows)
        frames = [(a.account, a.first_seq, a.last_seq, a.ts_ms, a.body) for a in accounts]

        def commit(database: sqlite3.Connection) -> None:
            database.executemany(sql.INSERT_ROW, stored)
            if frames:
                database.executemany(sql.INSERT_FRAMES, frames)
            database.commit()

        try:
            await self._database.run(commit)
        except (sqlite3.Error, OSError) as error:
            raise DiskLostError(f"{self._path}: commit failed: {error}") from error
        self._chain = stored[-1][4]
        self._since_checkpoint += len(stored)

    @property
    def checkpoint_is_due(self) -> bool:
        return self._since_checkpoint >= self._checkpoint_rows

    async def checkpoint(self) -> None:
        """Copy the write-ahead log into the file, beside commits; `checkpoint_rest` ends it."""
        self._since_checkpoint = 0
        await self._checkpointed(self._checkpointer.checkpoint_most())

    async def checkpoint_rest(self) -> None:
        """Copy what is left of the log; nothing may be appended meanwhile."""
        await self._checkpointed(self._database.checkpoint())

    async def _checkpointed(self, work: Awaitable[object]) -> None:
        try:
            await work
        except (sqlite3.Error, OSError) as error:
            raise DiskLostError(f"{self._path}: checkpoint failed: {error}") from error

    async def account_rows(
        self, account: str, after: int, upto: int, limit: int
    ) -> list[AccountRow]:
        """Return stored frames for a resuming session, on a connection of their own."""
        try:
            wanted = (account, after, upto, limit)
            found = await self._reader.execute_fetchall(sql.SELECT_FRAMES, wanted)
        except sqlite3.Error as error:
            raise DiskLostError(f"{self._path}: read failed: {error}") from error
        return [AccountRow(*row) for row in found]

    async def kept_from(self, now_ms: int) -> dict[str, int]:
        """Return each account's oldest account_seq that is kept at ``now_ms``, if it has any."""
        since_ms = kept_since_ms(now_ms)
        try:
            found = await self._reader.execute_fetchall(sql.KEPT_FROM, (since_ms,))
        except sqlite3.Error as error:
            raise DiskLostError(f"{self._path}: read failed: {error}") from error
        return {row[0]: row[1] for row in found if row[1] is not None}

    async def forget(self, now_ms: int) -> bool:
        """Delete some account frames that are too old to resume from; False: there are no more."""
        before_ms = kept_since_ms(now_ms) - DROP_AFTER_MS

        def delete(database: sqlite3.Connection) -> int:
            return database.execute(sql.DELETE_FRAMES, (FORGET_ROWS, before_ms)).rowcount

        return await self._deleted(delete) == FORGET_ROWS

    async def drop_sealed(self, upto_seq: int) -> bool:
        """Delete some rows that a segment holds by now; False: there are no more of them."""

        def delete(database: sqlite3.Connection) -> int:
            gone = database.execute(sql.DELETE_SEALED, (upto_seq, DROP_ROWS)).rowcount
            if gone:  # what was made before segments must not take this for a whole journal
                database.execute(f"PRAGMA user_version = {SEALED_VERSION}")
            return gone

        return await self._deleted(delete) == DROP_ROWS

    async def _deleted(self, delete: Callable[[sqlite3.Connection], int]) -> int:
        def commit(database: sqlite3.Connection) -> int:
            gone = delete(database)
            database.commit()
            return gone

        try:
            return await self._database.run(commit)
        except (sqlite3.Error, OSError) as error:
            raise DiskLostError(f"{self._path}: commit failed: {error}") from error

    async def abandon(self) -> None:
        """Give up a journal that failed: no more writes, and no thread that keeps the process
        alive.

        On a lost disk closing may fail too; the next start finds out what is stored.
        """
        ends = [database.stop() for database in reversed(self._opened)]
        waiting = [end for end in ends if end is not None]
        if waiting:
            done, _ = await asyncio.wait(waiting, timeout=ABANDON_S)
            for end in done:
                end.exception()

    async def close(self) -> None:
        """Checkpoint and close; the journal is complete without it."""
        await self._reader.close()
        await self._checkpointer.close()
        await self.checkpoint_rest()
        await self._database.close()
