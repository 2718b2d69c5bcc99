"""State is the replay of the journal: byte for byte, at every prefix, under any hash seed.

The journal is recorded from `Noise`, which sends every kind of command: more than 5,000 accepted
rows. What a row caused (all its outs) and the state hash behind it must be the same when the row is
replayed, and when the engine was restored from a snapshot on the way.
"""

import os
import subprocess
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import pytest

from exchange.engine.engine import Engine
from exchange.model.commands import Command, Out
from exchange.wire.codec import MSGPACK
from tests.exchange.storm.noise import Noise, full_config

pytestmark = pytest.mark.storm

SEED: Final = 1
COMMANDS: Final = 11_000
ROWS: Final = 5_000
SNAPSHOTS: Final = 50
HASH_SEEDS: Final = ("0", "1", "4711")
CHILD_HASH_EVERY: Final = 100
CHILD_TIMEOUT_S: Final = 300


class Recorded(NamedTuple):
    """A run as it went live: rows, and per row all outs and the state hash."""

    rows: list[tuple[Command, int]]
    outs: list[bytes]
    hashes: list[str]


@cache
def recorded(hash_every: int = 1) -> Recorded:
    """Record a run once for all tests; the state hash after every so many rows, else ""."""
    outs: list[bytes] = []
    hashes: list[str] = []

    def keep(engine: Engine, row_outs: list[Out]) -> None:
        outs.append(MSGPACK.encode(row_outs))
        wanted = len(outs) <= ROWS and len(outs) % hash_every == 0
        hashes.append(engine.state_hash() if wanted else "")

    noise = Noise(SEED, on_row=keep)
    noise.run(COMMANDS)
    rows = noise.market.journal
    assert len(rows) == len(outs) >= ROWS
    return Recorded(rows[:ROWS], outs[:ROWS], hashes[:ROWS])


def test_every_prefix_replays_to_the_same_events_and_state() -> None:
    run = recorded()
    engine = Engine(full_config())
    for number, (command, now_ms) in enumerate(run.rows):
        assert MSGPACK.encode(engine.apply(command, now_ms)) == run.outs[number], number
        assert engine.state_hash() == run.hashes[number], f"after row {number}"


def test_a_snapshot_and_the_tail_are_the_whole_journal() -> None:
    """Restored at 50 random rows, then all rows after it: same events, same end."""
    run = recorded()
    chosen = sorted(Random(SEED).sample(range(1, ROWS), SNAPSHOTS))
    engine = Engine(full_config())
    restored: list[Engine] = []
    for number, (command, now_ms) in enumerate(run.rows):
        for each in (engine, *restored):
            assert MSGPACK.encode(each.apply(command, now_ms)) == run.outs[number], number
        if number in chosen:
            restored.append(Engine.restore(engine.snapshot()))
            assert restored[-1].state_hash() == run.hashes[number], f"restored at {number}"
            assert restored[-1].next_deadline_ms() == engine.next_deadline_ms()
    assert len(restored) == SNAPSHOTS
    assert {each.state_hash() for each in restored} == {run.hashes[-1]}


def test_the_hash_seed_makes_no_difference() -> None:
    """Sets and hash order must not reach the state: three interpreters, one result."""
    digests = [run_with_hash_seed(seed) for seed in HASH_SEEDS]
    assert set(digests) == {digest(recorded())}


def digest(run: Recorded) -> str:
    """Return one digest of every event and of the state after every hundredth row."""
    hashes = "".join(run.hashes[CHILD_HASH_EVERY - 1 :: CHILD_HASH_EVERY])
    return sha256(b"".join(run.outs) + hashes.encode()).hexdigest()


def run_with_hash_seed(seed: str) -> str:
    """Record the run in a fresh interpreter; returns its digest."""
    root = Path(__file__).parents[3]
    code = (
        "from tests.exchange.journal import test_replay as t\n"
        "print(t.digest(t.recorded(t.CHILD_HASH_EVERY)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=CHILD_TIMEOUT_S,
        check=True,
    )
    return done.stdout.strip()
