"""The journal and the shell around it: durability settings, a full disk, slow readers, the end."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from exchange.client import Client, Refused, Unknown
from exchange.journal.chain import ORIGIN, BrokenChainError, checked, sealed
from exchange.journal.replay import read_command
from exchange.journal.rows import AccountRow, JournalRow, stored_frames
from exchange.model.commands import Command
from exchange.storage.sqlite_journal import (
    DROP_AFTER_MS,
    KEEP_MS,
    SqliteJournal,
    create,
    stored_rows,
)
from exchange.wire.admin_requests import AdminAccount, AdminBalances
from exchange.wire.codec import MSGPACK
from exchange.wire.frames import BalanceUpdate
from exchange.wire.requests import OrderPlace
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    ROOT,
    SYMBOL,
    ServerProcess,
    add_account,
    create_exchange,
    headroom,
    journal_rows,
    key_of,
    raw,
    running,
)

ROWS = [JournalRow(seq, 1_000 + seq, b"body-%d" % seq) for seq in range(1, 6)]
FSIZE_KIB = 512
HOUR_MS = 3_600_000


def test_the_chain_covers_every_column() -> None:
    stored = sealed(ORIGIN, ROWS)
    assert [row for row, _ in checked(stored)] == ROWS
    for number in range(len(stored)):
        for column, other in ((0, 77), (1, 77), (2, 77), (3, b"other"), (4, b"x" * 32)):
            row = list(stored[number])
            row[column] = other
            damaged = [*stored[:number], tuple(row), *stored[number + 1 :]]
            with pytest.raises(BrokenChainError):
                list(checked(damaged))  # type: ignore[arg-type]
    with pytest.raises(BrokenChainError, match="row 2: is missing"):
        list(checked([stored[0], *stored[2:]]))
    assert len(list(checked(stored[:3]))) == 3


def test_the_journal_is_what_it_says_and_keeps_frames_a_week(tmp_path: Path) -> None:
    async def main() -> None:
        create(tmp_path, ROWS[:1])
        journal = SqliteJournal(tmp_path, sealed(ORIGIN, ROWS[:1])[0][4])
        await journal.open()
        frames = [BalanceUpdate(seq, 1, 1, 5, 0, "x") for seq in range(1, 5)]
        old = AccountRow("ann", 1, 2, HOUR_MS - 1, MSGPACK.encode(frames[:2]))
        new = AccountRow("ann", 3, 4, HOUR_MS, MSGPACK.encode(frames[2:]))
        await journal.append(ROWS[1:3], [old])
        await journal.append(ROWS[3:], [new])
        assert await journal.account_rows("ann", 1, 3, 10) == [old, new]
        assert await journal.account_rows("ann", 2, 9, 10) == [new]
        assert await journal.account_rows("ben", 0, 9, 10) == []
        assert stored_frames(old.body, 1, 3) == frames[1:2]
        assert await journal.kept_from(HOUR_MS) == {"ann": 1}
        assert await journal.kept_from(HOUR_MS + KEEP_MS - 1) == {"ann": 1}
        assert await journal.kept_from(HOUR_MS + KEEP_MS) == {"ann": 3}
        assert not await journal.forget(HOUR_MS + DROP_AFTER_MS + KEEP_MS)
        assert await journal.account_rows("ann", 0, 9, 10) == [new]
        assert await journal.kept_from(2 * HOUR_MS + KEEP_MS) == {}
        await journal.close()

    asyncio.run(main())
    assert [row for row, _ in checked(stored_rows(tmp_path))] == ROWS
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        with pytest.raises(sqlite3.IntegrityError):
            database.execute("INSERT INTO journal VALUES (9, 'no number', 1, x'', x'')")


def test_a_new_data_directory_is_its_owners_alone(tmp_path: Path) -> None:
    """Seen to fail with the umask's mode. A directory that holds other things keeps its own."""
    for name in ("new", "empty", "in_use"):
        data_dir = tmp_path / name
        if name != "new":
            data_dir.mkdir(mode=0o755)
        if name == "in_use":
            (data_dir / "other").touch()
        create_exchange(data_dir)
        private = data_dir.stat().st_mode & 0o077 == 0
        assert private == (name != "in_use"), name


def test_a_full_disk_ends_with_70_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """The file size limit stands in for the disk: the write that passes it fails like ENOSPC."""
    data_dir = tmp_path / "data"
    create_exchange(data_dir)
    serve = (
        f'ulimit -f {FSIZE_KIB}; exec "{sys.executable}" "{ROOT}/headroom.py" exchange serve '
        '--log-level error "$@"'
    )
    server = ServerProcess(data_dir, program=["bash", "-c", serve, "serve"])
    acked: list[str] = []

    async def load() -> None:
        url = await server.url()
        async with Client(url, OPERATOR) as operator:
            await add_account(operator, "bob")
        async with Client(url, key_of("bob")) as bob:
            for first in range(0, 100_000, 50):
                asks = [place(bob, f"b{first + number}") for number in range(50)]
                results = await asyncio.gather(*asks, return_exceptions=True)
                acked.extend(result for result in results if isinstance(result, str))
                if any(isinstance(result, Unknown) for result in results):
                    return

    asyncio.run(load())
    code, errors = server.end()
    assert (code, len(errors.splitlines())) == (70, 1), errors
    assert "commit failed" in errors
    stored = [read_command(row).message for row in journal_rows(data_dir)]
    ids = [message.client_order_id for message in stored if isinstance(message, OrderPlace)]
    assert len(ids) == len(set(ids))
    assert set(acked) <= set(ids)
    assert len(acked) > 50
    assert headroom("exchange", "verify", "--data", str(data_dir))[0] == 0


async def place(client: Client, name: str) -> str:
    order = OrderPlace(
        req_id=1,
        client_order_id=name,
        symbol=SYMBOL,
        side="buy",
        order_type="limit",
        qty=1,
        price_ucr=100,
    )
    await client.request(order, timeout_s=5)
    return name


def test_sigterm_says_goodbye_and_exits_0(tmp_path: Path) -> None:
    create_exchange(tmp_path / "data")
    server = ServerProcess(tmp_path / "data")

    async def main() -> None:
        url = await server.url()
        async with raw(url) as listener:
            await listener.frame()
            await listener.ask("subscribe", channel="instruments")
            await listener.frame()
            server.process.terminate()
            while (frame := await listener.frame())["type"] == "heartbeat":
                pass
            assert frame["type"] == "shutdown"
            await asyncio.wait_for(listener.drained(), DEADLINE_S)
            assert listener.connection.close_code == 1001

    asyncio.run(main())
    assert server.end() == (0, "")
    assert not server.ready_file.exists(), "nobody is ready"


def test_a_reader_that_never_reads_is_cut_and_harms_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as server:
            async with Client(server.url, OPERATOR) as operator:
                await add_account(operator, "bob")
            async with raw(server.url) as deaf, Client(server.url, key_of("bob")) as bob:
                await deaf.log_in(key_of("bob"))
                await deaf.ask("subscribe", channel="account")
                deaf.connection.transport.pause_reading()
                loop = asyncio.get_running_loop()
                began_s, number = loop.time(), 0
                while len(server.pump.connections) > 1:
                    assert loop.time() - began_s < DEADLINE_S, "the deaf reader is still there"
                    await asyncio.gather(*[place(bob, f"b{number + n}") for n in range(100)])
                    number += 100
                deaf.connection.transport.abort()
                assert number > 100

    asyncio.run(main())


def test_a_start_with_nothing_to_do_writes_one_row_and_idles(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as server, Client(server.url, OPERATOR) as operator:
            await operator.request(AdminBalances(req_id=1))
            with pytest.raises(Refused):
                await operator.request(AdminAccount(req_id=1, account="fees", name="x"))

    for run in range(2):
        asyncio.run(main())
        rows = journal_rows(tmp_path / "data")
        assert len(rows) == 2 + run
        assert all(isinstance(read_command(row), Command) for row in rows)
