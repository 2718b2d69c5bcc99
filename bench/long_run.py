"""An hour of orders without a break: how long did the slowest one wait?

    chrt -r 1 .venv/bin/python -m bench.long_run --minutes 60 --dir DIR

Orders go at a fixed pace to the exchange as it ships, its journal in DIR. A bare echo, which syncs
each frame to a file there, gets one each 10 ms beside it, from the same process: where both are
late, machine or disk was. Each minute prints a line. The exchange also counts the pauses of its own
loop (`headroom_pause_seconds`).
"""

import argparse
import asyncio
import gc
import os
import sys
import urllib.request
from collections import Counter, deque
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Final

from bench.load import Pipe
from bench.open_loop import MS, TICK_S, fill
from bench.report import Figure, table
from bench.wire import Subject

FLOW: Final = "long run"
PACE: Final = 1_000
PROBES: Final = 100
"""Frames a second for the bare echo."""
CONNECTIONS: Final = 50
BUNCH: Final = 1_000
WARM_S: Final = 2.0
STOP_S: Final = 600.0
"""Millions of orders of the day are in the last snapshot."""
SECONDS: Final = 60
"""In a minute."""
STEPS_A_MS: Final = 10
"""Lateness is counted in steps of 0.1 ms: an hour of it takes no room and no time to sort."""
COUNTED: Final = {
    "pauses": ("headroom_pause_seconds_bucket", 5.0),
    "commits": ("headroom_journal_commit_seconds_bucket", 10.0),
}
"""What the exchange counts itself: the metric, and from how many ms on it is told."""


class Late:
    """How late answers were."""

    def __init__(self) -> None:
        self.steps: Counter[int] = Counter()

    def add(self, late_s: list[float]) -> None:
        self.steps.update([int(one * MS * STEPS_A_MS) for one in late_s])

    def within_ms(self, share: float) -> float:
        """Return how late at most this share of the answers was."""
        left = share * self.steps.total()
        for step in sorted(self.steps):
            left -= self.steps[step]
            if left <= 0:
                return (step + 1) / STEPS_A_MS
        return 0.0

    @property
    def longest_ms(self) -> float:
        return (max(self.steps, default=-1) + 1) / STEPS_A_MS


class Stream:
    """Frames for one server at a fixed pace, over each connection in turn."""

    def __init__(self, subject: Subject, pace: int, pipes: list[Pipe]) -> None:
        self._subject = subject
        self._every_s = 1 / pace
        self._due_s: dict[Pipe, deque[float]] = {pipe: deque() for pipe in pipes}
        self._turn = cycle(pipes)
        self._next_s = perf_counter()
        for pipe in pipes:
            pipe.arrived_s = []

    def send_due(self) -> None:
        now_s = perf_counter()
        while self._next_s <= now_s:
            pipe = next(self._turn)
            pipe.send(self._subject.orders(1, rest=False))
            self._due_s[pipe].append(self._next_s)
            self._next_s += self._every_s

    def late_s(self) -> list[float]:
        """Return how late each answer was that came since the last call."""
        found: list[float] = []
        for pipe, due_s in self._due_s.items():
            assert pipe.arrived_s is not None
            found += [at_s - due_s.popleft() for at_s in pipe.arrived_s]
            pipe.arrived_s.clear()
        return found

    def waiting_s(self) -> float:
        """Return how long the oldest frame without an answer has waited."""
        oldest = min((due_s[0] for due_s in self._due_s.values() if due_s), default=None)
        return 0.0 if oldest is None else perf_counter() - oldest


class LongRun:
    """Both servers under way. ``beyond_ms``: how much later than the echo, within a second."""

    def __init__(self, durable: Stream, echo: Stream, url: str) -> None:
        self.durable, self.echo = Late(), Late()
        self.beyond_ms = 0.0
        self._streams = durable, echo
        self._pages = url.replace("ws:", "http:").replace("/v1/ws", "/metrics")

    async def minute(self, number: int, seconds: int) -> str:
        """Send for so many seconds; returns the line that tells of them."""
        durable, echo = Late(), Late()
        before, beyond_ms = await self._counted(), 0.0
        for _ in range(seconds):
            one, bare = await self._second()
            durable.steps += one.steps
            echo.steps += bare.steps
            beyond_ms = max(beyond_ms, one.longest_ms - bare.longest_ms)
        self.durable.steps += durable.steps
        self.echo.steps += echo.steps
        self.beyond_ms = max(self.beyond_ms, beyond_ms)
        counted = await self._counted()
        told = [f"{name} {_over(counted[name] - before[name])}" for name in COUNTED]
        shares = f"{_shares(durable)}; echo {_shares(echo)}; beyond it {beyond_ms:.1f}"
        return f"{number:4}: {shares}; {'; '.join(told)}"

    async def _second(self) -> tuple[Late, Late]:
        ends_s = perf_counter() + 1.0
        while perf_counter() < ends_s:
            for stream in self._streams:
                stream.send_due()
            await asyncio.sleep(TICK_S)
        found = Late(), Late()
        for late, stream in zip(found, self._streams, strict=True):
            late.add([*stream.late_s(), stream.waiting_s()])
        return found

    async def _counted(self) -> dict[str, Counter[float]]:
        """Return what the exchange counted so far, by the bound in ms that it exceeds."""
        text = await asyncio.to_thread(_read, self._pages)
        return {name: _exceeding(text, *which) for name, which in COUNTED.items()}


def _exceeding(text: str, metric: str, from_ms: float) -> Counter[float]:
    rows = [line for line in text.splitlines() if line.startswith(metric)]
    upto = [(float(row.split('"')[1]) * MS, float(row.split()[1])) for row in rows]
    whole = upto[-1][1]
    return Counter({ms: int(whole - count) for ms, count in upto[:-1] if ms >= from_ms})


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  a server of our own
        text: str = answer.read().decode()
    return text


def _shares(late: Late) -> str:
    shares = " ".join(f"{late.within_ms(share):.1f}" for share in (0.5, 0.99, 0.999))
    return f"{shares} {late.longest_ms:.1f}"


def _over(counted: Counter[float]) -> str:
    """Return how many there were, by the bound that they exceed."""
    found = [f"{count} over {ms:g} ms" for ms, count in counted.items() if count]
    return ", ".join(found) or "none"


async def measured(minutes: int, orders: int, seconds: int = SECONDS) -> LongRun:
    """Run for ``minutes``, with ``orders`` of the day in memory before; prints as it goes."""
    subjects = durable, echo = Subject("durable"), Subject("synced")
    try:
        for subject in subjects:
            await subject.start()
        await fill(durable, orders, BUNCH)
        await asyncio.sleep(WARM_S)
        gc.freeze()
        gc.disable()
        run = LongRun(
            Stream(durable, PACE, await durable.pipes(CONNECTIONS)),
            Stream(echo, PROBES, await echo.pipes(1)),
            durable.url,
        )
        print("minute: ms late, p50 p99 p99.9 longest; what the exchange counted", flush=True)
        for number in range(1, minutes + 1):
            print(await run.minute(number, seconds), flush=True)
        return run
    finally:
        for subject in subjects:
            subject.stop(STOP_S)


def figures(run: LongRun) -> list[Figure]:
    """Return what it came to: the wait has a minimum only beyond the echo's."""
    return [
        *(
            Figure(FLOW, f"1,000/s p{share * 100:g}", run.durable.within_ms(share), "ms")
            for share in (0.5, 0.99, 0.999, 0.9999)
        ),
        Figure(FLOW, "longest wait", run.durable.longest_ms, "ms", aim=20.0, at_most=True),
        Figure(FLOW, "bare echo meanwhile: longest wait", run.echo.longest_ms, "ms"),
        Figure(
            FLOW, "longest wait beyond the echo's", run.beyond_ms, "ms", 50.0, 20.0, at_most=True
        ),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.long_run", description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--orders", type=int, default=0, help="of the day, in memory before")
    parser.add_argument("--dir", type=Path, help="on the disk to measure; otherwise TMPDIR")
    chosen = parser.parse_args()
    if chosen.dir is not None:
        os.environ["TMPDIR"] = str(chosen.dir)  # where the servers keep their files
    run = asyncio.run(measured(chosen.minutes, chosen.orders))
    found = figures(run)
    print(f"\n{table(found)}")
    return 0 if all(figure.reaches(figure.minimum) for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
