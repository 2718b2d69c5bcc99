"""The socket's share: orders, fan-out and bursts over real connections, beside bare references.

Every server is a process of its own; in each round all are measured in turn, so what else the
machine does hits them alike. A ratio is taken within a round, the median over the rounds is told.
CPU time is that of the server process with all its threads.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from bench.load import Pipe, cpu_s, framed, open_pipe
from bench.report import Figure
from bench.wire_servers import OPERATOR
from exchange.client import Client
from exchange.codec import JSON
from exchange.keys import public_key_b64
from exchange.operator_requests import AdminAccount, AdminDeposit, AdminKey, AdminLimits
from exchange.protocol import OrderPlace, Subscribe

CONNECTIONS: Final = 100
PIPELINED: Final = 20
"""Orders a connection has under way."""
TURNS: Final = 10
LISTENERS: Final = 100
UPDATES: Final = 400
BURST_PER_S: Final = 10_000
BURST_STEPS: Final = 100
SYMBOL: Final = "small.eu-de.flat.spot"
TRADER: Final = Ed25519PrivateKey.from_private_bytes(b"bench trader".ljust(32, b"."))
ACK: Final = b'"ack"'
ORDER: Final = b'"order.place"'
FLOW: Final = "socket"


class Spent(Struct):
    """What one piece of work took: wall and server CPU, in seconds."""

    wall_s: float
    cpu_s: float


class Subject:
    """A server process, with a count of the orders it was sent."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.exchange = kind in ("durable", "memory")
        self.mark = ACK if self.exchange else ORDER
        self._orders = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.wire_servers", kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    async def start(self) -> None:
        assert self._process.stdout is not None
        self.url = (await asyncio.to_thread(self._process.stdout.readline)).strip()
        assert self.url, f"the server {self.kind} did not start"
        if self.exchange:
            await _open_account(self.url)

    def stop(self) -> None:
        self._process.communicate(timeout=30)

    async def pipes(self, count: int) -> list[Pipe]:
        key = TRADER if self.exchange else None
        found = [await open_pipe(self.url, self.mark, key) for _ in range(count)]
        for pipe in found:
            pipe.ready()
        return found

    def orders(self, count: int) -> bytes:
        """Return ``count`` new orders, framed: bids that rest at 25 prices."""
        made = []
        for number in range(self._orders, self._orders + count):
            name = f"order-{number}"
            order = OrderPlace(
                req_id=number + 1,
                client_order_id=name,
                symbol=SYMBOL,
                side="buy",
                order_type="limit",
                qty=1,
                price_ucr=476 + number * 7 % 25,
            )
            made.append(framed(JSON.encode(order)))
        self._orders += count
        return b"".join(made)

    async def measured(self, work: Callable[[], Awaitable[None]]) -> Spent:
        cpu, begun_s = cpu_s(self._process.pid), time.perf_counter()
        await work()
        wall = time.perf_counter() - begun_s
        return Spent(wall, cpu_s(self._process.pid) - cpu)


async def _open_account(url: str) -> None:
    async with Client(url, OPERATOR) as operator:
        public_key = public_key_b64(TRADER)
        for message in (
            AdminAccount(req_id=1, account="t", name="t"),
            AdminKey(req_id=1, account="t", key_id="t-1", public_key=public_key, role="trader"),
            AdminDeposit(req_id=1, account="t", amount_ucr=10**15, ref="start"),
            AdminLimits(req_id=1, account="t", orders_per_s=0),
        ):
            await operator.request(message)


async def ordering(subject: Subject, turns: int) -> Spent:
    """100 connections, each sends its next orders when the last ones are answered."""
    pipes = await subject.pipes(CONNECTIONS)
    bunches = {pipe: [subject.orders(PIPELINED) for _ in range(turns)] for pipe in pipes}

    async def trade(pipe: Pipe) -> None:
        for turn, frames in enumerate(bunches[pipe], 1):
            pipe.send(frames)
            await pipe.answered(turn * PIPELINED)

    async def work() -> None:
        await asyncio.gather(*map(trade, pipes))

    spent = await subject.measured(work)
    for pipe in pipes:
        pipe.transport.abort()
    return spent


async def fan_out(subject: Subject, steps: list[int], pause_s: float = 0.0) -> Spent:
    """One connection causes ``steps`` bunches of updates, 100 others listen.

    Without a pause, each bunch waits for the answers of the one before.
    """
    (writer,) = await subject.pipes(1)
    listeners = [await _listener(subject) for _ in range(LISTENERS)]
    bunches = [subject.orders(count) for count in steps]

    async def work() -> None:
        begun_s, sent = time.perf_counter(), 0
        for index, frames in enumerate(bunches):
            writer.send(frames)
            sent += steps[index]
            if pause_s:
                due_s = begun_s + pause_s * (index + 1)
                await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            else:
                await writer.answered(sent)
        await writer.answered(sent)
        # Without a pause every bunch is a batch of its own, and told by itself.
        for pipe in listeners:
            await pipe.answered(1 if pause_s else len(steps))

    spent = await subject.measured(work)
    for pipe in (writer, *listeners):
        pipe.transport.abort()
    return spent


async def _listener(subject: Subject) -> Pipe:
    pipe = await open_pipe(subject.url, b'"book.update"', TRADER if subject.exchange else None)
    if subject.exchange:
        # All prices are within the default depth, so that every order makes an update.
        pipe.send(framed(JSON.encode(Subscribe(req_id=2, channel="book", symbol=SYMBOL))))
        await pipe.text(b'"book.snapshot"')
    else:
        pipe.send(framed(b"listen"))
        await pipe.text(b"listen")
    pipe.ready()
    return pipe


class Round(Struct):
    """One round: what each piece of work took."""

    echo: Spent
    durable: Spent
    memory: Spent
    bare_fan_out: Spent
    fan_out: Spent
    burst: Spent


async def _round(subjects: dict[str, Subject], turns: int) -> Round:
    echo, durable, memory, bare = subjects.values()
    one_by_one = [1] * UPDATES
    return Round(
        await ordering(echo, turns),
        await ordering(durable, turns),
        await ordering(memory, turns),
        await fan_out(bare, one_by_one),
        await fan_out(memory, one_by_one),
        await fan_out(memory, [BURST_PER_S // BURST_STEPS] * BURST_STEPS, 1 / BURST_STEPS),
    )


async def rounds(count: int, turns: int = TURNS) -> list[Round]:
    """Measure ``count`` rounds after one to warm up."""
    subjects = {kind: Subject(kind) for kind in ("echo", "durable", "memory", "broadcast")}
    try:
        for subject in subjects.values():
            await subject.start()
        await _round(subjects, 1)
        return [await _round(subjects, turns) for _ in range(count)]
    finally:
        for subject in subjects.values():
            subject.stop()


def figures(count: int) -> list[Figure]:
    """Measure and return what `make bench` tells of the socket."""
    found = asyncio.run(rounds(count))
    orders = CONNECTIONS * PIPELINED * TURNS

    def typical(of: Callable[[Round], float]) -> float:
        return median(of(one) for one in found)

    def ratio(name: str, of: Callable[[Round], float], minimum: float) -> Figure:
        return Figure(FLOW, name, typical(of), "x", minimum)

    per_delta = typical(lambda one: UPDATES / one.fan_out.cpu_s)
    coalesced = typical(lambda one: BURST_PER_S / one.burst.cpu_s)
    fan_out_ratio = typical(lambda one: one.fan_out.cpu_s / one.bare_fan_out.cpu_s)
    delivery_us = typical(lambda one: one.fan_out.cpu_s / UPDATES / LISTENERS * 1e6)
    return [
        Figure(FLOW, "bare echo", typical(lambda one: orders / one.echo.wall_s), "/s"),
        Figure(FLOW, "durable orders", typical(lambda one: orders / one.durable.wall_s), "/s"),
        Figure(FLOW, "orders, no disk", typical(lambda one: orders / one.memory.wall_s), "/s"),
        ratio("durable / echo, wall", lambda one: one.echo.wall_s / one.durable.wall_s, 0.6),
        ratio("durable / echo, CPU", lambda one: one.echo.cpu_s / one.durable.cpu_s, 0.6),
        ratio("no disk / echo, wall", lambda one: one.echo.wall_s / one.memory.wall_s, 0.8),
        ratio("no disk / echo, CPU", lambda one: one.echo.cpu_s / one.memory.cpu_s, 0.8),
        Figure(FLOW, "fan-out to 100, CPU a delivery", delivery_us, "us"),
        Figure(FLOW, "fan-out / bare broadcast, CPU", fan_out_ratio, "x", 1.1, at_most=True),
        Figure(FLOW, "frame per delta", per_delta, "/CPU-s"),
        Figure(FLOW, "burst of 10,000 a second, merged", coalesced, "/CPU-s"),
        Figure(FLOW, "burst / frame per delta", coalesced / per_delta, "x", 5.0),
    ]
