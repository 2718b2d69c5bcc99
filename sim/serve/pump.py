"""Real connections on the simulator's gateway: the live pump without its writer task.

Frames go to the simulated exchange at the virtual time of their arrival, and what it answers goes
out at once. Sessions of real connections are numbered behind those of simulated ones, so that a
watcher changes no number of theirs.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from exchange.gateway.batch import Batch
from exchange.server.ports import Peer
from exchange.server.pump import QUEUE_MAX, Pump
from exchange.server.turns import Work
from exchange.session.outbox import HistoryJob
from exchange.wire.close_codes import CLOSE_GOING_AWAY
from exchange.wire.codec import CODECS
from exchange.wire.frames import ErrorReply, Heartbeat
from sim.network.marketplace import Arrived, Marketplace
from sim.serve.store import MemoryStore

FIRST_SESSION = 10**9
LOGIN_S = 1.0
"""How long virtual time stands still for a connection that has not logged in or subscribed: at
speed 600 it would have had 16 ms."""

T = TypeVar("T")


class VirtualClock:
    """``catch_up()`` moves virtual time to where it is by now, and returns it."""

    def __init__(self, catch_up: Callable[[], int]) -> None:
        self._catch_up = catch_up

    def now_ms(self) -> int:
        return self._catch_up()


class SimulatedPump(Pump):
    """``failed(error)`` hears of what breaks while a frame is handled; ``moment()`` lets all else
    of this millisecond happen first."""

    def __init__(
        self,
        marketplace: Marketplace,
        store: MemoryStore,
        clock: VirtualClock,
        moment: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        super().__init__(marketplace.gateway, store, clock)
        self.on_history_job = self._no_history
        self._store = store
        self._moment = moment
        self._failed = failed
        self.handling = False
        """Does a real client do something right now?"""
        self.held = False
        """Do clients wait?"""
        self._since_s: dict[int, float] = {}
        """Since when connections are there that neither logged in nor subscribed."""
        self._waiting: deque[Arrived | Work] = deque()
        self.follow(marketplace)

    def follow(self, marketplace: Marketplace) -> None:
        """Serve this exchange from now on; connections to another one end."""
        self._marketplace = marketplace
        marketplace.on_batch = self._sent
        self._part()

    def entering(self, now_s: float) -> bool:
        """Return whether a new connection has not said yet who it is or what it wants."""
        sessions, anonymous = self.gateway.sessions, self.gateway.context.anonymous
        new = [one for one in self.connections if one not in sessions or one in anonymous]
        self._since_s = {number: self._since_s.get(number, now_s) for number in new}
        return any(now_s - since_s < LOGIN_S for since_s in self._since_s.values())

    def beat(self) -> None:
        """Tell who follows public streams that the exchange lives, though time may stand still."""
        beat = Heartbeat(self._clock.now_ms(), self.gateway.engine.seq)
        for session in self.gateway.context.streams.listeners():
            connection = self.connections.get(session.number)
            if connection is not None:
                connection.deliver([session.codec.encode(beat)])

    def hold(self, held: bool) -> None:
        """Let what clients send wait, while the past is played again, or no longer."""
        self.held = held
        if not held:
            paused, self._paused = self._paused, []
            for connection in paused:
                self.paused(connection)
            asyncio.get_running_loop().call_soon(self._handle_waiting)

    @property
    def room(self) -> int:
        return QUEUE_MAX - len(self._waiting)

    def frames(self, connection: Peer, payloads: list[bytes]) -> None:
        for data in payloads:
            self._put(Arrived(connection.number, data))

    def submit(self, work: Work) -> None:
        self._put(work)

    def submit_behind(self, connection: Peer, work: Work) -> None:
        self._put(work)

    def paused(self, connection: Peer) -> None:
        if self.held:
            self._paused.append(connection)
            return
        asyncio.get_running_loop().call_soon(connection.resume)

    async def read(self, make: Callable[[], T]) -> T:
        return make()

    def _put(self, item: Arrived | Work) -> None:
        # Not at once: a connection is attached right behind its `connect`.
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._handle_waiting)
        self._waiting.append(item)

    def _handle_waiting(self) -> None:
        try:
            while self._waiting and not self.held:
                self._moment()
                self.handling = True
                self._marketplace.pump.put(self._waiting.popleft())
                self.handling = False
        except AssertionError as error:  # a broken law, or a bug of ours
            # It ends the run, and must not be lost in a callback of a socket.
            self._failed(error)

    def _sent(self, batch: Batch) -> None:
        self._part()
        self._store.keep(batch.accounts)
        self.release(batch)

    def _part(self) -> None:
        """The exchange is another one, or has restarted: nobody is connected to it."""
        if self._marketplace.gateway is self.gateway:
            return
        self.gateway = self._marketplace.gateway
        for connection in list(self.connections.values()):
            connection.close_soon(CLOSE_GOING_AWAY, "the exchange restarts")

    def _no_history(self, job: HistoryJob) -> None:
        connection = self.connections.get(job.session)
        if connection is not None:
            text = "a simulated exchange keeps no history"
            reply = ErrorReply(job.message.req_id, "forbidden", text)
            connection.deliver([CODECS[job.codec].encode(reply)])
