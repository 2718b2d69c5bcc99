"""EIO and ENOSPC at the Nth write or sync: exit 70, and nothing acknowledged is lost.

strace makes the system call fail, so all of SQLite, the journal and the pump are the real ones.
More rows may be stored than were acknowledged; none may be missing or there twice. The error does
not go away, as on a disk that died. HEADROOM_DISK_FAULTS changes the number of faults.
Seen to fail when `SqliteJournal.append` swallows the error: orders are acknowledged and gone.
"""

import asyncio
import json
import os
import random
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from exchange.client import Client, Unknown, Unreachable
from exchange.journal.replay import read_command
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
    running,
    until,
)

FAULTS = int(os.environ.get("HEADROOM_DISK_FAULTS", "2"))
"""Of each kind."""
IN_FLIGHT = 32
KINDS = [("fdatasync", "EIO"), ("pwrite64", "EIO"), ("pwrite64", "ENOSPC")]
LATEST = {"fdatasync": 80, "pwrite64": 400}
SERVE = [sys.executable, str(ROOT / "headroom.py"), "exchange", "serve", "--log-level", "error"]


def failing(call: str, error: str, first: int) -> list[str]:
    """Return a command that serves, and whose ``first`` such call and all later ones fail."""
    inject = f"inject={call}:error={error}:when={first}+"
    options = ["-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "signal=none"]
    return ["strace", *options, "-e", f"trace={call}", "-e", inject, *SERVE]


@pytest.mark.parametrize(("call", "error"), KINDS)
def test_a_disk_that_fails_ends_with_70_and_loses_nothing(
    tmp_path: Path, call: str, error: str
) -> None:
    for number in range(FAULTS):
        data_dir = tmp_path / str(number)
        asyncio.run(prepared(data_dir))
        first = random.Random(f"{call}/{error}/{number}").randrange(1, LATEST[call])
        acked = one_fault(data_dir, failing(call, error, first))
        held_and_whole(data_dir, acked)


def test_a_snapshot_that_cannot_be_stored_ends_with_70(tmp_path: Path) -> None:
    """SQLite syncs with fdatasync, snapshots with fsync: only they fail here."""
    data_dir = tmp_path / "data"
    asyncio.run(prepared(data_dir))
    before = sorted(data_dir.glob("snapshot-*"))
    acked = one_fault(data_dir, failing("fsync", "EIO", 1), "--snapshot-every", "50")
    assert sorted(data_dir.glob("snapshot-*[0-9]")) == before
    held_and_whole(data_dir, acked)


async def prepared(data_dir: Path) -> None:
    create_exchange(data_dir)
    async with running(data_dir) as server, Client(server.url, OPERATOR) as operator:
        await add_account(operator, "bob")


def one_fault(data_dir: Path, program: list[str], *options: str) -> set[str]:
    """Serve until the fault ends it, under load; returns the acknowledged orders."""
    server = ServerProcess(data_dir, "--listen", "127.0.0.1:0", *options, program=program)
    acked: set[str] = set()

    async def work(bob: Client, worker: int) -> None:
        for number in range(100_000):
            name = f"b-{worker}-{number}"
            try:
                await bob.request(bid(name), timeout_s=DEADLINE_S)
            except Unknown:
                return
            acked.add(name)

    async def load() -> None:
        """The fault may come so early that nobody can connect."""
        await until(lambda: server.ready_file.exists() or server.process.poll() is not None)
        with suppress(Unreachable, FileNotFoundError):
            url = json.loads(server.ready_file.read_text())["url"]
            async with Client(url, key_of("bob")) as bob:
                await asyncio.gather(*[work(bob, worker) for worker in range(IN_FLIGHT)])

    asyncio.run(load())
    code, errors = server.end()
    assert code == 70, errors
    told = errors.splitlines()[-1]
    stopped = " ERROR the exchange stops, exit code 70: " in told
    assert stopped or (not acked and told.startswith(f"headroom: {data_dir}/"))  # never served
    assert "Traceback" not in errors
    return acked


def bid(name: str) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id=name,
        symbol=SYMBOL,
        side="buy",
        order_type="limit",
        qty=1,
        price_ucr=100,
    )


def held_and_whole(data_dir: Path, acked: set[str]) -> None:
    """Every acknowledged order is in the journal once, and the exchange starts again."""
    messages = [read_command(row).message for row in journal_rows(data_dir)]
    names = [message.client_order_id for message in messages if isinstance(message, OrderPlace)]
    assert len(names) == len(set(names))
    assert acked <= set(names)
    assert headroom("exchange", "verify", "--data", str(data_dir))[0] == 0
    asyncio.run(again(data_dir, sorted(acked)[:5]))


async def again(data_dir: Path, names: list[str]) -> None:
    async with running(data_dir) as server, Client(server.url, key_of("bob")) as bob:
        for name in names:
            assert (await bob.request(bid(name)))["duplicate"]
