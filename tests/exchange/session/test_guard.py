"""A disk that fills up ends trading before it ends the journal; quarantined requests.

The disk is the real one: the marks are set just under what is free, and a file is what fills it.
"""

import asyncio
import os
import re
from pathlib import Path
from typing import get_args

import pytest

from exchange.client import Client, Refused
from exchange.recovery import quarantine
from exchange.recovery.loading import one_line
from exchange.session.guard import WINDING_DOWN, WRITES, Guard, digest
from exchange.storage.disk import DiskMarks, level
from exchange.storage.sqlite_journal import DataDirError
from exchange.wire.inbound import ClientMessage
from exchange.wire.requests import (
    AccountState,
    HostEnroll,
    OrderCancel,
    OrderPlace,
    Subscribe,
)
from exchange.wire.types import DiskLevel, Request
from tests.exchange.support.harness import DEADLINE_S, SYMBOL, ServerProcess, create_exchange
from tests.exchange.support.trading import traders

MIB = 1 << 20
ROOM_MIB = 256
"""How far a mark lies under what is free; the machine's other writers stay well below it."""

ORDER = OrderPlace(
    req_id=7,
    client_order_id="x",
    symbol=SYMBOL,
    side="buy",
    order_type="limit",
    qty=1,
    price_ucr=100,
)
CANCEL = OrderCancel(req_id=8, client_order_id="x")


def reason(guard: Guard, message: object) -> str | None:
    refused = guard.refusal("ann", message)
    return None if refused is None else refused.reason


@pytest.mark.parametrize(
    ("disk", "place", "cancel", "read"),
    [
        ("ok", None, None, None),
        ("cancel_only", "busy", None, None),
        ("halt", "busy", "busy", None),
    ],
)
def test_what_is_taken_at_each_level(
    disk: DiskLevel, place: str | None, cancel: str | None, read: str | None
) -> None:
    guard = Guard()
    guard.set_disk(disk)
    assert reason(guard, ORDER) == place
    assert reason(guard, CANCEL) == cancel
    assert reason(guard, AccountState(req_id=1)) == read
    assert reason(guard, Subscribe(req_id=1, channel="instruments")) == read


def test_the_tables_name_requests() -> None:
    requests = set(get_args(ClientMessage))
    assert requests >= WINDING_DOWN
    assert WRITES >= WINDING_DOWN
    assert HostEnroll in WRITES


def test_a_quarantined_request_is_known_by_all_but_its_req_id(tmp_path: Path) -> None:
    assert quarantine.read(tmp_path) == {}
    name = digest("ann", ORDER)
    error = one_line(AssertionError("no\nway"))
    entry = quarantine.Entry(name, 1_000, 5, "ann", "order.place", error, [])
    for _ in range(3):
        quarantine.add(tmp_path, entry)
    guard = Guard()
    guard.quarantined = quarantine.read(tmp_path)
    assert list(guard.quarantined) == [name]
    again = OrderPlace(
        req_id=99,
        client_order_id="x",
        symbol=SYMBOL,
        side="buy",
        order_type="limit",
        qty=1,
        price_ucr=100,
    )
    assert reason(guard, again) == "internal"
    assert guard.refusal("ben", again) is None
    assert guard.handling == ("ben", again)
    assert reason(guard, CANCEL) is None
    assert (tmp_path / "quarantine.jsonl").read_bytes().count(b"no way") == 1
    (tmp_path / "quarantine.jsonl").write_bytes(b'{"digest": 5}\n')
    with pytest.raises(DataDirError, match=r"quarantine\.jsonl"):
        quarantine.read(tmp_path)


def test_a_disk_that_fills_up_ends_trading_and_one_that_empties_begins_it_again(
    tmp_path: Path,
) -> None:
    data_dir, ballast = tmp_path / "data", tmp_path / "ballast"
    create_exchange(data_dir)
    free_mib = level_mib(tmp_path)
    marks = (
        *("--disk-cancel-only-mib", str(free_mib - ROOM_MIB)),
        *("--disk-halt-mib", str(free_mib - 3 * ROOM_MIB)),
    )

    async def answer(client: Client, message: Request) -> str:
        try:
            await client.request(message)
        except Refused as refused:
            return refused.reason
        return "done"

    async def answers(client: Client, message: Request, expected: str) -> None:
        """Ask until the shell, which looks once a second, has seen it."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                if await answer(client, message) == expected:
                    return
                await asyncio.sleep(0.05)

    async def main() -> None:
        server = ServerProcess(data_dir, "--listen", "127.0.0.1:0", "--log-level", "info", *marks)
        async with traders(await server.url()) as (alice, _):
            assert await answer(alice, ORDER) == "done"
            fill(ballast, 2 * ROOM_MIB)
            await answers(alice, ORDER, "busy")
            assert await answer(alice, CANCEL) == "done"
            fill(ballast, 4 * ROOM_MIB)
            await answers(alice, CANCEL, "busy")
            assert await answer(alice, AccountState(req_id=1)) == "done"
            ballast.unlink()
            await answers(alice, ORDER, "done")
        server.process.terminate()
        code, errors = await asyncio.to_thread(server.end)
        said = re.findall(r"free disk space: ([a-z ]+)$", errors, re.MULTILINE)
        assert (code, said) == (0, ["cancel only", "halt", "ok"])

    asyncio.run(main())


def fill(path: Path, mib: int) -> None:
    with path.open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, mib * MIB)


def level_mib(path: Path) -> int:
    room = os.statvfs(path)
    return room.f_bavail * room.f_frsize // MIB


def test_marks_decide_the_level(tmp_path: Path) -> None:
    room = os.statvfs(tmp_path)
    size_mib = room.f_blocks * room.f_frsize // MIB
    assert level(tmp_path, DiskMarks(0, 0)) == "ok"
    assert level(tmp_path, DiskMarks(2 * size_mib, 0)) == "cancel_only"
    assert level(tmp_path, DiskMarks(2 * size_mib, 2 * size_mib)) == "halt"
    with pytest.raises(FileNotFoundError):
        level(tmp_path / "gone", DiskMarks())
