"""The journal in PostgreSQL: a batch is one statement, durable before anything is acknowledged.
Shell.

The statement looks for our epoch and inserts only when it is there, so a writer that was replaced
can commit nothing, whatever its clock says. An error, a lost connection or a warning leaves it
unknown what is stored, so each of them ends the process (`DiskLostError`, exit 70). PostgreSQL
warns when it gives up waiting for a standby although the rows are committed on this node.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

import asyncpg

from exchange.journal.chain import sealed
from exchange.journal.rows import AccountRow, JournalRow
from exchange.postgres import quorum, schema
from exchange.postgres.connecting import RAISED, Connection, closed, connected, shown, why
from exchange.postgres.leader import StaleEpochError
from exchange.storage.sqlite_journal import (
    DROP_AFTER_MS,
    FORGET_ROWS,
    DiskLostError,
    kept_since_ms,
)

APPEND_S: Final = 20.0
"""How long a commit may wait for a standby."""

_APPEND: Final = """
WITH led AS (SELECT epoch FROM headroom.leader WHERE epoch = $1 FOR KEY SHARE),
added AS (
  INSERT INTO headroom.journal SELECT r.*
  FROM led, unnest($2::bigint[], $3::bigint[], $4::integer[], $5::bytea[], $6::bytea[]) AS r
  RETURNING seq),
told AS (
  INSERT INTO headroom.account_frames SELECT f.*
  FROM led, unnest($7::bigint[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[],
                   $12::bytea[]) AS f)
SELECT count(*) FROM added"""
_SELECT_FRAMES: Final = """
SELECT account, first_seq, last_seq, ts_ms, body FROM headroom.account_frames
WHERE account = $1 AND last_seq > $2 AND first_seq <= $3 ORDER BY last_seq LIMIT $4"""
_KEPT_FROM: Final = """
WITH RECURSIVE known(name) AS (
  SELECT min(account) FROM headroom.account_frames UNION ALL
  SELECT (SELECT min(account) FROM headroom.account_frames WHERE account > name) FROM known
  WHERE name IS NOT NULL)
SELECT name, (
  SELECT first_seq FROM headroom.account_frames WHERE account = name AND ts_ms >= $1
  ORDER BY last_seq LIMIT 1)
FROM known WHERE name IS NOT NULL"""
_DELETE_FRAMES: Final = """
WITH led AS (SELECT epoch FROM headroom.leader WHERE epoch = $3 FOR KEY SHARE),
gone AS (DELETE FROM headroom.account_frames USING led WHERE id IN (
  SELECT id FROM (SELECT id, ts_ms FROM headroom.account_frames ORDER BY id LIMIT $1) AS oldest
  WHERE ts_ms < $2 AND id < (SELECT max(id) FROM headroom.account_frames)) RETURNING id)
SELECT (SELECT count(*) FROM led), (SELECT count(*) FROM gone)"""

T = TypeVar("T")


class PostgresJournal:
    """The open journal of a running exchange, which leads by ``epoch``. One task appends; it must
    never be canceled."""

    checkpoint_is_due: Final = False
    """PostgreSQL makes its own."""

    def __init__(
        self, url: str, last_chain: bytes, epoch: int, unsafe_single: bool = False
    ) -> None:
        self._url = url
        self._where = shown(url)
        self._chain = last_chain
        self._epoch = epoch
        self._unsafe_single = unsafe_single
        self._last_id = 0
        self._warning = ""
        self._writer: Connection
        self._reader: Connection
        self._opened: list[Connection] = []

    @property
    def chain(self) -> bytes:
        """Digest of the last committed row."""
        return self._chain

    async def open(self) -> None:
        """Open for writing. Raises `DatabaseError`, also when a commit would be on one node
        alone."""
        try:
            self._writer = await self._connected()
            self._writer.add_log_listener(self._warned)
            self._reader = await self._connected()
            await schema.check(self._writer, self._where)
            require = quorum.require_synced if self._unsafe_single else quorum.require
            await require(self._writer, self._where)
            newest = "SELECT coalesce(max(id), 0) FROM headroom.account_frames"
            self._last_id = await self._writer.fetchval(newest)
        except RAISED as error:
            await self.abandon()
            raise DiskLostError(f"{self._where}: {why(error)}") from error
        except BaseException:
            await self.abandon()
            raise

    async def _connected(self) -> Connection:
        opened = await connected(self._url)
        self._opened.append(opened)
        return opened

    def _warned(self, _: Any, message: asyncpg.PostgresLogMessage) -> None:
        self._warning = " ".join(str(message).split())

    async def append(self, rows: list[JournalRow], accounts: list[AccountRow]) -> None:
        """Commit ``rows`` and the account frames they caused; durable when this returns."""
        stored = sealed(self._chain, rows)
        frames = [
            (number, a.account, a.first_seq, a.last_seq, a.ts_ms, a.body)
            for number, a in enumerate(accounts, self._last_id + 1)
        ]
        columns = (*_columns(stored, 5), *_columns(frames, 6))
        appending = self._writer.fetchval(_APPEND, self._epoch, *columns, timeout=APPEND_S)
        added = await self._done(appending, "commit failed")
        if not added:
            raise StaleEpochError(self._epoch)
        self._chain = stored[-1][4]
        self._last_id += len(frames)

    async def _done(self, work: Awaitable[T], what: str) -> T:
        try:
            result = await work
        except RAISED as error:
            raise DiskLostError(f"{self._where}: {what}: {why(error)}") from error
        if self._warning:
            raise DiskLostError(f"{self._where}: {what}: {self._warning}")
        return result

    async def checkpoint(self) -> None:
        """Do nothing: PostgreSQL makes its own."""

    async def checkpoint_rest(self) -> None:
        """Do nothing."""

    async def account_rows(
        self, account: str, after: int, upto: int, limit: int
    ) -> list[AccountRow]:
        """Return stored frames for a resuming session, on a connection of their own."""
        wanted = self._reader.fetch(_SELECT_FRAMES, account, after, upto, limit)
        return [AccountRow(*row) for row in await self._done(wanted, "read failed")]

    async def kept_from(self, now_ms: int) -> dict[str, int]:
        """Return each account's oldest account_seq that is kept at ``now_ms``, if it has any."""
        wanted = self._reader.fetch(_KEPT_FROM, kept_since_ms(now_ms))
        found = await self._done(wanted, "read failed")
        return {row[0]: row[1] for row in found if row[1] is not None}

    async def forget(self, now_ms: int) -> bool:
        """Delete some account frames that are too old to resume from; False: there are no more."""
        before_ms = kept_since_ms(now_ms) - DROP_AFTER_MS
        deleting = self._writer.fetchrow(_DELETE_FRAMES, FORGET_ROWS, before_ms, self._epoch)
        found = await self._done(deleting, "commit failed")
        assert found is not None
        led, gone = found
        if not led:
            raise StaleEpochError(self._epoch)
        return bool(gone == FORGET_ROWS)

    async def drop_sealed(self, upto_seq: int) -> bool:
        """Nothing is sealed here: all rows stay in the database."""
        return False

    async def abandon(self) -> None:
        """Give up a journal that failed: no more writes, nothing that waits for the database."""
        for opened in self._opened:
            opened.terminate()

    async def close(self) -> None:
        """Close; the journal is complete without it."""
        await asyncio.gather(*map(closed, self._opened))


def _columns(rows: list[Any], width: int) -> list[list[Any]]:
    """Return the rows as one list for each column."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
