"""The periodic jobs of a serving exchange, in one table. Shell."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct

from exchange.gateway import log_events
from exchange.log import log
from exchange.recovery import huge_pages
from exchange.recovery.past import PastCheck
from exchange.recovery.sealing import Sealer
from exchange.recovery.snapshotter import Snapshotter
from exchange.server.admission import Admission, cut_slow
from exchange.server.clock import SystemClock
from exchange.server.history_server import HistoryServer
from exchange.server.image_server import ImageServer
from exchange.server.ports import KeptJournal
from exchange.server.pump import Pump
from exchange.server.server_log import ServerLog
from exchange.server.watch import Garbage, Job, Watch
from exchange.storage import disk
from exchange.storage.disk import DiskMarks
from exchange.storage.sqlite_journal import DiskLostError
from exchange.units import MS_PER_HOUR, MS_PER_SECOND
from exchange.wire.types import DiskLevel

Work: TypeAlias = Callable[[], Coroutine[None, None, None]]

FOLLOW_MS: Final = 10 * MS_PER_SECOND
"""How far the read model may lag while nobody asks."""


class Parts(Struct, frozen=True, kw_only=True):
    """The objects that the jobs work on."""

    data_dir: Path
    disk: DiskMarks
    pump: Pump
    clock: SystemClock
    journal: KeptJournal
    snapshots: Snapshotter
    past: PastCheck
    sealer: Sealer
    history: HistoryServer
    images: ImageServer
    admission: Admission
    log: ServerLog


class Housekeeping:
    """Holds the jobs' state; `watch` runs them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._disk: DiskLevel = "ok"
        self._asides: dict[Work, asyncio.Task[None]] = {}

    def watch(self) -> Watch:
        """Return the watch over all jobs."""
        return Watch(self._jobs(), self._parts.clock.now_ms)

    def _jobs(self) -> tuple[Job, ...]:
        parts, second = self._parts, MS_PER_SECOND
        garbage = Garbage(lambda: parts.pump.round, lambda: parts.admission.gone)
        return (
            Job("report what the log left out", second, log.catch_up),
            Job("cut slow readers", second, self._cut_slow),
            Job("bring the history up to date", FOLLOW_MS, parts.history.follow),
            Job("forget old account frames", MS_PER_HOUR, self._aside(self._forget)),
            Job("delete old images", MS_PER_HOUR, self._aside(self._sweep)),
            Job("hear of the check of the past", second, parts.past.look),
            Job("look at the disk", second, self.look_at_disk),
            Job("checkpoint the journal", second, self._aside(self._checkpoint)),
            Job("take a snapshot", second, self._aside(self._snapshot)),
            Job("seal old rows", second, self._aside(self._seal)),
            Job("collect garbage", second, garbage.collect),
        )

    def end(self) -> None:
        """Stop the processes and tasks that the jobs started."""
        for task in self._asides.values():
            task.cancel()

    def look_at_disk(self) -> None:
        """Stop taking orders before the journal's disk is full; go on when there is room again."""
        parts = self._parts
        try:
            level = disk.level(parts.data_dir, parts.disk)
        except OSError as error:
            raise DiskLostError(f"{parts.data_dir}: {error.strerror or error}") from error
        if level != self._disk:
            self._disk = level
            log.write(log_events.disk(str(parts.data_dir), level))
            parts.pump.submit(lambda _: parts.pump.gateway.guard.set_disk(level))

    async def keep_frames(self) -> None:
        """Tell the gateway which account frames are still stored."""
        parts = self._parts
        oldest = await parts.journal.kept_from(parts.clock.now_ms())
        parts.pump.gateway.accounts.kept_from(oldest)

    def _aside(self, work: Work) -> Callable[[], None]:
        """Return what begins ``work`` in a task of its own, unless it still runs."""

        def begin() -> None:
            running = self._asides.get(work)
            if running is None or running.done():
                self._asides[work] = task = asyncio.create_task(work())
                task.add_done_callback(self._parts.pump.ended)

        return begin

    def _cut_slow(self) -> None:
        connections = list(self._parts.admission.connections.values())
        now_s = asyncio.get_running_loop().time()
        cut_slow(connections, now_s)
        self._parts.admission.stalls.cut(connections, now_s)

    async def _checkpoint(self) -> None:
        journal = self._parts.journal
        if journal.checkpoint_is_due:
            await journal.checkpoint()
            await self._parts.pump.between(journal.checkpoint_rest)

    async def _snapshot(self) -> None:
        if self._parts.snapshots.is_due:
            await asyncio.to_thread(huge_pages.gather)
        await self._parts.pump.between(self._parts.snapshots.if_due)

    async def _seal(self) -> None:
        """Have old rows sealed, then delete a few at a time: orders come in between."""
        parts, sealer = self._parts, self._parts.sealer
        sealer.look()
        if not sealer.drop_upto:
            return
        await parts.history.follow()  # it reads the table alone
        while await parts.pump.between(partial(parts.journal.drop_sealed, sealer.drop_upto)):
            pass
        sealer.drop_upto = 0

    async def _forget(self) -> None:
        """Delete a few frames at a time: orders come in between."""
        journal, pump, now_ms = self._parts.journal, self._parts.pump, self._parts.clock.now_ms()
        while await pump.between(partial(journal.forget, now_ms)):
            pass
        oldest = await journal.kept_from(now_ms)
        pump.submit(lambda _: pump.gateway.accounts.kept_from(oldest))

    async def _sweep(self) -> None:
        parts = self._parts
        try:
            deleted = await parts.images.sweep(parts.clock.now_ms() / MS_PER_SECOND)
        except OSError as error:
            log.write(log_events.images_failed(str(error.strerror or error)))
        else:
            parts.log.swept(deleted)
