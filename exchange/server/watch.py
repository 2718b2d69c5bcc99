"""Runs periodic jobs from a table, checked once a second. Shell."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

TICK_S: Final = 1.0
IDLE_ROUNDS: Final = 2
"""A second with at most this many pump rounds is idle; the watch itself causes one."""
COLLECT_GONE: Final = 200
"""After this many ended connections garbage is collected earlier: each leaves reference cycles."""
COLLECT_MADE: Final = 20_000
"""So it is when there are this many more objects than after the last pass."""
RECLAIM_GONE: Final = 1_000
"""After this many ended connections an idle second is used to look through everything."""


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
    """Collects garbage among what was made since the last pass, and never walks the rest again.

    The automatic collector is off: it would walk all orders of the day, again and again. What lives
    after a pass is frozen, so that a pass costs what was made since, however much there is. Only
    ended connections leave cycles; those that were frozen before they ended wait for an idle second
    after `RECLAIM_GONE` of them.
    """

    def __init__(self, rounds: Callable[[], int], gone: Callable[[], int]) -> None:
        self._rounds = rounds
        self._gone = gone
        self._seen_round = self._seen_gone = self._reclaimed_gone = 0

    def collect(self) -> None:
        """Called once a second."""
        idle = self._rounds() - self._seen_round <= IDLE_ROUNDS
        self._seen_round = self._rounds()
        gone = self._gone()
        if idle and gone > self._reclaimed_gone + RECLAIM_GONE:
            self._reclaimed_gone = self._seen_gone = gone
            gc.unfreeze()
            gc.collect()
            gc.freeze()
        elif idle or gone > self._seen_gone + COLLECT_GONE or gc.get_count()[0] > COLLECT_MADE:
            self._seen_gone = gone
            gc.collect(1)
            gc.freeze()
