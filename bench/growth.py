"""What a busy day leaves behind, by the order and by the command: how large a machine must be.

An order is placed and canceled, again and again, by eight accounts.
"""

import gc
import tracemalloc
from collections.abc import Iterator

import msgspec

from bench.engine import FullEngine, command
from bench.flow import SHAPES, Row, make
from bench.report import Figure
from exchange.model.commands import Command

FLOW = "growth"
BEFORE = 20_000
"""Orders that end before it is measured: then what is kept as it was is full."""
ENDED = 40_000


def figures() -> list[Figure]:
    """Measure everything that grows."""
    memory = bytes_an_ended_order(BEFORE, ENDED)
    return [
        Figure(FLOW, "memory an order that ended", memory, "bytes", 150, aim=100, at_most=True),
    ]


def bytes_an_ended_order(before: int, ended: int) -> float:
    """Return what the full engine keeps for an order that ended less than 24 h ago."""
    shape = msgspec.structs.replace(SHAPES[0], resting=100, commands=10)
    subject = FullEngine(make(shape))
    tracemalloc.start()
    _play(subject, 1, before)
    at_first = _kept_bytes()
    _play(subject, before + 1, before + ended)
    kept = _kept_bytes() - at_first
    tracemalloc.stop()
    return kept / ended


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
