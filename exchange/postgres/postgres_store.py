"""An exchange in PostgreSQL as a `Store`: rows, frames and snapshots by pages. Shell.

Each call has a connection, a thread and a loop of its own: a forked child may call it, and so may
code within a running loop, which then waits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from exchange.journal.chain import StoredRow
from exchange.postgres import schema
from exchange.postgres.connecting import Asker, Connection, DatabaseError, ask, asking, shown
from exchange.storage import snapshots
from exchange.storage.snapshots import SnapshotError, SnapshotFile
from exchange.storage.sqlite_journal import DiskLostError
from exchange.storage.store import FrameRow, StoredFrames

PAGE_ROWS: Final = 2_000
PART_BYTES: Final = schema.PART_BYTES

_ROWS: Final = """
SELECT seq, now_ms, rules, body, chain FROM headroom.journal
WHERE seq > $1 ORDER BY seq LIMIT $2"""
_FRAMES: Final = """
SELECT id, account, first_seq, last_seq, body FROM headroom.account_frames
WHERE id > $1 ORDER BY id LIMIT $2"""
_KEPT_FROM: Final = """
SELECT account, min(first_seq) FROM headroom.account_frames GROUP BY account"""
_DROP: Final = """
DELETE FROM headroom.snapshots
WHERE seq NOT IN (SELECT seq FROM headroom.snapshots ORDER BY seq DESC LIMIT $1)"""


async def page(connection: Connection, behind: int, limit: int = PAGE_ROWS) -> list[StoredRow]:
    """Return the next rows behind row ``behind``, oldest first."""
    return [_row(tuple(row)) for row in await connection.fetch(_ROWS, behind, limit)]


def _row(found: tuple[int, int, int, bytes, bytes]) -> StoredRow:
    return found


class PostgresStore:
    """See `Store` for the methods."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def name(self) -> str:
        return shown(self.url)

    def require(self) -> None:
        ask(self.url, lambda connection: schema.check(connection, self.name))

    def rows(self, behind: int | None = None) -> Iterator[StoredRow]:
        last = behind or 0
        with asking(self.url) as asker:
            asker.ask(lambda connection: schema.check(connection, self.name))
            while found := _page_of(asker, last):
                yield from found
                last = found[-1][0]

    def chain_of(self, seq: int) -> bytes | None:
        sql = "SELECT chain FROM headroom.journal WHERE seq = $1"

        async def asked(connection: Connection) -> bytes | None:
            found: bytes | None = await connection.fetchval(sql, seq)
            return found

        return ask(self.url, asked)

    @contextmanager
    def frames(self) -> Iterator[StoredFrames]:
        with asking(self.url) as asker:
            upto_seq, first = asker.ask(_frames_begun)
            yield StoredFrames(self.name, upto_seq, first, _frame_rows(asker))

    def snapshots(self) -> list[int]:
        sql = "SELECT seq FROM headroom.snapshots ORDER BY seq DESC"

        async def asked(connection: Connection) -> list[int]:
            return [row[0] for row in await connection.fetch(sql)]

        return ask(self.url, asked)

    def read_snapshot(self, seq: int) -> SnapshotFile:
        sql = "SELECT body FROM headroom.snapshot_parts WHERE seq = $1 ORDER BY part"

        async def asked(connection: Connection) -> bytes:
            return b"".join([row[0] for row in await connection.fetch(sql, seq)])

        where = f"{self.name}: snapshot {seq}"
        try:
            return snapshots.decoded(ask(self.url, asked), where)
        except DatabaseError as error:
            raise SnapshotError(str(error)) from error

    def write_snapshot(self, snapshot: SnapshotFile) -> int:
        body = snapshots.encoded(snapshot)

        async def written(connection: Connection) -> None:
            async with connection.transaction():
                await _write_snapshot(connection, snapshot.seq, body)

        try:
            ask(self.url, written)
        except DatabaseError as error:
            raise DiskLostError(f"{error}; a snapshot could not be written") from error
        return len(body)

    def drop_drafts(self) -> None:
        """A snapshot is there whole or not at all."""


def _page_of(asker: Asker, behind: int) -> list[StoredRow]:
    return asker.ask(lambda connection: page(connection, behind))


async def _frames_begun(connection: Connection) -> tuple[int, dict[str, int]]:
    # One transaction that sees one moment, so that rows and frames end at the same row.
    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    newest = await connection.fetchval("SELECT max(seq) FROM headroom.journal")
    first = {row[0]: row[1] for row in await connection.fetch(_KEPT_FROM)}
    return newest or 0, first


def _frames_of(asker: Asker, behind: int) -> list[asyncpg.Record]:
    return asker.ask(lambda connection: connection.fetch(_FRAMES, behind, PAGE_ROWS))


def _frame_rows(asker: Asker) -> Iterator[FrameRow]:
    last = 0
    while True:
        found = _frames_of(asker, last)
        if not found:
            return
        for row in found:
            yield row[1], row[2], row[3], row[4]
        last = found[-1][0]


async def _write_snapshot(connection: Connection, seq: int, body: bytes) -> None:
    await connection.execute("DELETE FROM headroom.snapshots WHERE seq = $1", seq)
    await connection.execute("INSERT INTO headroom.snapshots VALUES ($1, $2)", seq, len(body))
    parts = [
        (seq, number, body[at : at + PART_BYTES])
        for number, at in enumerate(range(0, len(body), PART_BYTES))
    ]
    await connection.executemany("INSERT INTO headroom.snapshot_parts VALUES ($1, $2, $3)", parts)
    await connection.execute(_DROP, snapshots.KEPT)
