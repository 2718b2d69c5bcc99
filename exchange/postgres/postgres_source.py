"""What the read model follows, in PostgreSQL. Shell; every call blocks."""

from typing import Final

from exchange.journal.rows import JournalRow
from exchange.postgres.connecting import Connection, DatabaseError, ask
from exchange.storage.history_source import Behind
from exchange.storage.sqlite_journal import DiskLostError

_STORED: Final = """
SELECT id, account, body FROM headroom.account_frames WHERE id > $1 ORDER BY id LIMIT $2"""
_REPORTS: Final = """
SELECT seq, now_ms, body FROM headroom.journal
WHERE seq > $1 AND seq <= $2 AND position('usage.report'::bytea IN body) > 0
ORDER BY seq LIMIT $3"""


class PostgresSource:
    """See `HistorySource`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def behind(self, frames: int, rows: int, limit: int) -> Behind:
        async def read(connection: Connection) -> Behind:
            stored = [tuple(row) for row in await connection.fetch(_STORED, frames, limit)]
            last_seq = await connection.fetchval("SELECT max(seq) FROM headroom.journal")
            found = await connection.fetch(_REPORTS, rows, last_seq, limit)
            return Behind(stored, last_seq, [JournalRow(*row) for row in found])

        try:
            return ask(self._url, read)
        except DatabaseError as error:
            raise DiskLostError(str(error)) from error

    def oldest(self) -> int | None:
        return self._number("SELECT min(id) FROM headroom.account_frames")

    def first_row(self) -> int:
        return self._number("SELECT min(seq) FROM headroom.journal") or 0

    def newest(self) -> int:
        return self._number("SELECT max(id) FROM headroom.account_frames") or 0

    def _number(self, sql: str) -> int | None:
        async def read(connection: Connection) -> int | None:
            found: int | None = await connection.fetchval(sql)
            return found

        try:
            return ask(self._url, read)
        except DatabaseError as error:
            raise DiskLostError(str(error)) from error
