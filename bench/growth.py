"""What a busy day leaves behind, by the order and by the command: how large a machine must be.

An order is placed and canceled, again and again, by eight accounts in one process (memory, start),
or by one account over a connection, a thousand commands a second, at the exchange as it ships
(disk). The server's own counters tell what it wrote: journal and history, logs and checkpoints.
"""

import asyncio
import gc
import sqlite3
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from bench.engine import FullEngine, command
from bench.flow import SHAPES, Row, make
from bench.load import Pipe
from bench.measure import collector_held
from bench.report import Figure
from bench.wire import Subject
from exchange.engine.engine import Engine
from exchange.journal.command_layout import command_body, read_body
from exchange.model.commands import Command

FLOW = "growth"
BEFORE = 20_000
"""Orders that end before it is measured: then what is kept as it was is full."""
ENDED = 40_000
STARTED = 50_000
"""Orders in the state that a start is measured with, both of their commands in its journal."""
RATE: Final = 1_000
WARM_S: Final = 2
PACED_S: Final = 10


def figures() -> list[Figure]:
    """Measure everything that grows."""
    memory = bytes_an_ended_order(BEFORE, ENDED)
    replayed_us, restored_us = start_us(STARTED)
    disk, written = asyncio.run(disk_a_command(RATE, WARM_S, PACED_S))
    rows = 2 * STARTED
    return [
        Figure(FLOW, "memory an order that ended", memory, "bytes", 150, aim=100, at_most=True),
        Figure(FLOW, "disk a command, 7 days of frames", disk, "bytes", 350, 250, at_most=True),
        Figure(FLOW, "written a command, at 1,000/s", written / 1000, "KB", aim=8, at_most=True),
        Figure(FLOW, f"start, CPU a row replayed of {rows:,}", replayed_us, "us"),
        Figure(FLOW, "start, CPU an ended order of a snapshot", restored_us, "us"),
    ]


def bytes_an_ended_order(before: int, ended: int) -> float:
    """Return what the full engine keeps for an order that ended less than 24 h ago."""
    subject = _subject()
    tracemalloc.start()
    _play(subject, 1, before)
    at_first = _kept_bytes()
    _play(subject, before + 1, before + ended)
    kept = _kept_bytes() - at_first
    tracemalloc.stop()
    return kept / ended


def start_us(orders: int) -> tuple[float, float]:
    """Return what a start takes a row that it replays, and an order of the snapshot it reads."""
    subject, fresh = _subject(), _subject()
    rows = [command_body(each) for each in placed_and_canceled(1, orders)]
    _play(subject, 1, orders)
    snapshot = subject.engine.snapshot()
    with collector_held():
        begun = time.process_time()
        fresh.engine.state.quiet = True
        for now_ms, row in enumerate(rows, fresh.now_ms + 1):
            fresh.engine.apply(read_body(row), now_ms)
        replayed = time.process_time()
        engine = Engine.restore(snapshot)
        restored = time.process_time()
    assert engine.snapshot() == snapshot
    return (replayed - begun) / len(rows) * 1e6, (restored - replayed) / orders * 1e6


def _subject() -> FullEngine:
    return FullEngine(make(msgspec.structs.replace(SHAPES[0], resting=100, commands=10)))


def _kept_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def placed_and_canceled(first: int, last: int) -> Iterator[Command]:
    """Yield both commands of the orders from number ``first`` to ``last``."""
    for number in range(first, last + 1):
        sign = 1 if number % 2 else -1
        row = Row(number, False, 0, sign, 100_000 - 50 * sign, 5, number % 8)
        yield command(row)
        yield command(msgspec.structs.replace(row, cancel=True))


def _play(subject: FullEngine, first: int, last: int) -> None:
    decode = msgspec.msgpack.Decoder(Command).decode
    for order in placed_and_canceled(first, last):
        subject.now_ms += 1
        subject.engine.apply(decode(msgspec.msgpack.encode(order)), subject.now_ms)


async def disk_a_command(rate: int, warm_s: float, paced_s: float) -> tuple[float, float]:
    """Return by how much the journal grows with a command, and what the server writes for it."""
    subject = Subject("durable")
    try:
        await subject.start()
        [pipe] = await subject.pipes(1)
        sent = await _paced(subject, pipe, rate, warm_s, 0)
        at_first, written = sent, subject.written_bytes()
        size = _journal_bytes(subject.file("journal.db"))
        sent = await _paced(subject, pipe, rate, paced_s, sent)
        count = sent - at_first
        grown = _journal_bytes(subject.file("journal.db")) - size
        return grown / count, (subject.written_bytes() - written) / count
    finally:
        subject.stop()


async def _paced(subject: Subject, pipe: Pipe, rate: int, seconds: float, sent: int) -> int:
    """Place and cancel orders, a command at a time; returns how many commands were sent so far."""
    begun_s, first = time.perf_counter(), sent
    while sent - first < rate * seconds:
        due = min(int((time.perf_counter() - begun_s) * rate), int(rate * seconds))
        while sent - first < due:
            pipe.send(subject.cancel_of_last() if sent % 2 else subject.orders(1))
            sent += 1
        await asyncio.sleep(0.5 / rate)
    await pipe.answered(sent)
    return sent


def _journal_bytes(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        return int(pages * database.execute("PRAGMA page_size").fetchone()[0])
