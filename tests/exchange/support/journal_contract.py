"""What every journal keeps, and every store reads back: one suite for SQLite and PostgreSQL.

A test file defines the fixture ``place`` and a class that inherits the suite.
"""

import asyncio
from typing import Protocol

import pytest

from exchange.journal.chain import checked
from exchange.journal.rows import AccountRow, JournalRow
from exchange.storage.snapshots import SnapshotError, SnapshotFile
from exchange.storage.sqlite_journal import DataDirError
from exchange.storage.store import Store
from exchange.units import MS_PER_DAY, MS_PER_HOUR

NOW_MS = 100 * MS_PER_DAY
FIRST = JournalRow(1, 5, b"first")


class OpenJournal(Protocol):
    """An open journal, as a serving exchange uses it."""

    @property
    def chain(self) -> bytes: ...
    async def open(self) -> None: ...
    async def append(self, rows: list[JournalRow], accounts: list[AccountRow]) -> None: ...
    async def account_rows(
        self, account: str, after: int, upto: int, limit: int
    ) -> list[AccountRow]: ...
    async def kept_from(self, now_ms: int) -> dict[str, int]: ...
    async def forget(self, now_ms: int) -> bool: ...
    async def close(self) -> None: ...


class Place(Protocol):
    """Where a journal is: it can be made, written and read back."""

    @property
    def store(self) -> Store: ...
    def create(self, rows: list[JournalRow]) -> None: ...
    def journal(self, last_chain: bytes) -> OpenJournal: ...


def rows(first: int, count: int) -> list[JournalRow]:
    return [JournalRow(seq, seq * 10, b"row %d\0\xff" % seq) for seq in range(first, first + count)]


def frames(account: str, first: int, last: int, ts_ms: int = NOW_MS) -> AccountRow:
    return AccountRow(account, first, last, ts_ms, f"{account} {first}".encode())


def last_chain(place: Place) -> bytes:
    return list(place.store.rows(0))[-1][4]


def run(place: Place, *batches: tuple[list[JournalRow], list[AccountRow]]) -> bytes:
    """Append each batch in one run; returns the last digest."""

    async def ran() -> bytes:
        journal = place.journal(last_chain(place))
        await journal.open()
        for batch in batches:
            await journal.append(*batch)
        await journal.close()
        return journal.chain

    return asyncio.run(ran())


def snapshot(seq: int, memory: bytes) -> SnapshotFile:
    """Return a snapshot of an empty state."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    return SnapshotFile(1, seq, 5, b"c" * 32, empty, b"", memory)


class JournalContract:
    """The suite."""

    def test_rows_come_back_as_they_were_with_their_chain(self, place: Place) -> None:
        place.create([FIRST])
        chain = run(place, (rows(2, 3), []), (rows(5, 2_500), []))
        assert [row for row, _ in checked(place.store.rows())] == [FIRST, *rows(2, 2_503)]
        assert place.store.chain_of(2_504) == chain
        assert place.store.chain_of(2_505) is None
        assert [row[0] for row in place.store.rows(2_500)] == [2_501, 2_502, 2_503, 2_504]
        assert list(place.store.rows(9_999)) == []

    def test_the_next_run_goes_on_behind_the_last_row(self, place: Place) -> None:
        place.create([FIRST])
        run(place, (rows(2, 1), [frames("bob", 1, 1)]))
        run(place, (rows(3, 1), [frames("bob", 2, 2)]))
        assert [row.seq for row, _ in checked(place.store.rows())] == [1, 2, 3]
        with place.store.frames() as stored:
            assert (stored.upto_seq, stored.first) == (3, {"bob": 1})
            assert list(stored.rows) == [("bob", 1, 1, b"bob 1"), ("bob", 2, 2, b"bob 2")]

    def test_there_is_one_exchange_at_a_place(self, place: Place) -> None:
        with pytest.raises(DataDirError, match="no exchange here; run `exchange init`"):
            place.store.require()
        place.create([FIRST])
        with pytest.raises(DataDirError, match="holds an exchange already"):
            place.create([JournalRow(1, 6, b"other")])
        place.store.require()
        assert [row[3] for row in place.store.rows()] == [b"first"]

    def test_frames_of_an_account_are_found_by_number(self, place: Place) -> None:
        place.create([FIRST])
        told = [frames("bob", 1, 3), frames("amy", 1, 1), frames("bob", 4, 4), frames("bob", 5, 9)]

        async def asked() -> list[list[AccountRow]]:
            journal = place.journal(last_chain(place))
            await journal.open()
            await journal.append(rows(2, 1), told)
            wanted = [("bob", 2, 5, 9), ("bob", 0, 99, 2), ("amy", 1, 9, 9), ("eve", 0, 9, 9)]
            found = [await journal.account_rows(*one) for one in wanted]
            await journal.close()
            return found

        bob = [told[0], *told[2:]]
        assert asyncio.run(asked()) == [bob, bob[:2], [], []]

    def test_old_frames_are_forgotten_but_for_the_last(self, place: Place) -> None:
        place.create([FIRST])
        old_ms = NOW_MS - 7 * MS_PER_DAY - 2 * MS_PER_HOUR
        ages = [("amy", old_ms), ("amy", NOW_MS), ("bob", old_ms)]
        told = [frames(name, n, n, ms) for n, (name, ms) in enumerate(ages, 1)]

        async def asked() -> tuple[dict[str, int], list[bool]]:
            journal = place.journal(last_chain(place))
            await journal.open()
            await journal.append(rows(2, 1), told)
            kept = await journal.kept_from(NOW_MS)
            more = [await journal.forget(NOW_MS) for _ in range(2)]
            await journal.close()
            return kept, more

        assert asyncio.run(asked()) == ({"amy": 2}, [False, False])
        with place.store.frames() as stored:
            assert [row[:2] for row in stored.rows] == [("amy", 2), ("bob", 3)]

    def test_the_newest_two_snapshots_stay(self, place: Place) -> None:
        place.create([FIRST])
        made = [snapshot(seq, b"x" * size) for seq, size in ((3, 9), (7, 3_000_000), (12, 0))]
        sizes = [place.store.write_snapshot(one) for one in made]
        assert sizes[1] > 3_000_000
        assert place.store.snapshots() == [12, 7]
        assert [place.store.read_snapshot(seq) for seq in (7, 12)] == made[1:]
        with pytest.raises(SnapshotError):
            place.store.read_snapshot(3)
