"""A running exchange seals its old rows, and nobody who trades notices."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

from exchange.recovery.loading import load
from exchange.recovery.verifying import verified
from exchange.server.server import ExchangeServer, Settings
from exchange.storage import segments
from exchange.storage.sqlite_journal import DataLock
from exchange.storage.sqlite_store import SqliteStore
from tests.exchange.support.harness import DEADLINE_S, create_exchange, journal_rows, until
from tests.exchange.support.trading import trade, traders

EACH: Final = 60
"""Rows of a segment, and from snapshot to snapshot."""


@asynccontextmanager
async def sealing(data_dir: Path) -> AsyncIterator[ExchangeServer]:
    settings = Settings(
        data_dir=data_dir, host="127.0.0.1", port=0, snapshot_every=EACH, segment_rows=EACH
    )
    with DataLock(data_dir):
        server = ExchangeServer(settings, load(SqliteStore(data_dir)))
        await server.open()
        task = asyncio.create_task(server.run())
        try:
            yield server
        finally:
            server.stop()
            assert await asyncio.wait_for(task, DEADLINE_S) == 0


def first_in_table(data_dir: Path) -> int:
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        return int(database.execute("SELECT min(seq) FROM journal").fetchone()[0])


async def sealed_beyond(data_dir: Path, seq: int, trades: AsyncIterator[int]) -> None:
    """Trade until rows behind ``seq`` have left the table."""
    async with asyncio.timeout(DEADLINE_S):
        while first_in_table(data_dir) <= seq + 1:
            await anext(trades)


def test_rows_are_sealed_while_orders_come_and_after_a_restart(tmp_path: Path) -> None:
    create_exchange(tmp_path)

    async def main() -> None:
        async with sealing(tmp_path) as server, traders(server.url) as (alice, bob):

            async def trades() -> AsyncIterator[int]:
                for number in range(10_000):
                    yield await trade(alice, "a", 20, f"{number}")
                    yield await trade(bob, "b", 20, f"{number}")

            await sealed_beyond(tmp_path, 0, trades())
            running = verified(SqliteStore(tmp_path))
            assert running.engine.seq <= server.pump.gateway.engine.seq
        sealed_seq = segments.last_seq_in(tmp_path)
        assert sealed_seq % EACH == 0
        async with sealing(tmp_path):
            await until(lambda: first_in_table(tmp_path) == segments.last_seq_in(tmp_path) + 1)

    asyncio.run(main())
    whole = verified(SqliteStore(tmp_path))
    assert load(SqliteStore(tmp_path)).engine.state_hash() == whole.state_hash
    assert [row.seq for row in journal_rows(tmp_path)] == list(range(1, whole.engine.seq + 1))
