"""The live pump: one queue, one writer task, one transaction a batch. Shell.

It takes the waiting work in the order of `turns`, runs it through the gateway, commits, and only
then sends anything. There is no batching timer: whatever arrives during one sync forms the next
batch. The writer task is never canceled; an error of the journal ends it, and with it the process.
Source: architecture.md, "One shape: a pure core in a thin shell".
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Final, TypeAlias, TypeVar

from exchange.feed.account_channel import follows
from exchange.gateway.batch import Batch
from exchange.gateway.gateway import Gateway
from exchange.journal.rows import AccountRow, SpoiltFramesError, stored_frames
from exchange.server.framing import Framing
from exchange.server.metrics import Metrics
from exchange.server.ports import Clock, Journal, Peer, Reader
from exchange.server.turns import STRANGERS_S, Line, Turns, Work
from exchange.session.deliveries import Replay
from exchange.session.outbox import HistoryJob, ImageJob
from exchange.storage.sqlite_journal import DiskLostError
from exchange.units import MS_PER_SECOND
from exchange.wire.close_codes import CLOSE_INTERNAL, CLOSE_TRY_LATER

QUEUE_MAX: Final = 65_536
"""Work items that may wait; beyond it, a connection that adds one is not read until the next
round."""
TURN_S: Final = 0.005
TURN_MAX_S: Final = 0.05
"""A batch stops taking work after the time that the last commit took, limited to this range: new
work must not wait for the whole queue, and a slow disk must not write tiny batches."""
PAGE_ROWS: Final = 64
"""Stored batches of account frames read in one step for a resuming session."""

T = TypeVar("T")
Chore: TypeAlias = Callable[[], Awaitable[T]]


class Pump:
    """Owns the gateway: nobody else calls it once `run` has begun."""

    def __init__(self, gateway: Gateway, journal: Journal, clock: Clock) -> None:
        self.gateway = gateway
        self.metrics = Metrics()
        self.round = 0
        self.framing = Framing()
        self.connections: dict[int, Peer] = {}
        self.on_image_job: Callable[[ImageJob], None] | None = None
        self.on_history_job: Callable[[HistoryJob], None] | None = None
        self.on_batch: Callable[[Batch, float, float], None] | None = None
        """Called for every batch sent: seconds before its commit, and in total."""
        self.on_released: Callable[[], None] | None = None
        """Called when a batch is released."""
        self._chores: deque[Chore[None]] = deque()
        """Work on the journal between two batches."""
        self._journal = journal
        self._clock = clock
        self._turns: Turns = Turns()
        self._paused: list[Peer] = []
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms: int | None = None
        self._strangers_timer: asyncio.TimerHandle | None = None
        self._beginning = False
        self._stopping = False
        self._turn_s = TURN_S

    @property
    def depth(self) -> int:
        """Work items that wait."""
        return len(self._turns)

    @property
    def room(self) -> int:
        """Return how many frames still fit; without room, reading from all connections pauses."""
        return QUEUE_MAX - len(self._turns)

    # --- what connections call ---

    def frames(self, connection: Peer, payloads: list[bytes]) -> None:
        """Queue frames that arrived together."""
        self._add(connection, payloads)

    def paused(self, connection: Peer) -> None:
        """The connection paused reading until the queue is worked off."""
        self._paused.append(connection)

    def behind(self, connection: Peer) -> None:
        """The connection's reader is slow."""
        self.submit(lambda _: self.gateway.fall_behind(connection.number))

    def keeping_up(self, connection: Peer) -> None:
        """Everything that waited for the connection's reader is written."""
        self.submit(lambda _: self.gateway.catch_up(connection.number))

    def submit(self, work: Work) -> None:
        """Queue a gateway call; it gets the batch's time."""
        self._turns.add_work(work)
        self._wake.set()

    def submit_behind(self, connection: Peer, work: Work) -> None:
        """Queue a gateway call after the frames received from ``connection``."""
        self._add(connection, [work])

    def begin(self) -> None:
        """Make `Started` the run's first row: no deadline is settled and no request handled before
        it."""
        self._beginning = True
        self.submit(lambda _: None)

    def was_cut(self) -> None:
        """A connection read too slowly."""
        self.metrics.cut.inc()

    async def read(self, make: Callable[[], T]) -> T:
        """Call ``make()`` between two batches, so that it sees only durable state; return its
        result.

        Waits as long as a batch is being written; the caller sets the limit.
        """

        async def look() -> T:
            return make()

        return await self.between(look)

    async def between(self, work: Chore[T]) -> T:
        """Do ``work`` between two batches and return its result; orders wait for it.

        An error of it ends the pump, and nobody gets a result.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def chore() -> None:
            if answer.done():
                return
            found = await work()
            if not answer.done():
                answer.set_result(found)

        self._add_chore(chore)
        return await answer

    def ended(self, task: asyncio.Task[None]) -> None:
        """Work beside the pump has ended; an error of it ends the pump too."""
        if not task.cancelled() and task.exception() is not None:
            self._add_chore(lambda: task)

    def _add_chore(self, chore: Chore[None]) -> None:
        self._chores.append(chore)
        self.submit(lambda _: None)

    # --- the writer ---

    async def run(self) -> None:
        """Work until `stop`; raises what the journal raises, after which nothing may be sent."""
        while self._turns or not self._stopping:
            if not (self._stopping or self._turns.is_due(perf_counter())):
                await self._sleep()
            begun_s = perf_counter()
            self._work(self._clock.now_ms())
            batch = self.gateway.take()
            apply_s = perf_counter() - begun_s
            self.metrics.apply_s.observe(apply_s)
            await self.commit(batch)
            self.release(batch)
            if self.on_batch is not None:
                self.on_batch(batch, apply_s, perf_counter() - begun_s)
            while self._chores:
                await self._chores.popleft()()

    async def commit(self, batch: Batch) -> None:
        """Make the batch durable; without rows only give the loop a turn to read the sockets."""
        if batch.rows:
            begun_s = perf_counter()
            await self._journal.append(batch.rows, batch.accounts)
            took_s = perf_counter() - begun_s
            self._turn_s = min(max(TURN_S, took_s), TURN_MAX_S)
            self.metrics.commit_s.observe(took_s)
            self.metrics.rows.inc(len(batch.rows))
        else:
            await asyncio.sleep(0)

    def stop(self) -> None:
        """Finish what is queued, then let `run` return."""
        self._stopping = True
        self._wake.set()

    def release(self, batch: Batch) -> None:
        """Send a durable batch: one write for each connection, then closes and image transfers."""
        connections = self.connections
        sent = 0
        for number, items in batch.deliveries.items():
            connection = connections.get(number)
            if connection is not None:
                connection.deliver(items)
                sent += len(items)
        self.metrics.frames.inc(sent)
        for number, code, reason in batch.closes:
            connection = connections.get(number)
            if connection is not None:
                connection.close_soon(code, reason)
        for number, rest_ms in batch.rests.items():
            connection = connections.get(number)
            if connection is not None:
                connection.rest(rest_ms / MS_PER_SECOND)
        for job in batch.jobs:
            if isinstance(job, HistoryJob):
                assert self.on_history_job is not None, "statements need a history"
                self.on_history_job(job)
                continue
            assert self.on_image_job is not None, "image requests need an image store"
            self.on_image_job(job)
        if self.on_released is not None:
            self.on_released()

    async def send_stored(self, connection: Reader, replay: Replay) -> None:
        """Write a session's stored account frames, page by page, as fast as it reads them."""
        after = replay.after
        while after < replay.upto:
            try:
                page = await self._journal.account_rows(
                    replay.account, after, replay.upto, PAGE_ROWS
                )
                if not (replay.final or self._is_wanted(connection, replay)):
                    break
                if not follows(page, after):
                    page = []
                self._write_page(connection, page, after, replay.upto)
            except (DiskLostError, SpoiltFramesError):
                page = []
            if not page:  # No frame may be skipped: the client must resume again.
                self._end_replay(connection, replay.account, after, replay.upto)
                return
            after = page[-1].last_seq
            await connection.drain()
        connection.replayed(replay.final)
        if not replay.final:
            self.submit(lambda _: self.gateway.caught_up(connection.number, replay))

    def _end_replay(self, connection: Reader, account: str, after: int, upto: int) -> None:
        """The next frame is missing: the reader was so slow that it expired, or the store is
        damaged."""
        if self.gateway.accounts.too_old(account, after, upto):
            connection.close_soon(CLOSE_TRY_LATER, "the next frames are too old by now")
        else:
            connection.close_soon(CLOSE_INTERNAL, "stored frames cannot be read")

    def _is_wanted(self, connection: Reader, replay: Replay) -> bool:
        """Return whether this is still the session's newest request for its account channel."""
        return self.gateway.accounts.is_paging(connection.number, replay)

    def _write_page(
        self, connection: Reader, page: list[AccountRow], after: int, upto: int
    ) -> None:
        session = self.gateway.sessions.get(connection.number)
        if session is not None:
            frames = [frame for row in page for frame in stored_frames(row.body, after, upto)]
            connection.write_payloads([session.codec.encode(frame) for frame in frames])

    def _work(self, now_ms: int) -> None:
        gateway = self.gateway
        self.round += 1
        if self._beginning:
            self._beginning = False
            gateway.start(now_ms)
        due_ms = gateway.next_deadline_ms()
        if due_ms is not None and due_ms <= now_ms:
            gateway.advance(now_ms)
        self._take_turns(now_ms)
        paused, self._paused = self._paused, []
        for connection in paused:
            connection.resume()

    def _take_turns(self, now_ms: int) -> None:
        """Handle waiting work for the time of one batch: our own first, then connections with a
        login, then those without, which get only a share of the time."""
        turns, begun_s = self._turns, perf_counter()
        ends_s = begun_s + self._turn_s
        while turns.works:
            turns.take_work()(now_ms)
            if perf_counter() > ends_s:
                return
        while turns.known:
            self._handle(*turns.take(turns.known), now_ms)
            if perf_counter() > ends_s:
                break
        begun_s = perf_counter()
        if not turns.strangers or not (self._stopping or turns.is_due_for_strangers(begun_s)):
            return
        while turns.strangers:
            self._handle(*turns.take(turns.strangers), now_ms)
            if perf_counter() - begun_s > STRANGERS_S:
                break
        now_s = perf_counter()
        turns.strangers_had(now_s - begun_s, now_s)

    def _handle(self, line: Line, item: bytes | Work, now_ms: int) -> None:
        if type(item) is bytes:
            self.gateway.receive(line.number, item, now_ms)
        else:
            item(now_ms)  # type: ignore[operator]

    def _add(self, connection: Peer, items: Sequence[bytes | Work]) -> None:
        session = self.gateway.sessions.get(connection.number)
        self._turns.add(connection.line, items, session is not None and session.role is not None)
        if self._turns.is_due(perf_counter()):
            self._wake.set()
        else:
            self._arm_strangers()

    async def _sleep(self) -> None:
        """Wait for work or the next deadline."""
        self._arm(self.gateway.next_deadline_ms())
        self._wake.clear()
        self._arm_strangers()
        await self._wake.wait()

    def _arm_strangers(self) -> None:
        """Wake up when connections without a login may be served again, if one of them waits."""
        if self._turns.strangers and self._strangers_timer is None:
            wait_s = max(0.0, self._turns.strangers_from_s - perf_counter())
            loop = asyncio.get_running_loop()
            self._strangers_timer = loop.call_later(wait_s, self._on_strangers)

    def _on_strangers(self) -> None:
        self._strangers_timer = None
        self._wake.set()

    def _arm(self, due_ms: int | None) -> None:
        # A timer that fires early does no harm, so only an earlier deadline needs a new one.
        if due_ms is None or (self._timer_ms is not None and self._timer_ms <= due_ms):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ms = due_ms
        delay_s = max(0, due_ms - self._clock.now_ms()) / MS_PER_SECOND
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer_ms = None
        self._wake.set()
