"""Snapshots: a start from one is the replay of all, a bad one is noticed, and none is in the way.

Seen to fail on a planted bug: candles left out of `Feed.recall`.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from exchange.engine.engine import Engine
from exchange.journal.chain import BrokenChainError
from exchange.recovery import past
from exchange.recovery.frame_check import frame_check
from exchange.recovery.loading import Loaded, load, replayed
from exchange.recovery.verifying import verified
from exchange.server.server import ExchangeServer, Settings
from exchange.storage import snapshots
from exchange.storage.snapshots import SnapshotError, SnapshotFile
from exchange.storage.sqlite_journal import DataDirError, DataLock
from exchange.storage.sqlite_store import SqliteStore
from tests.exchange.support.harness import (
    DEADLINE_S,
    ServerProcess,
    create_exchange,
    headroom,
    running,
    until,
)
from tests.exchange.support.trading import trade, traders

EVERY = 100
ORDERS = 300


def newest(data_dir: Path) -> list[Path]:
    return snapshots.newest_first(data_dir)[:1]


def newer(data_dir: Path, before: list[Path]) -> bool:
    return newest(data_dir) > before


@asynccontextmanager
async def serving(data_dir: Path) -> AsyncIterator[ExchangeServer]:
    """Serve with frequent snapshots; on leaving, the exchange has ended orderly."""
    settings = Settings(data_dir=data_dir, host="127.0.0.1", port=0, snapshot_every=EVERY)
    with DataLock(data_dir):
        server = ExchangeServer(settings, load(SqliteStore(data_dir)))
        await server.open()
        task = asyncio.create_task(server.run())
        yield server
        server.stop()
        assert await asyncio.wait_for(task, DEADLINE_S) == 0


async def session(data_dir: Path) -> None:
    """Serve with frequent snapshots, trade until there are two, and end orderly."""
    if not (data_dir / "journal.db").exists():
        create_exchange(data_dir)
    async with serving(data_dir) as server, traders(server.url) as (alice, bob):
        for seed in ("first", "second"):
            before = newest(data_dir)
            flows = trade(alice, "alice", ORDERS, seed), trade(bob, "bob", ORDERS, seed)
            await asyncio.gather(*flows)
            await until(partial(newer, data_dir, before))


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with some trading in it and its last two snapshots."""
    data_dir = tmp_path_factory.mktemp("traded") / "data"
    asyncio.run(session(data_dir))
    return data_dir


@pytest.fixture
def data_dir(traded: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    for path in traded.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def facts(loaded: Loaded) -> tuple[int, int, str, bytes, bytes]:
    """Return all that a start brings back."""
    engine, feed = loaded.engine, loaded.gateway.feed
    return loaded.last_ms, engine.seq, engine.state_hash(), loaded.last_chain, feed.memory()


def test_a_start_from_a_snapshot_is_the_replay_of_every_row(data_dir: Path) -> None:
    latest, older = snapshots.newest_first(data_dir)
    whole = replayed(SqliteStore(data_dir))
    assert whole.engine.state.counters.trade > EVERY
    from_newest = load(SqliteStore(data_dir))
    assert from_newest.restored_seq == from_newest.engine.seq, "the orderly end took the last one"
    latest.unlink()
    with_tail = load(SqliteStore(data_dir))
    assert 0 < with_tail.restored_seq == snapshots.read(older).seq < with_tail.engine.seq
    assert facts(whole) == facts(from_newest) == facts(with_tail)
    assert headroom("exchange", "verify", "--data", str(data_dir))[0] == 0


def test_other_names_beside_the_snapshots_are_nobodys_business(data_dir: Path) -> None:
    """Seen to fail while any name that begins like a snapshot's was taken for one."""
    names = snapshots.newest_first(data_dir)
    latest = names[0].read_bytes()
    for stray in ("snapshot-40.bak", "snapshot-40", f"{names[0].name}.gz", "snapshot-"):
        (data_dir / stray).write_bytes(latest)
    assert snapshots.newest_first(data_dir) == names

    async def served() -> None:
        async with running(data_dir):
            pass

    asyncio.run(served())
    assert (data_dir / "snapshot-40.bak").read_bytes() == latest, "not ours to delete"
    assert headroom("exchange", "verify", "--data", str(data_dir))[0] == 0


def test_a_damaged_snapshot_is_passed_over_and_verify_says_so(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    latest, older = snapshots.newest_first(data_dir)
    whole = facts(replayed(SqliteStore(data_dir)))
    for count, path in enumerate((latest, older), 1):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        loaded = load(SqliteStore(data_dir))
        assert facts(loaded) == whole
        assert (loaded.restored_seq == 0) == (path is older)
        assert caplog.text.count("snapshot not used: ") == count
        caplog.clear()
        code, _, errors = headroom("exchange", "verify", "--data", str(data_dir))
        assert (code, len(errors.splitlines())) == (1, 1)
        assert "hash does not agree" in errors


def relaid(path: Path) -> None:
    """Write the snapshot as a release would whose state has other rows, hashes all right."""
    state = msgspec.msgpack.encode([1, [2, 3], "another layout"])
    digest = sha256(state).hexdigest()
    snapshot = snapshots.read(path)
    snapshots.write(path.parent, msgspec.structs.replace(snapshot, state=state, state_hash=digest))


def from_another_release(path: Path) -> None:
    body = path.read_bytes()[: -sha256().digest_size]
    body = body.replace(b"headroom-snapshot-%d\n" % snapshots.LAYOUT, b"headroom-snapshot-1\n")
    path.write_bytes(body + sha256(body).digest())


@pytest.mark.parametrize("change", [relaid, from_another_release])
def test_a_snapshot_that_cannot_be_restored_is_passed_over(
    data_dir: Path, caplog: pytest.LogCaptureFixture, change: Callable[[Path], None]
) -> None:
    """Seen to fail with a traceback while only a file's hashes were looked at."""
    latest, older = snapshots.newest_first(data_dir)
    whole = facts(replayed(SqliteStore(data_dir)))
    change(latest)
    loaded = load(SqliteStore(data_dir))
    assert (loaded.restored_seq, facts(loaded)) == (snapshots.read(older).seq, whole)
    change(older)
    loaded = load(SqliteStore(data_dir))
    assert (loaded.restored_seq, facts(loaded)) == (0, whole)
    assert caplog.text.count("snapshot not used: ") == 3


def test_verify_does_not_take_another_releases_snapshot_for_damage(data_dir: Path) -> None:
    """Nor does it keep a new one from being written, at the first start of a release."""
    latest, older = snapshots.newest_first(data_dir)
    for path in (latest, older):
        from_another_release(path)
    code, _, told = headroom("exchange", "verify", "--data", str(data_dir))
    assert (code, told.count("another release's"), len(told.splitlines())) == (0, 2, 2)

    async def served() -> None:
        async with serving(data_dir):
            pass

    asyncio.run(served())
    assert load(SqliteStore(data_dir)).restored_seq > 0


def test_a_snapshot_ahead_of_the_rows_is_not_used_and_verify_says_so(data_dir: Path) -> None:
    latest, _ = snapshots.newest_first(data_dir)
    seq = snapshots.read(latest).seq
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        database.execute("DELETE FROM journal WHERE seq > ?", (seq - 1,))
        database.commit()
    loaded = load(SqliteStore(data_dir))
    assert (loaded.engine.seq, loaded.restored_seq < seq) == (seq - 1, True)
    code, _, errors = headroom("exchange", "verify", "--data", str(data_dir))
    assert (code, len(errors.splitlines())) == (1, 1)
    assert "runs ahead of the journal" in errors


SPOILT = [
    "UPDATE journal SET now_ms = now_ms + 1 WHERE seq = ?",
    "UPDATE journal SET rules = 2 WHERE seq = ?",
    "UPDATE journal SET body = zeroblob(length(body)) WHERE seq = ?",
    "UPDATE journal SET chain = randomblob(32) WHERE seq = ?",
    "DELETE FROM journal WHERE seq = ?",
]


def started(store: SqliteStore) -> None:
    """Do what a start does, and what the exchange does behind it."""
    past.check(store, load(store).restored_seq)


def test_an_exchange_ends_when_its_past_is_spoilt(data_dir: Path) -> None:
    """(Seen to fail without the child: it goes on serving.)"""
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        database.execute(SPOILT[2], (2,))
        database.commit()
    server = ServerProcess(data_dir, "--listen", "127.0.0.1:0")
    _, errors = server.process.communicate(timeout=DEADLINE_S)
    assert server.process.returncode == 1
    assert "journal row 2: its hash does not agree with its contents" in errors


@pytest.mark.parametrize("sql", SPOILT)
def test_a_spoilt_row_is_found_wherever_it_is(data_dir: Path, sql: str) -> None:
    """By `verify` and by a start, also before the snapshot that the start takes its state from.

    Those the exchange checks when it serves already. Seen to fail without that check.
    """
    latest, older = snapshots.newest_first(data_dir)
    latest.unlink()
    seq = load(SqliteStore(data_dir)).restored_seq
    assert seq == snapshots.read(older).seq
    journal = data_dir / "journal.db"
    sound = journal.read_bytes()
    for spoilt in (2, seq - 1, seq + 1, seq + 9):
        journal.write_bytes(sound)
        with closing(sqlite3.connect(journal)) as database:
            database.execute(sql, (spoilt,))
            database.commit()
        for read in (started, verified):
            with pytest.raises(BrokenChainError, match=f"row {spoilt}: "):
                read(SqliteStore(data_dir))


FRAMES = [
    "UPDATE account_frames SET first_seq = first_seq + 1 WHERE rowid = :row",
    "UPDATE account_frames SET last_seq = last_seq - 1 WHERE rowid = :row",
    "UPDATE account_frames SET last_seq = last_seq + 1000000 WHERE rowid = :row",
    "UPDATE account_frames SET account = 'nobody' WHERE rowid = :row",
    "DELETE FROM account_frames WHERE rowid = :row",
    "DELETE FROM account_frames WHERE rowid > :row",
    "INSERT INTO account_frames SELECT * FROM account_frames WHERE rowid = :row",
]


@pytest.mark.parametrize("sql", FRAMES)
def test_spoilt_account_frames_are_found_by_verify(data_dir: Path, sql: str) -> None:
    """Seen to fail before stored frames were held against those of the replay."""
    assert verified(SqliteStore(data_dir)).engine.seq > 0
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        middle = database.execute("SELECT max(rowid) / 2 FROM account_frames").fetchone()[0]
        database.execute(sql, {"row": middle})
        database.commit()
    code, _, errors = headroom("exchange", "verify", "--data", str(data_dir))
    assert (code, len(errors.splitlines())) == (1, 1)
    assert "journal.db: account frames of " in errors


def test_a_damaged_first_number_keeps_verify_from_nothing(data_dir: Path) -> None:
    """Seen to spin for hours while the numbers of a row said how often to go round."""
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        sql = "UPDATE account_frames SET first_seq = ? WHERE rowid = 1"
        assert database.execute(sql, (-(10**12),)).rowcount == 1
        database.commit()
    with pytest.raises(DataDirError, match="account frames of "):
        verified(SqliteStore(data_dir))


def test_one_flipped_bit_in_an_account_frame_is_found_anywhere(data_dir: Path) -> None:
    """Each byte of one stored row in turn; without the comparison none of them was."""
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        chosen = "SELECT max(rowid), body FROM account_frames WHERE length(body) < 100"
        row, body = database.execute(chosen).fetchone()
        for at in range(len(body)):
            spoilt = body[:at] + bytes((body[at] ^ 1,)) + body[at + 1 :]
            database.execute("UPDATE account_frames SET body = ? WHERE rowid = ?", (spoilt, row))
            database.commit()
            with pytest.raises(DataDirError, match="account frames of "):
                verified(SqliteStore(data_dir))


def test_a_journal_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    """Seen to fail while the file was opened outside of what tells its errors."""
    with (
        pytest.raises(DataDirError, match=r"journal\.db: unable to open"),
        frame_check(SqliteStore(tmp_path)),
    ):
        pass


def test_frames_that_were_dropped_by_age_are_not_missed(data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        last = database.execute("SELECT max(rowid) FROM account_frames").fetchone()[0]
        for dropped in (last // 2, last - 1, last):
            sql = "DELETE FROM account_frames WHERE rowid <= ?"
            assert database.execute(sql, (dropped,)).rowcount > 0
            database.commit()
            verified(SqliteStore(data_dir))


def test_a_snapshot_of_something_else_is_found_by_verify(data_dir: Path) -> None:
    """Its hashes are right and its row is: only the replay shows that the state is another."""
    latest, _ = snapshots.newest_first(data_dir)
    snapshot = snapshots.read(latest)
    engine = Engine.restore(snapshot.state)
    engine.state.ledger.accounts["alice"].available_ucr += 1
    other = msgspec.structs.replace(
        snapshot, state=engine.snapshot(), state_hash=engine.state_hash()
    )
    snapshots.write(data_dir, other)
    assert snapshots.read(latest) == other
    code, _, errors = headroom("exchange", "verify", "--data", str(data_dir))
    assert (code, len(errors.splitlines())) == (1, 1)
    assert "is not what the journal's rows lead to" in errors


def test_a_snapshot_of_another_journal_is_not_used(data_dir: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    create_exchange(other)
    latest, _ = snapshots.newest_first(data_dir)
    snapshot = snapshots.read(latest)
    snapshots.write(other, msgspec.structs.replace(snapshot, seq=1))
    loaded = load(SqliteStore(other))
    assert (loaded.engine.seq, loaded.restored_seq) == (1, 0)
    assert headroom("exchange", "verify", "--data", str(other))[0] == 1


def test_files_are_whole_or_absent_and_only_two_stay(tmp_path: Path) -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for seq in (9, 10, 11, 2):
        snapshots.write(tmp_path, SnapshotFile(1, seq, 5, b"c" * 32, empty, b"", b"m"))
    names = [path.name for path in snapshots.newest_first(tmp_path)]
    assert names == ["snapshot-0000000000000011", "snapshot-0000000000000010"]
    path = tmp_path / names[0]
    whole = path.read_bytes()
    assert snapshots.read(path).seq == 11
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(SnapshotError):
            snapshots.read(path)
    (tmp_path / "snapshot-0000000000000012.7.new").write_bytes(b"half")
    assert len(snapshots.newest_first(tmp_path)) == 2
    snapshots.drop_drafts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_killed_exchange_goes_on_from_its_snapshot(traded: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    create_exchange(data_dir)

    async def main() -> None:
        options = ("--listen", "127.0.0.1:0", "--snapshot-every", str(EVERY))
        server = ServerProcess(data_dir, *options)
        async with traders(await server.url()) as (alice, _):
            await trade(alice, "alice", ORDERS)
            await until(lambda: bool(snapshots.newest_first(data_dir)))
            during = json.loads(headroom("exchange", "verify", "--data", str(data_dir))[1])
            assert during["seq"] > ORDERS
        server.process.kill()
        server.end()

    asyncio.run(main())
    loaded = load(SqliteStore(data_dir))
    assert loaded.restored_seq > EVERY
    assert facts(loaded) == facts(replayed(SqliteStore(data_dir)))
