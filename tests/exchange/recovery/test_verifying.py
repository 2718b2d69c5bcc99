"""Verifying with children beside: whoever is first to find something, the journal's first fault is
told; no child is left, whatever happens; and where there is no child, all the same.
"""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from exchange.engine.engine import Engine
from exchange.journal.chain import ORIGIN, BrokenChainError, link
from exchange.recovery.beside import Beside
from exchange.recovery.verifying import verified
from exchange.storage import snapshots
from exchange.storage.snapshots import SnapshotError
from exchange.storage.sqlite_journal import DataDirError
from exchange.storage.sqlite_store import SqliteStore
from tests.exchange.recovery.test_snapshots import data_dir, traded

__all__ = ["data_dir", "traded"]

BODY = "UPDATE journal SET body = x'00' WHERE seq = ?"
DIGEST = "UPDATE journal SET chain = zeroblob(32) WHERE seq = ?"


def spoil(data_dir: Path, *statements: tuple[str, int]) -> None:
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        for sql, seq in statements:
            assert database.execute(sql, (seq,)).rowcount == 1
        database.commit()


def another_state(data_dir: Path, path: Path) -> int:
    """Make a sound snapshot of another state out of ``path``; returns its row."""
    snapshot = snapshots.read(path)
    engine = Engine.restore(snapshot.state)
    engine.state.ledger.accounts["alice"].available_ucr += 1
    state, state_hash = engine.snapshot(), engine.state_hash()
    snapshots.write(data_dir, msgspec.structs.replace(snapshot, state=state, state_hash=state_hash))
    return snapshot.seq


def children() -> set[str]:
    """Return the processes that this one started and that are not gone."""
    tasks = Path("/proc/self/task").iterdir()
    return {pid for task in tasks for pid in (task / "children").read_text().split()}


def told(data_dir: Path) -> str:
    """Return what verifying says of a spoilt journal, and see that it left no child."""
    before = children()
    with pytest.raises((BrokenChainError, DataDirError, SnapshotError)) as caught:
        verified(SqliteStore(data_dir))
    assert children() <= before
    return str(caught.value)


def test_of_one_row_the_digest_is_told_not_what_its_replay_met(data_dir: Path) -> None:
    spoil(data_dir, (BODY, 50))
    assert told(data_dir) == "journal row 50: its hash does not agree with its contents"


def test_a_row_that_no_replay_takes_is_told_when_its_digest_is_right(data_dir: Path) -> None:
    """The rows before it are sound, those behind it are not."""
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        previous = ORIGIN
        sql = "SELECT seq, now_ms, rules, body FROM journal ORDER BY seq LIMIT 50"
        for seq, now_ms, rules, body in database.execute(sql).fetchall():
            taken = b"\x00" if seq == 50 else body
            previous = link(previous, seq, now_ms, rules, taken)
        found = (b"\x00", previous, 50)
        database.execute("UPDATE journal SET body = ?, chain = ? WHERE seq = ?", found)
        database.commit()
    assert told(data_dir).startswith("journal row 50: is no command: ")


@pytest.mark.parametrize("sql", [BODY, DIGEST])
def test_the_first_of_two_faults_is_told(data_dir: Path, sql: str) -> None:
    """Of a snapshot's state and a digest, in both orders."""
    _, older = snapshots.newest_first(data_dir)
    seq = another_state(data_dir, older)
    spoil(data_dir, (sql, seq + 20))
    assert told(data_dir) == f"snapshot {seq}: is not what the journal's rows lead to"
    spoil(data_dir, (sql, seq))
    assert told(data_dir) == f"journal row {seq}: its hash does not agree with its contents"


def test_a_missing_row_is_told_by_its_number(data_dir: Path) -> None:
    spoil(data_dir, ("DELETE FROM journal WHERE seq = ?", 60))
    assert told(data_dir) == "journal row 60: is missing; the next row is 61"


def test_without_a_child_all_is_found_as_well(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = verified(SqliteStore(data_dir)).state_hash

    def fork() -> int:
        raise BlockingIOError(11, "no more processes")

    monkeypatch.setattr(os, "fork", fork)
    assert verified(SqliteStore(data_dir)).state_hash == wanted
    spoil(data_dir, (DIGEST, 70))
    assert told(data_dir) == "journal row 70: its hash does not agree with its contents"


def test_rows_are_seen_as_they_are_worked_off(data_dir: Path) -> None:
    seen: list[tuple[int, int]] = []
    loaded = verified(SqliteStore(data_dir), look=lambda *rows: seen.append(rows))
    last = loaded.engine.seq
    assert seen[-1] == (last, last)
    assert seen == sorted(seen)


def test_whoever_stops_it_leaves_no_child(data_dir: Path) -> None:
    def stop(done: int, whole: int) -> None:
        raise KeyboardInterrupt

    before = children()
    with pytest.raises(KeyboardInterrupt):
        verified(SqliteStore(data_dir), look=stop)
    assert children() <= before


def test_a_child_hands_back_what_it_found() -> None:
    before = children()
    with Beside(lambda: "x" * 200_000, str) as child:
        assert child.result() == child.result() == "x" * 200_000
    assert children() <= before


def test_a_child_that_was_ended_is_one_line() -> None:
    def end() -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return ""

    before = children()
    with Beside(end, str) as child, pytest.raises(DataDirError, match=r"this one ended with -9$"):
        child.result()
    assert children() <= before
