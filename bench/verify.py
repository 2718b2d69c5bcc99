"""How fast a journal is verified, beside the exchange that wrote it.

The exchange serves orders that rest, over pipelined connections, and takes two snapshots; then
`verified` checks what it wrote, in a process of its own as the command does. Its wall time counts,
over the exchange's CPU; on a busy machine that is mostly the machine's, so CPU is told as well.
"""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from bench.report import Figure
from bench.wire import FULL, Size, Subject, ordering
from exchange.recovery.snapshotter import SNAPSHOT_EVERY
from exchange.recovery.verifying import verified
from exchange.storage.snapshots import newest_first
from exchange.storage.sqlite_store import SqliteStore

FLOW: Final = "verify"
TURNS: Final = 6
"""Of `ordering`: each is 20,000 orders. There are two snapshots, the second at the end."""
SNAPSHOT_S: Final = 60.0


class Took(msgspec.Struct):
    """Seconds of one verification."""

    rows: int
    wall_s: float
    replay_s: float
    """CPU of the process that replays."""
    all_s: float
    """CPU of all."""


def took(data_dir: str) -> Took:
    """Verify in this process."""
    begun_s, replay_s = time.perf_counter(), time.process_time()
    rows = verified(SqliteStore(Path(data_dir))).engine.seq
    wall_s, replay_s = time.perf_counter() - begun_s, time.process_time() - replay_s
    spent = os.times()
    return Took(rows, wall_s, replay_s, replay_s + spent.children_user + spent.children_system)


async def measured(rounds: int, turns: int, size: Size) -> tuple[float, list[Took]]:
    """Return the CPU seconds of an order as it was served, and what verifying took, each time."""
    subject = Subject("durable")
    try:
        await subject.start()
        data_dir = subject.file("journal.db").parent
        cpu_s = 0.0
        for turn in range(1, turns + 1):
            cpu_s += (await ordering(subject, size)).cpu_s
            await _snapshots(data_dir, turn * size.orders // SNAPSHOT_EVERY)
        found = [await asyncio.to_thread(_verified, str(data_dir)) for _ in range(rounds)]
        return cpu_s / (turns * size.orders), found
    finally:
        subject.stop()


async def _snapshots(data_dir: Path, count: int) -> None:
    """Wait for the child that writes one, so that each is of a known row."""
    async with asyncio.timeout(SNAPSHOT_S):
        while len(newest_first(data_dir)) < count:  # noqa: ASYNC110  another process makes it
            await asyncio.sleep(0.1)


def _verified(data_dir: str) -> Took:
    words = [sys.executable, "-m", "bench.verify", data_dir]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Took)


def figures(rounds: int, turns: int = TURNS, size: Size = FULL) -> list[Figure]:
    """Measure and return what `make bench` tells of verifying."""
    live_s, found = asyncio.run(measured(rounds, turns, size))
    best = min(found, key=lambda one: one.wall_s)
    busy_s = min(one.replay_s for one in found)
    all_s = min(one.all_s for one in found)
    rows = best.rows
    return [
        Figure(FLOW, "live, CPU an order", live_s * 1e6, "us"),
        Figure(FLOW, "verify, wall a row", best.wall_s / rows * 1e6, "us"),
        Figure(FLOW, "verify, CPU a row of the replay", busy_s / rows * 1e6, "us"),
        Figure(FLOW, "verify, CPU a row of all processes", all_s / rows * 1e6, "us"),
        Figure(FLOW, "live, CPU / verify, wall", live_s * rows / best.wall_s, "x", aim=3.0),
        Figure(FLOW, "live / verify's replay, CPU", live_s * rows / busy_s, "x", 1.5, 3.0),
    ]


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(took(sys.argv[1])))
