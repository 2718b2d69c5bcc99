"""Feed a recorded journal through the SimPy pump: the same commands must cause the same events.

The rows may come from a live exchange or from a simulated one. Deadlines need no timer here: a
journal holds an `AdvanceTime` wherever one was due. Source: architecture.md, "One shape: a pure
core in a thin shell".
"""

from collections.abc import Generator, Sequence
from typing import Any

import simpy
from msgspec import Struct

from exchange.journal.replay import read_command, read_genesis
from exchange.journal.rows import JournalRow
from exchange.wire.codec import MSGPACK
from sim.network.clock import VirtualTime
from sim.network.marketplace import Digest, ObservedEngine
from sim.network.pump import Pump


class Replayed(Struct, frozen=True):
    """``events`` holds the MessagePack of each row's outs, reply first."""

    events: list[bytes]
    state_hash: str
    digest: str


def replay_rows(rows: Sequence[JournalRow]) -> Replayed:
    """Apply ``rows`` (row 1 is the genesis) at their times on virtual time; return what came."""
    env = VirtualTime(rows[0].now_ms)
    digest = Digest()
    engine = ObservedEngine(read_genesis(rows[0]).config, [digest.observe])
    events: list[bytes] = []

    def handle(arrived: list[Any], now_ms: int) -> None:
        events.extend(MSGPACK.encode(engine.apply(read_command(row), now_ms)) for row in arrived)

    pump = Pump(env, handle, lambda: None)
    env.process(_arrivals(env, pump, rows))
    env.run()
    return Replayed(events, engine.state_hash(), digest.hex())


def _arrivals(
    env: VirtualTime, pump: Pump, rows: Sequence[JournalRow]
) -> Generator[simpy.Event, Any, None]:
    for row in rows:
        if row.now_ms > env.now_ms:
            yield env.timeout(row.now_ms - env.now_ms)
        pump.put(row)
