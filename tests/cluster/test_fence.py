"""A writer that was replaced commits nothing; whatever leaves a commit unknown ends the writer."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from exchange.cluster.child import until
from exchange.cluster.postgres import Postgres
from exchange.journal.chain import checked
from exchange.postgres import leader
from exchange.postgres import postgres_journal as journal_module
from exchange.postgres.connecting import Connection, DatabaseError, ask, connected
from exchange.postgres.leader import StaleEpochError
from exchange.postgres.postgres_journal import PostgresJournal
from exchange.storage.sqlite_journal import DiskLostError
from tests.cluster.postgres_place import Database
from tests.exchange.support.journal_contract import FIRST, frames, last_chain, rows

WAITING = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"


@pytest.fixture
def place(postgres: str) -> Database:
    made = Database(postgres)
    made.create([FIRST])
    return made


def seqs(place: Database) -> list[int]:
    return [row.seq for row, _ in checked(place.store.rows())]


async def answered(connection: Connection, sql: str, number: int) -> None:
    """Wait until a question has this answer."""
    async with asyncio.timeout(30):
        while True:
            if await connection.fetchval(sql) == number:
                return
            await asyncio.sleep(0.01)


async def replaced(place: Database) -> None:
    """Append, be replaced by another that appends, and append again."""
    old = place.journal(last_chain(place))
    await old.open()
    await old.append(rows(2, 1), [frames("bob", 1, 1)])
    place.epoch = place.lead()
    try:
        await old.append(rows(3, 1), [frames("bob", 2, 2)])
    finally:
        await old.close()


def test_a_replaced_writer_commits_nothing(place: Database) -> None:
    with pytest.raises(StaleEpochError, match="epoch 1 is over: another process has taken over"):
        asyncio.run(replaced(place))
    assert seqs(place) == [1, 2]
    with place.store.frames() as stored:
        assert stored.first == {"bob": 1} and len(list(stored.rows)) == 1


def test_without_the_fence_it_would_commit(
    place: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: the statement asks for any leader instead of our epoch."""
    unfenced = journal_module._APPEND.replace("epoch = $1", "$1 > 0")
    monkeypatch.setattr(journal_module, "_APPEND", unfenced.replace("$1 >", "$1::bigint >"))
    asyncio.run(replaced(place))
    assert seqs(place) == [1, 2, 3], "this is what the fence is for"


def test_a_take_over_waits_for_an_append_and_stops_the_next(place: Database) -> None:
    async def tried() -> None:
        writer, taker = await connected(place.url), await connected(place.url)
        under_way = writer.transaction()
        await under_way.start()
        await writer.fetchval("SELECT epoch FROM headroom.leader WHERE epoch = 1 FOR KEY SHARE")
        await leader.renew(taker, 1)  # which no append stops
        await taker.execute("UPDATE headroom.leader SET until = '-infinity'")
        taking = asyncio.create_task(leader.take(taker, "next", ""))
        watcher = await connected(place.url)
        sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        await answered(watcher, sql, 1)
        assert not taking.done()
        await under_way.commit()
        assert await taking == 2
        for opened in (writer, taker, watcher):
            await opened.close()

    asyncio.run(tried())


def test_one_of_two_takes_over(place: Database) -> None:
    async def tried() -> list[int | None]:
        opened = [await connected(place.url) for _ in range(4)]
        await opened[0].execute("UPDATE headroom.leader SET until = '-infinity'")
        found = await asyncio.gather(*(leader.take(one, "x", "") for one in opened))
        await asyncio.gather(*(one.close() for one in opened))
        return found

    found = asyncio.run(tried())
    assert sorted(found, key=str) == [2, None, None, None]


def test_a_terminated_backend_ends_the_writer(place: Database) -> None:
    async def tried() -> None:
        journal = place.journal(last_chain(place))
        await journal.open()
        try:
            backend = journal._writer.get_server_pid()
            await journal._reader.execute(f"SELECT pg_terminate_backend({backend})")
            await journal.append(rows(2, 1), [])
        finally:
            await journal.abandon()

    with pytest.raises(DiskLostError, match="commit failed"):
        asyncio.run(tried())
    assert seqs(place) == [1]


def test_a_killed_postgres_ends_the_writer_and_keeps_what_it_acknowledged(
    postgres_three: Postgres,
) -> None:
    place = Database(postgres_three.url("headroom"))
    place.create([FIRST])

    async def tried() -> int:
        journal = PostgresJournal(place.url, last_chain(place), place.epoch)
        await journal.open()
        acked = 1
        try:
            while True:
                await journal.append(rows(acked + 1, 1), [])
                acked += 1
                if acked == 20:
                    postgres_three.primary.kill()
        except DiskLostError:
            return acked
        finally:
            await journal.abandon()

    acked = asyncio.run(tried())
    postgres_three.promote()
    found = seqs(place)
    assert found == list(range(1, len(found) + 1)) and len(found) in (acked, acked + 1)


def test_a_commit_that_gave_up_waiting_for_a_standby_is_no_commit(
    postgres_three: Postgres,
) -> None:
    """PostgreSQL answers such a commit with success and a warning."""
    place = Database(postgres_three.url("headroom"))
    place.create([FIRST])

    async def tried() -> None:
        journal = PostgresJournal(place.url, last_chain(place), place.epoch)
        await journal.open()
        try:
            for node in postgres_three.standbys:
                node.kill()
            appending = asyncio.create_task(journal.append(rows(2, 1), []))
            primary = postgres_three.primary
            waits = lambda: primary.sql(WAITING) == "1"  # noqa: E731
            assert await asyncio.to_thread(until, waits, 30)
            cancel = WAITING.replace("count(*)", "pg_cancel_backend(pid)")
            await asyncio.to_thread(primary.sql, cancel)
            await appending
        finally:
            await journal.abandon()

    with pytest.raises(DiskLostError, match="canceling wait for synchronous replication"):
        asyncio.run(tried())


def test_one_copy_is_refused(place: Database) -> None:
    async def opened() -> None:
        await PostgresJournal(place.url, FIRST.body, 1).open()

    with pytest.raises(DatabaseError, match=r"synchronous_standby_names is empty.*--unsafe-single"):
        asyncio.run(opened())


WRITER = """
import asyncio, sys
from exchange.postgres.postgres_journal import PostgresJournal
from tests.exchange.support.journal_contract import frames, rows

async def write(url, chain, epoch):
    journal = PostgresJournal(url, bytes.fromhex(chain), int(epoch), unsafe_single=True)
    await journal.open()
    seq = 2
    while True:
        await journal.append(rows(seq, 3), [frames("bob", seq, seq + 2)])
        seq += 3
        print(seq - 1, flush=True)

asyncio.run(write(*sys.argv[1:]))
"""


@pytest.fixture
def writer(place: Database) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", WRITER, place.url, last_chain(place).hex(), str(place.epoch)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        yield child
        child.kill()


def test_a_killed_writer_leaves_whole_batches(
    place: Database, writer: subprocess.Popen[str]
) -> None:
    assert writer.stdout is not None
    for _ in range(20):
        acked = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    acked = max([acked, *map(int, writer.stdout.read().split())])
    ask(place.url, _alone)
    found = seqs(place)
    assert found[-1] in (acked, acked + 3)
    with place.store.frames() as stored:
        assert [row[2] for row in stored.rows][-1] == found[-1]


async def _alone(connection: Connection) -> None:
    """Wait until the backend of the killed process is gone."""
    sql = """SELECT count(*) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    await answered(connection, sql, 0)
