"""What is kept of the past, by age: the same answers while the exchange runs for weeks, after a
restart, and after the history was built anew or lost.

Seen to fail while a running exchange dropped frames and went on as if it had them (a silent gap in
the replay, and close 1011), and while a lost history began with the last 7 days.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from exchange.client import Client
from exchange.recovery.loading import load
from exchange.recovery.rebuild import rebuild
from exchange.server.clock import SystemClock
from exchange.server.server import ExchangeServer, Settings
from exchange.storage.history import FILE_NAME
from exchange.storage.sqlite_journal import DataLock, SqliteJournal
from exchange.storage.sqlite_store import SqliteStore
from exchange.units import MS_PER_DAY, MS_PER_HOUR
from exchange.wire.admin_requests import AdminDeposit
from exchange.wire.close_codes import CLOSE_INTERNAL
from exchange.wire.requests import AccountStatement
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    add_account,
    create_exchange,
    key_of,
    raw,
    until,
)

START_MS = 1_800_000_000_000 // MS_PER_DAY * MS_PER_DAY
DEPOSITS = {0: 3, 3: 3, 6: 2}
"""How many are made on which day; each is one frame of bob's."""
LAST = 9
"""The number of his last frame: opening the account makes the first."""


class Calendar(SystemClock):
    """A clock that a test sets; the real time that passes is added."""

    def __init__(self, last_ms: int) -> None:
        super().__init__(last_ms)
        self._ahead_ms = last_ms - super().now_ms()

    def now_ms(self) -> int:
        return super().now_ms() + self._ahead_ms

    def turn_to(self, at_ms: int) -> None:
        self._ahead_ms += at_ms - self.now_ms()


class CountingJournal(SqliteJournal):
    """Counts how often it was asked what is kept; the gateway is told at once."""

    asked = 0

    async def kept_from(self, now_ms: int) -> dict[str, int]:
        oldest = await super().kept_from(now_ms)
        self.asked += 1
        return oldest


class Weeks(ExchangeServer):
    """A server whose time is a test's."""

    def make_clock(self, last_ms: int) -> SystemClock:
        self.calendar = Calendar(last_ms)
        return self.calendar

    def make_journal(self, data_dir: Path, last_chain: bytes) -> SqliteJournal:
        self.counted = CountingJournal(data_dir, last_chain)
        return self.counted

    async def live_until(self, at_ms: int) -> None:
        """Let time pass, until the frames that are too old by then are dropped."""
        self.calendar.turn_to(at_ms)
        before = self.counted.asked
        self.pump.submit(lambda _: None)
        await until(lambda: self.counted.asked > before)


@asynccontextmanager
async def serving(data_dir: Path) -> AsyncIterator[Weeks]:
    settings = Settings(data_dir=data_dir, host="127.0.0.1", port=0)
    with DataLock(data_dir):
        server = Weeks(settings, load(SqliteStore(data_dir)))
        await server.open()
        task = asyncio.create_task(server.run())
        try:
            yield server
        finally:
            server.stop()
            assert await asyncio.wait_for(task, DEADLINE_S) == 0


async def answers(server: Weeks) -> dict[int, Any]:
    """Return, by ``resume_from``, the numbers of the frames that follow, or the refusal."""
    found: dict[int, Any] = {}
    for resume_from in range(LAST + 1):
        async with raw(server.url) as bob:
            await bob.log_in(key_of("bob"))
            fields = {"channel": "account", "resume_from": resume_from}
            reply = await bob.ask("subscribe", **fields)
            if reply["type"] == "error":
                found[resume_from] = reply["reason"]
                continue
            wanted = LAST - resume_from
            found[resume_from] = [(await bob.frame())["account_seq"] for _ in range(wanted)]
    return found


def expected(oldest: int) -> dict[int, Any]:
    """Return what `answers` must be when ``oldest`` is the first frame that is kept."""
    return {
        number: list(range(number + 1, LAST + 1)) if number + 1 >= oldest else "too_old"
        for number in range(LAST + 1)
    }


async def statements(server: Weeks) -> list[dict[str, Any]]:
    async with Client(server.url, key_of("bob")) as bob:
        page = await bob.request(AccountStatement(req_id=1, kind="postings"))
        rows: list[dict[str, Any]] = page["rows"]
        return rows


async def first_week(data_dir: Path) -> None:
    create_exchange(data_dir, at_ms=START_MS)
    async with serving(data_dir) as server:
        async with Client(server.url, OPERATOR) as operator:
            await add_account(operator, "bob", 1)
        for day, count in DEPOSITS.items():
            if day:
                await server.live_until(START_MS + day * MS_PER_DAY)
            async with Client(server.url, OPERATOR) as operator:
                for number in range(count):
                    ref = f"{day}-{number}"
                    await operator.request(
                        AdminDeposit(req_id=1, account="bob", amount_ucr=1, ref=ref)
                    )


AGES = {
    "all of it": (6 * MS_PER_DAY + MS_PER_HOUR, 1),
    "to the hour": (7 * MS_PER_DAY, 1),
    "the first day is over": (7 * MS_PER_DAY + MS_PER_HOUR, 5),
    "and dropped, the fourth is not": (10 * MS_PER_DAY, 5),
    "nothing is kept": (20 * MS_PER_DAY, LAST + 1),
}
"""How long after the start, and the oldest frame that is kept then."""


def test_frames_that_are_missing_are_never_skipped(tmp_path: Path) -> None:
    """(Seen to fail: frame 5 followed frame 3.)"""
    data_dir = tmp_path / "data"

    async def main() -> None:
        await first_week(data_dir)
        with closing(sqlite3.connect(data_dir / "journal.db")) as database:
            database.execute("DELETE FROM account_frames WHERE account = 'bob' AND first_seq = 4")
            database.commit()
        async with serving(data_dir) as server, raw(server.url) as bob:
            await bob.log_in(key_of("bob"))
            reply = await bob.ask("subscribe", channel="account", resume_from=0)
            assert reply["type"] == "ack"
            with pytest.raises(ConnectionClosedError) as closed:
                await bob.frame()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == CLOSE_INTERNAL

    asyncio.run(main())


async def looked(server: Weeks, oldest: int) -> None:
    assert await answers(server) == expected(oldest)
    assert [row["account_seq"] for row in await statements(server)] == list(range(1, LAST + 1))


def test_the_past_is_the_same_before_and_after_a_restart_and_a_rebuild(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"

    async def main() -> None:
        await first_week(data_dir)
        for age_ms, oldest in AGES.values():
            async with serving(data_dir) as server:
                await server.live_until(START_MS + age_ms)
                await looked(server, oldest)
            async with serving(data_dir) as server:
                await looked(server, oldest)
            rebuild(data_dir)
            async with serving(data_dir) as server:
                await looked(server, oldest)
        (data_dir / FILE_NAME).unlink()
        async with serving(data_dir) as server:
            await looked(server, oldest)

    asyncio.run(main())
