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
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from bench.compiled import environment
from bench.load import Pipe, cpu_s, framed, open_pipe
from bench.report import Figure
from bench.wire_servers import OPERATOR
from exchange.client import Client
from exchange.keys import public_key_b64
from exchange.wire.admin_requests import AdminAccount, AdminDeposit, AdminKey, AdminLimits
from exchange.wire.codec import JSON
from exchange.wire.requests import OrderCancel, OrderPlace, Subscribe

BURST_STEPS: Final = 100
SYMBOL: Final = "small.eu-de.flat.spot"
TRADER: Final = Ed25519PrivateKey.from_private_bytes(b"bench trader".ljust(32, b"."))
ACK: Final = b'"ack"'
ORDER: Final = b'"order.place"'
FLOW: Final = "socket"
COMPILED: Final = "compiled"
"""The kind of server whose exchange must be compiled."""
CANCELS_FROM: Final = 10**9
"""Where the ``req_id`` of cancels begin."""


class Size(Struct, frozen=True):
    """How much is done in a round."""

    connections: int = 100
    pipelined: int = 10
    """Orders a connection sends at once."""
    turns: int = 20
    listeners: int = 100
    updates: int = 400
    burst: int = 10_000
    """Orders within a second, in `BURST_STEPS` steps."""

    @property
    def orders(self) -> int:
        return self.connections * self.pipelined * self.turns


FULL: Final = Size()


class Spent(Struct):
    """What one piece of work took: wall and server CPU, in seconds."""

    wall_s: float
    cpu_s: float


class Subject:
    """A server process, with a count of the orders it was sent. ``module``: what it runs;
    ``tree``: where another exchange than this source lies."""

    module = "bench.wire_servers"

    def __init__(self, kind: str, tree: Path | None = None) -> None:
        self.kind = kind
        self.exchange = kind in ("durable", "memory", COMPILED)
        self.mark = ACK if self.exchange else ORDER
        self._orders = 0
        self._process = subprocess.Popen(
            [sys.executable, *([] if tree is None else ["-P"]), "-m", self.module, kind],
            env=None if tree is None else environment(tree),
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

    def stop(self, within_s: float = 30.0) -> None:
        """Let it end; an exchange takes a last snapshot."""
        self._process.communicate(timeout=within_s)

    async def pipes(self, count: int) -> list[Pipe]:
        key = TRADER if self.exchange else None
        found = [await open_pipe(self.url, self.mark, key) for _ in range(count)]
        for pipe in found:
            pipe.ready()
        return found

    @property
    def pid(self) -> int:
        return self._process.pid

    def orders(self, count: int, *, rest: bool = True) -> bytes:
        """Return ``count`` new orders, framed: bids at 25 prices that rest, or end at once."""
        return b"".join(self.each_order(count, rest))

    def each_order(self, count: int, rest: bool = True) -> list[bytes]:
        """Like `orders`, each by itself."""
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
                time_in_force="gtc" if rest else "ioc",
            )
            made.append(framed(JSON.encode(order)))
        self._orders += count
        return made

    def cancel_of_last(self) -> bytes:
        """Return the cancel of the last of `orders`, framed; orders are numbered otherwise."""
        name, req_id = f"order-{self._orders - 1}", CANCELS_FROM + self._orders
        return framed(JSON.encode(OrderCancel(req_id=req_id, client_order_id=name)))

    def file(self, name: str) -> Path:
        """Return the path of a file that the server has open."""
        opened = Path(f"/proc/{self._process.pid}/fd").iterdir()
        return next(path for link in opened if (path := link.readlink()).name == name)

    def written_bytes(self) -> int:
        """Return what the server has written to disks so far, in the pages of the system."""
        lines = Path(f"/proc/{self._process.pid}/io").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])

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


async def ordering(subject: Subject, size: Size) -> Spent:
    """Many connections, each with two bunches of orders under way until all are answered."""
    pipes = await subject.pipes(size.connections)
    bunches = {pipe: [subject.orders(size.pipelined) for _ in range(size.turns)] for pipe in pipes}

    async def trade(pipe: Pipe) -> None:
        for turn, frames in enumerate(bunches[pipe], 1):
            pipe.send(frames)
            await pipe.answered((turn - 1) * size.pipelined)
        await pipe.answered(size.turns * size.pipelined)

    async def work() -> None:
        await asyncio.gather(*map(trade, pipes))

    spent = await subject.measured(work)
    for pipe in pipes:
        pipe.transport.abort()
    return spent


async def fan_out(subject: Subject, count: int, steps: list[int], pause_s: float = 0.0) -> Spent:
    """One connection causes ``steps`` bunches of updates, ``count`` others listen.

    Without a pause, each bunch waits for the answers of the one before.
    """
    (writer,) = await subject.pipes(1)
    listeners = [await _listener(subject) for _ in range(count)]
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
    compiled: Spent | None
    """As ``durable``, where there is a build."""
    memory: Spent
    bare_alone: Spent
    bare_fan_out: Spent
    alone: Spent
    fan_out: Spent
    burst: Spent


Typical: TypeAlias = Callable[[Callable[[Round], float]], float]


async def _round(subjects: dict[str, Subject], size: Size) -> Round:
    echo, durable, memory, bare, *compiled = subjects.values()
    one_by_one, steps = [1] * size.updates, [size.burst // BURST_STEPS] * BURST_STEPS
    return Round(
        await ordering(echo, size),
        await ordering(durable, size),
        await ordering(compiled[0], size) if compiled else None,
        await ordering(memory, size),
        await fan_out(bare, 0, one_by_one),
        await fan_out(bare, size.listeners, one_by_one),
        await fan_out(memory, 0, one_by_one),
        await fan_out(memory, size.listeners, one_by_one),
        await fan_out(memory, size.listeners, steps, 1 / BURST_STEPS),
    )


async def rounds(count: int, size: Size, tree: Path | None = None) -> list[Round]:
    """Measure ``count`` rounds after one to warm up."""
    subjects = {kind: Subject(kind) for kind in ("echo", "durable", "memory", "broadcast")}
    if tree is not None:
        subjects[COMPILED] = Subject(COMPILED, tree)
    try:
        for subject in subjects.values():
            await subject.start()
        await _round(subjects, size)
        return [await _round(subjects, size) for _ in range(count)]
    finally:
        for subject in subjects.values():
            subject.stop()


def figures(count: int, size: Size = FULL, tree: Path | None = None) -> list[Figure]:
    """Measure and return what `make bench` tells of the socket; ``tree``: of the compiled exchange.

    The minimums are of CPU time: wall time on a busy machine is mostly the machine's.
    """
    found = asyncio.run(rounds(count, size, tree))

    def typical(of: Callable[[Round], float]) -> float:
        return median(of(one) for one in found)

    def rate(name: str, of: Callable[[Round], Spent]) -> Figure:
        return Figure(FLOW, name, typical(lambda one: size.orders / of(one).wall_s), "/s")

    def beside_echo(
        name: str, of: Callable[[Round], Spent], bound: float, aim: float
    ) -> list[Figure]:
        wall = typical(lambda one: one.echo.wall_s / of(one).wall_s)
        cpu = typical(lambda one: one.echo.cpu_s / of(one).cpu_s)
        return [
            Figure(FLOW, f"{name} / bare echo, wall", wall, "x", aim=aim),
            Figure(FLOW, f"{name} / bare echo, CPU", cpu, "x", bound, aim),
        ]

    return [
        rate("bare echo", lambda one: one.echo),
        rate("durable orders", lambda one: one.durable),
        rate("orders, no disk", lambda one: one.memory),
        *beside_echo("durable", lambda one: one.durable, 0.62, 0.75),
        *([] if tree is None else beside_echo("durable, mypyc", _compiled, 0.8, 0.95)),
        *beside_echo("no disk", lambda one: one.memory, 0.8, 0.8),
        *_fan_out_figures(typical, size),
    ]


def _compiled(one: Round) -> Spent:
    assert one.compiled is not None, "there is a build"
    return one.compiled


def _fan_out_figures(typical: Typical, size: Size) -> list[Figure]:
    """What the same orders cost without listeners is no part of a delivery."""

    def told_s(one: Round) -> float:
        return one.fan_out.cpu_s - one.alone.cpu_s

    def bare_s(one: Round) -> float:
        return one.bare_fan_out.cpu_s - one.bare_alone.cpu_s

    deliveries = size.updates * size.listeners
    delivery_us = typical(lambda one: told_s(one) / deliveries * 1e6)
    bare = typical(lambda one: told_s(one) / bare_s(one))
    single = typical(lambda one: size.updates / one.fan_out.cpu_s)
    merged = typical(lambda one: size.burst / one.burst.cpu_s)
    return [
        Figure(FLOW, "fan-out, CPU a delivery", delivery_us, "us"),
        Figure(FLOW, "fan-out / websockets.broadcast, CPU", bare, "x", 1.1, 1.1, at_most=True),
        Figure(FLOW, "a frame a delta, deltas", single, "/CPU-s"),
        Figure(FLOW, "burst of 10,000 a second, deltas", merged, "/CPU-s"),
        Figure(FLOW, "burst / a frame a delta", merged / single, "x", 5.0, 5.0),
    ]
