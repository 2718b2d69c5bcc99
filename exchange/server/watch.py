"""Runs periodic jobs from a table, checked once a second. Shell."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

from exchange.units import MS_PER_SECOND

TICK_S: Final = 1.0
IDLE_ROUNDS: Final = 2
"""A second with at most this many pump rounds is idle; the watch itself causes one."""
COLLECT_MS: Final = 60 * MS_PER_SECOND
COLLECT_GONE: Final = 200
"""After this many ended connections garbage is collected earlier: each leaves reference cycles."""


class Job(Struct, frozen=True):
    """``run`` is called at the first look and then once in every ``every_ms`` of the clock."""

    name: str
    every_ms: int
    run: Callable[[], Awaitable[None] | None]


class Watch:
    """``now_ms`` is the exchange's clock; an error of a job ends the watch."""

    def __init__(self, jobs: Sequence[Job], now_ms: Callable[[], int]) -> None:
        self._jobs = jobs
        self._now_ms = now_ms
        self._seen: dict[str, int] = {}
        """For each job, the number of the period in which it ran last."""

    async def run(self) -> None:
        """Look once a second until canceled; raises what a job raises."""
        while True:
            await asyncio.sleep(TICK_S)
            await self.look()

    async def look(self) -> None:
        """Run the jobs that are due, in the order of the table."""
        now_ms = self._now_ms()
        for job in self._jobs:
            period = now_ms // job.every_ms
            if self._seen.get(job.name) == period:
                continue
            self._seen[job.name] = period
            waiting = job.run()
            if waiting is not None:
                await waiting


class Garbage:
    """Collects garbage in idle seconds.

    The automatic collector is off, since a full pass costs 12 ms in the middle of a burst. Without
    an idle second for `COLLECT_MS`, or after many connections, a partial pass runs all the same.
    """

    def __init__(
        self, rounds: Callable[[], int], gone: Callable[[], int], now_ms: Callable[[], int]
    ) -> None:
        self._rounds = rounds
        self._gone = gone
        self._now_ms = now_ms
        self._seen_round = self._seen_gone = 0
        self._due_ms = now_ms() + COLLECT_MS

    def collect(self) -> None:
        """Called once a second."""
        idle = self._rounds() - self._seen_round <= IDLE_ROUNDS
        self._seen_round = self._rounds()
        many = self._gone() > self._seen_gone + COLLECT_GONE
        if idle or many or self._now_ms() > self._due_ms:
            self._due_ms, self._seen_gone = self._now_ms() + COLLECT_MS, self._gone()
            gc.collect(2 if idle else 1)
