"""Simulated power loss: whatever of the unsynced writes survives, every acknowledged order does.

A real server under load is recorded with strace; then the power is cut at random moments of the
recording, the journal's files are put together as they may have been left, and the journal is read
as a start would. HEADROOM_POWER_STATES changes the number of states. The same tool run on a journal
with synchronous=NORMAL finds lost orders, so it would find ours.
"""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from exchange.journal.replay import read_command
from exchange.wire.requests import OrderPlace
from tests.crash.power import Call, Disk, Sent, Sync, Write, calls, recording
from tests.exchange.support.harness import ServerProcess, create_exchange, journal_rows
from tests.exchange.support.trading import trade, traders

STATES = int(os.environ.get("HEADROOM_POWER_STATES", "300"))
ORDERS = 250
CHECKPOINT_ROWS = 100
FULL, NORMAL = 2, 1
PROGRAM = [sys.executable, "-m", "tests.crash.tuned"]


class Recorded(NamedTuple):
    """What the disk held before, what was done to it, and what clients were told."""

    before: dict[str, bytes]
    calls: list[Call]


def record(directory: Path, synchronous: int) -> Recorded:
    """Trade on a server under strace and return what it did."""
    data_dir, log = directory / "data", directory / "calls"
    create_exchange(data_dir)
    before = {"journal.db": (data_dir / "journal.db").read_bytes()}
    program = recording(log, PROGRAM)
    options = ("--synchronous", str(synchronous), "--checkpoint-rows", str(CHECKPOINT_ROWS))
    server = ServerProcess(data_dir, "--listen", "127.0.0.1:0", *options, program=[*program])

    async def load() -> int:
        async with traders(await server.url()) as (alice, bob):
            acked = 0
            for seed in ("1", "2", "3", "4"):
                flows = (trade(alice, "alice", ORDERS, seed), trade(bob, "bob", ORDERS, seed))
                acked += sum(await asyncio.gather(*flows))
            return acked

    acked = asyncio.run(load())
    os.kill(json.loads(server.ready_file.read_text())["pid"], signal.SIGTERM)
    assert server.end() == (0, "")
    recorded = Recorded(before, list(calls(log)))
    told = {name for call in recorded.calls if isinstance(call, Sent) for name in call.names}
    assert len(told) >= acked > ORDERS
    return recorded


def cuts(recorded: Recorded, count: int, rng: random.Random) -> Iterator[tuple[Disk, set[str]]]:
    """Yield the disk and the orders acknowledged so far at ``count`` random moments."""
    moments = sorted(rng.choices(range(len(recorded.calls)), k=count))
    disk, told = Disk(recorded.before), set[str]()
    for number, call in enumerate(recorded.calls):
        if isinstance(call, Sent):
            told.update(call.names)
        else:
            disk.follow(call)
        while moments and moments[0] == number:
            moments.pop(0)
            yield disk, told


def lost(directory: Path, files: dict[str, bytes], told: set[str]) -> set[str]:
    """Return the acknowledged orders that the journal does not hold; its chain is whole."""
    directory.mkdir()
    for name, data in files.items():
        (directory / name).write_bytes(data)
    messages = [read_command(row).message for row in journal_rows(directory)]
    names = [message.client_order_id for message in messages if isinstance(message, OrderPlace)]
    assert len(names) == len(set(names))
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    return told - set(names)


def states_that_lost(recorded: Recorded, directory: Path, count: int) -> int:
    rng = random.Random("power")
    return sum(
        1
        for disk, told in cuts(recorded, count, rng)
        if lost(directory / "left", disk.left(rng), told)
    )


def test_a_power_cut_loses_nothing_acknowledged(tmp_path: Path) -> None:
    assert states_that_lost(record(tmp_path, FULL), tmp_path, STATES) == 0


def test_the_same_tool_finds_what_a_weaker_journal_loses(tmp_path: Path) -> None:
    assert states_that_lost(record(tmp_path, NORMAL), tmp_path, STATES) > STATES // 20


@pytest.mark.parametrize("seed", range(3))
def test_a_synced_write_is_always_left(seed: int) -> None:
    """The model itself: what was synced stays, what was not may go."""
    rng = random.Random(seed)
    disk = Disk({"journal.db": b""})

    disk.follow(Write("journal.db", 0, b"a" * 1024))
    assert {disk.left(rng)["journal.db"] for _ in range(50)} > {b"", b"a" * 1024}
    disk.follow(Sync("journal.db"))
    disk.follow(Write("journal.db", 1024, b"b" * 1024))
    assert all(disk.left(rng)["journal.db"][:1024] == b"a" * 1024 for _ in range(50))
