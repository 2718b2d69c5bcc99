"""Orders at a fixed pace, whatever the answers do: latency, pauses, and the CPU when idle.

The pace is kept by the clock, and an order's latency counts from when it was due: a server that
stops for 50 ms makes the orders of these 50 ms late, and the figures show it. The bare echo gets
as many frames at the same pace in the same round; both share the machine with the load generator.
"""

import asyncio
from collections.abc import Callable, Iterable
from itertools import cycle
from statistics import median
from time import perf_counter
from typing import Final

from msgspec import Struct

from bench.load import Pipe, cpu_s
from bench.report import Figure
from bench.wire import Subject

FLOW: Final = "open loop"
PACES: Final = (1_000, 5_000)
"""Orders a second."""
TICK_S: Final = 0.001
WARM_S: Final = 0.5
"""Of each run, not counted."""
MS: Final = 1_000.0


class Size(Struct, frozen=True):
    """How much is done."""

    connections: int = 50
    seconds: float = 5.0
    """Of one pace in one round."""
    orders: int = 100_000
    """Of the day, all of them ended, in memory when idle and when pauses are looked for."""
    bunch: int = 1_000
    pauses: int = 11
    """Runs at the first of `PACES` in which the longest pause is looked for: with a snapshot."""
    settle_s: float = 15.0
    """After the orders that fill the memory, until the history has them too."""
    idle_s: float = 20.0


FULL: Final = Size()


class Latencies(Struct):
    """In ms, of one run."""

    p50: float
    p99: float
    p999: float
    longest: float


SHARES: Final[dict[str, Callable[[Latencies], float]]] = {
    "p50": lambda found: found.p50,
    "p99": lambda found: found.p99,
    "p99.9": lambda found: found.p999,
    "longest": lambda found: found.longest,
}
AIMS: Final[dict[tuple[int, str], float]] = {(1_000, "p99"): 1.5, (1_000, "p99.9"): 2.0}
"""How late the exchange may be, over the bare echo, by pace and share."""
SPREADS: Final = {5_000: 3.0}
"""The exchange's own p99 over its p50, by pace."""


def latencies(took_s: list[float]) -> Latencies:
    ordered = sorted(took_s)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * MS

    return Latencies(at(0.5), at(0.99), at(0.999), ordered[-1] * MS)


async def paced(subject: Subject, pace: int, seconds: float, connections: int) -> Latencies:
    """Send ``pace`` orders a second, each connection in turn, and return how late answers were."""
    pipes = await subject.pipes(connections)
    for pipe in pipes:
        pipe.arrived_s = []
    orders = subject.each_order(int(pace * (seconds + WARM_S)), rest=False)
    due_s = await _send(list(zip(cycle(pipes), orders)), 1 / pace)
    took_s: list[float] = []
    for number, pipe in enumerate(pipes):
        due = due_s[number :: len(pipes)]
        await pipe.answered(len(due))
        assert pipe.arrived_s is not None
        skipped = int(len(due) * WARM_S / (seconds + WARM_S))
        took_s += [came - at for at, came in zip(due, pipe.arrived_s, strict=True)][skipped:]
        pipe.transport.abort()
    return latencies(took_s)


async def _send(orders: list[tuple[Pipe, bytes]], every_s: float) -> list[float]:
    """Send each order when it is due; returns when each was."""
    begun_s = perf_counter()
    due_s = [begun_s + every_s * number for number in range(len(orders))]
    sent = 0
    while sent < len(orders):
        now_s = perf_counter()
        while sent < len(orders) and due_s[sent] <= now_s:
            pipe, order = orders[sent]
            pipe.send(order)
            sent += 1
        await asyncio.sleep(TICK_S)
    return due_s


async def fill(subject: Subject, count: int, bunch: int) -> None:
    """Send orders that end at once, as fast as they are answered."""
    (pipe,) = await subject.pipes(1)
    for done in range(0, count, bunch):
        pipe.send(subject.orders(bunch, rest=False))
        await pipe.answered(done)
    await pipe.answered(-(-count // bunch) * bunch)
    pipe.transport.abort()


async def idle_pct(subject: Subject, seconds: float) -> float:
    """Return the CPU that the server takes while nobody asks for anything, in % of a core."""
    before_s, begun_s = cpu_s(subject.pid), perf_counter()
    await asyncio.sleep(seconds)
    return (cpu_s(subject.pid) - before_s) / (perf_counter() - begun_s) * 100


class Round(Struct):
    """What both servers did at one pace."""

    echo: Latencies
    durable: Latencies


class Found(Struct):
    """All that was measured: rounds by pace."""

    rounds: dict[int, list[Round]]
    idle_pct: float
    pauses: list[Round]


async def _round(subjects: list[Subject], pace: int, size: Size) -> Round:
    echo, durable = [await paced(one, pace, size.seconds, size.connections) for one in subjects]
    return Round(echo, durable)


async def measured(count: int, size: Size) -> Found:
    """Measure ``count`` rounds, then with `Size.orders` in memory."""
    echo, durable = subjects = [Subject("echo"), Subject("durable")]
    rounds: dict[int, list[Round]] = {pace: [] for pace in PACES}
    try:
        for subject in subjects:
            await subject.start()
        for _ in range(count):
            for pace, found in rounds.items():
                found.append(await _round(subjects, pace, size))
        await fill(durable, size.orders, size.bunch)
        await asyncio.sleep(size.settle_s)
        idle = await idle_pct(durable, size.idle_s)
        pauses = [await _round(subjects, PACES[0], size) for _ in range(size.pauses)]
        return Found(rounds, idle, pauses)
    finally:
        for subject in (echo, durable):
            subject.stop()


def figures(count: int, size: Size = FULL) -> list[Figure]:
    """Measure and return what `make bench` tells of the open loop.

    Only CPU time has a minimum: wall time on a busy machine is mostly the machine's.
    """
    found = asyncio.run(measured(count, size))
    told = [figure for pace, rounds in found.rounds.items() for figure in _of_pace(pace, rounds)]
    orders = f"{size.orders:,} orders of the day"
    longest = max(one.durable.longest for one in found.pauses)
    bare = max(one.echo.longest for one in found.pauses)
    return [
        *told,
        Figure(FLOW, f"idle, {orders}: CPU", found.idle_pct, "%", 3.0, 1.0, at_most=True),
        Figure(FLOW, "the same at 1,000/s: longest wait", longest, "ms", aim=20.0, at_most=True),
        Figure(FLOW, "bare echo meanwhile: longest wait", bare, "ms"),
    ]


def _of_pace(pace: int, rounds: list[Round]) -> list[Figure]:
    """Return the medians over the rounds; a ratio is taken within a round."""

    def ratio(name: str, values: Iterable[float], aim: float | None) -> Figure:
        return Figure(FLOW, f"{pace:,}/s {name}", median(values), "x", aim=aim, at_most=True)

    told: list[Figure] = []
    for what, read in SHARES.items():
        late = [(read(one.echo), read(one.durable)) for one in rounds]
        for name, column in (("bare echo", 0), ("durable", 1)):
            value = median(pair[column] for pair in late)
            told.append(Figure(FLOW, f"{pace:,}/s {what}, {name}", value, "ms"))
    for what in ("p99", "p99.9"):
        read = SHARES[what]
        beside = (read(one.durable) / read(one.echo) for one in rounds)
        told.append(ratio(f"{what} / echo's", beside, AIMS.get((pace, what))))
    spread = (one.durable.p99 / one.durable.p50 for one in rounds)
    return [*told, ratio("p99 / p50, durable", spread, SPREADS.get(pace))]
