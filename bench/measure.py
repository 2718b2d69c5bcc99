"""How engines are measured: CPU time in interleaved rounds, latencies, memory.

All engines run in one process, in turn, so that what else the machine does hits them alike; a
ratio is taken within a round and the median over the rounds is told. Rows are prepared batch by
batch, each just before it is played, as a decoder would; only the playing is timed. The garbage
collector is held as in the live exchange: what is loaded is frozen, nothing is collected while
commands run.
"""

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from bench.engine import FullEngine, command
from bench.flow import Flow, LevelSum, Row
from exchange.model.commands import Command

BATCH = 500
LATENCY_RUNS = 3


class Subject(Protocol):
    """One engine with empty books. What is prepared is in the form that suits it best."""

    def prepare(self, rows: list[Row]) -> list[Any]:
        """Return the rows as the engine takes them; not timed."""

    def play(self, rows: list[Any]) -> None:
        """Execute prepared rows."""

    def levels(self) -> list[LevelSum]:
        """Return what rests now, as `Flow.levels`."""


Maker = Callable[[Flow], Subject]


class Times(Struct):
    """CPU microseconds a command, one value a round, by engine."""

    us: dict[str, list[float]]

    def typical_us(self, name: str) -> float:
        return median(self.us[name])

    def ratio(self, name: str, baseline: str) -> float:
        """Return how many times as fast as ``baseline`` the engine is."""
        pairs = zip(self.us[baseline], self.us[name], strict=True)
        return median(slow / fast for slow, fast in pairs)


@contextmanager
def collector_held() -> Iterator[None]:
    """Freeze what is loaded and collect nothing until the block ends."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def rounds(flow: Flow, makers: dict[str, Maker], count: int) -> Times:
    """Time each engine once a round; a first round warms up and checks that all agree."""
    times = Times({name: [] for name in makers})
    for turn in range(count + 1):
        for name, make in makers.items():
            subject = make(flow)
            subject.play(subject.prepare(flow.load))
            with collector_held():
                seconds = sum(_played_s(subject, rows) for rows in _batches(flow))
            if turn == 0:
                assert subject.levels() == flow.levels, f"{name} does not agree with the flow"
            else:
                times.us[name].append(seconds / len(flow.timed) * 1e6)
    return times


def _batches(flow: Flow) -> Iterator[list[Row]]:
    for at in range(0, len(flow.timed), BATCH):
        yield flow.timed[at : at + BATCH]


def _played_s(subject: Subject, rows: list[Row]) -> float:
    prepared = subject.prepare(rows)
    begin = time.process_time()
    subject.play(prepared)
    return time.process_time() - begin


def end_hash(flow: Flow) -> str:
    """Return the state hash of the full engine after the flow, however the engine was built."""
    subject = FullEngine(flow)
    for rows in (flow.load, flow.timed):
        subject.play(subject.prepare(rows))
    return subject.engine.state_hash()


def latencies_us(flow: Flow) -> list[float]:
    """Return the full engine's time of each command, ascending.

    Each is the least of some runs of the same flow: what the machine does besides is not ours,
    while a slow command, or a collection it sets off, is slow in every run.
    """
    runs = [_clocked_ns(flow) for _ in range(LATENCY_RUNS)]
    return sorted(min(times) / 1000 for times in zip(*runs, strict=True))


def _clocked_ns(flow: Flow) -> list[int]:
    subject = FullEngine(flow)
    subject.play(subject.prepare(flow.load))
    apply, clock, times = subject.engine.apply, time.perf_counter_ns, []
    with collector_held():
        for batch in _batches(flow):
            for order, now_ms in subject.prepare(batch):
                begin = clock()
                apply(order, now_ms)
                times.append(clock() - begin)
    return times


def bytes_a_resting_order(flow: Flow) -> float:
    """Return the memory the full engine keeps for a resting order, its decoded request included."""
    subject = FullEngine(flow)
    wire = [msgspec.msgpack.encode(command(row)) for row in flow.load]
    decode, now_ms = msgspec.msgpack.Decoder(Command).decode, subject.now_ms
    gc.collect()
    tracemalloc.start()
    for frame in wire:
        subject.engine.apply(decode(frame), now_ms)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept / len(flow.load)
