"""Work on the journal that orders do not wait for: checkpoints, and frames that are dropped.

Seen to fail with the checkpoint as a chore of the pump, with all old frames dropped in one piece,
without the second half of a checkpoint (the log grows), and with an error beside the pump unseen.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from exchange.client import Client
from exchange.journal.chain import ORIGIN, sealed
from exchange.journal.rows import AccountRow, JournalRow
from exchange.recovery.loading import load
from exchange.server.server import ExchangeServer, Settings
from exchange.server.starting import EXIT_DISK_LOST
from exchange.storage import connection, sqlite_journal
from exchange.storage.sqlite_journal import (
    DROP_AFTER_MS,
    KEEP_MS,
    DataLock,
    DiskLostError,
    SqliteJournal,
    create,
)
from exchange.storage.sqlite_store import SqliteStore
from exchange.wire.admin_requests import AdminBalances
from tests.exchange.support.harness import DEADLINE_S, OPERATOR, add_account, create_exchange, until

BODY = b"x" * 2_000


def row(seq: int) -> JournalRow:
    return JournalRow(seq, 1_000 + seq, BODY)


@asynccontextmanager
async def opened(data_dir: Path) -> AsyncIterator[SqliteJournal]:
    create(data_dir, [row(1)])
    journal = SqliteJournal(data_dir, sealed(ORIGIN, [row(1)])[0][4])
    await journal.open()
    yield journal
    await journal.close()


def log_bytes(data_dir: Path) -> int:
    return (data_dir / "journal.db-wal").stat().st_size


async def commits(journal: SqliteJournal, first: int) -> None:
    for seq in range(first, first + 40):
        await journal.append([row(seq)], [])


def test_a_log_under_constant_load_is_begun_anew(tmp_path: Path) -> None:
    """Whenever a checkpoint comes between them, it holds no more than the commits of one round."""

    async def main() -> list[int]:
        async with opened(tmp_path) as journal:
            await commits(journal, 2)
            await journal.checkpoint_rest()
            sizes = [log_bytes(tmp_path)]
            for first in (42, 82):
                working = asyncio.create_task(journal.checkpoint())
                await commits(journal, first)
                await working
                await journal.checkpoint_rest()
                sizes.append(log_bytes(tmp_path))
        return sizes

    whole, *later = asyncio.run(main())
    assert max(later) <= whole


def test_a_checkpoint_goes_on_until_it_leaves_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []

    async def checkpoint(_: connection.Connection) -> int:
        passes.append(sum([900, 800, 200][: len(passes) + 1]))
        return passes[-1]

    async def main() -> None:
        async with opened(tmp_path) as journal:
            with monkeypatch.context() as patched:
                patched.setattr(connection.Connection, "checkpoint", checkpoint)
                await journal.checkpoint()

    asyncio.run(main())
    assert passes == [900, 1_700, 1_900]


def test_old_frames_are_dropped_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_journal, "FORGET_ROWS", 10)
    frames = [AccountRow("ann", seq, seq, 0, b"") for seq in range(1, 26)]
    left: list[int] = []

    async def main() -> None:
        async with opened(tmp_path) as journal:
            await journal.append([row(2)], frames)
            more = True
            while more:
                more = await journal.forget(KEEP_MS + 2 * DROP_AFTER_MS)
                left.append(len(await journal.account_rows("ann", 0, 99, 99)))

    asyncio.run(main())
    assert left == [15, 5, 1], "the last row stays, so that its number is never given again"


class SlowJournal(SqliteJournal):
    """Its checkpoint ends when the test says so."""

    def __init__(self, data_dir: Path, last_chain: bytes) -> None:
        super().__init__(data_dir, last_chain, checkpoint_rows=1)
        self.begun = False
        self.may_end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def checkpoint(self) -> None:
        self.begun = True
        await self.may_end
        await super().checkpoint()


class SlowServer(ExchangeServer):
    def make_journal(self, data_dir: Path, last_chain: bytes) -> SqliteJournal:
        self.slow = SlowJournal(data_dir, last_chain)
        return self.slow


async def served(data_dir: Path) -> tuple[SlowServer, asyncio.Task[int]]:
    server = SlowServer(
        Settings(data_dir=data_dir, host="127.0.0.1", port=0), load(SqliteStore(data_dir))
    )
    await server.open()
    return server, asyncio.create_task(server.run())


def test_orders_are_acknowledged_while_a_checkpoint_runs(tmp_path: Path) -> None:
    create_exchange(tmp_path)

    async def main() -> None:
        server, running = await served(tmp_path)
        async with Client(server.url, OPERATOR) as operator:
            await add_account(operator, "ann")
            await until(lambda: server.slow.begun)
            await add_account(operator, "bob")
            await operator.request(AdminBalances(req_id=1))
        server.slow.may_end.set_result(None)
        server.stop()
        assert await asyncio.wait_for(running, DEADLINE_S) == 0

    with DataLock(tmp_path):
        asyncio.run(main())
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
        assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_a_checkpoint_that_fails_ends_the_exchange(tmp_path: Path) -> None:
    create_exchange(tmp_path)

    async def main() -> int:
        server, running = await served(tmp_path)
        await until(lambda: server.slow.begun)
        server.slow.may_end.set_exception(DiskLostError("checkpoint failed"))
        code = await asyncio.wait_for(running, DEADLINE_S)
        await server._stop_listening()  # the process would have ended
        return code

    with DataLock(tmp_path):
        assert asyncio.run(main()) == EXIT_DISK_LOST
