"""The exchange as a node of the virtual network: the live gateway and engine under SimPy.

What arrives in the same millisecond forms a batch, like what waits in the live queue. Nothing here
decides anything: frames go into the gateway as bytes and come out as bytes.
"""

from collections.abc import Callable
from hashlib import sha256
from random import Random
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from exchange.engine.engine import Engine
from exchange.gateway.batch import Batch
from exchange.gateway.gateway import Gateway
from exchange.journal.replay import read_command
from exchange.journal.rows import JournalRow
from exchange.keys import verify
from exchange.model.commands import Command, Out
from exchange.model.config import ExchangeConfig
from exchange.session.liveness import Liveness
from exchange.wire.results import Done, Refused
from sim.network.clock import VirtualTime
from sim.network.network import Link
from sim.network.pump import Pump
from sim.network.skipped_heartbeats import SkippedHeartbeats

SERVER_ID = "sim"
FOR_EVER_MS: Final = 1 << 53
"""Later than any time of a run."""

Observer: TypeAlias = Callable[[Command, list[Out], int], None]
RefusalObserver: TypeAlias = Callable[[Command, Refused, int], None]
Work: TypeAlias = Callable[[int], None]
"""A call between two messages; it gets the time."""


class ObservedEngine(Engine):
    """The very engine, with somebody looking over its shoulder after every command."""

    def __init__(
        self,
        config: ExchangeConfig,
        observers: list[Observer],
    ) -> None:
        super().__init__(config)
        self.observers = observers
        """Told of every accepted command."""
        self.refusal_observers: list[RefusalObserver] = []
        """Told of every refused one."""

    def apply(self, command: Command, now_ms: int) -> list[Out]:
        outs = super().apply(command, now_ms)
        reply = outs[0][1]
        if isinstance(reply, Done) and not reply.duplicate:
            for observer in self.observers:
                observer(command, outs, now_ms)
        elif isinstance(reply, Refused):
            for refused in self.refusal_observers:
                refused(command, reply, now_ms)
        return outs


class Opened(Struct, frozen=True):
    session: int
    codec: str


class Arrived(Struct, frozen=True):
    session: int
    data: bytes


class Dropped(Struct, frozen=True):
    session: int
    clean: bool


class Hangup(Struct, frozen=True):
    """What a client gets instead of frames when the exchange closes the connection."""

    code: int
    reason: str


class Digest:
    """SHA-256 over the engine's events in ``seq`` order; replies are left out."""

    def __init__(self) -> None:
        self._hash = sha256()
        self._encode = msgspec.msgpack.Encoder().encode

    def observe(self, command: Command, outs: list[Out], now_ms: int) -> None:
        self._hash.update(b"".join(map(self._encode, outs[1:])))

    def hex(self) -> str:
        return self._hash.hexdigest()


class Marketplace:
    """Owns the engine. ``rows`` is the journal of the run when ``keep_rows`` is set.

    Each of ``observers`` is told of every accepted command, not of those that a restart replays.
    ``leaves_out``: heartbeats and ticks that tell nothing are worked out instead of made; the run
    goes the same way. False where somebody from outside looks on.
    """

    def __init__(
        self,
        env: VirtualTime,
        config: ExchangeConfig,
        random: Random,
        keep_rows: bool = False,
        *,
        last_session: int = 0,
        leaves_out: bool = True,
    ) -> None:
        """Connections are numbered behind ``last_session``."""
        self.env = env
        self.leaves_out = leaves_out
        self.observers: list[Observer] = []
        self.refusal_observers: list[RefusalObserver] = []
        self.engine = ObservedEngine(config, self.observers)
        self.engine.refusal_observers = self.refusal_observers
        self.gateway = Gateway(self.engine, server_id=SERVER_ID, verify=verify)
        self.rows: list[JournalRow] = []
        self.commands = 0
        self.on_batch: Callable[[Batch], None] | None = None
        """Gets every batch, for connections that are not simulated."""
        self.up = True
        self._keep_rows = keep_rows
        self._random = random
        self._downlinks: dict[int, Link] = {}
        self._skipped: dict[int, SkippedHeartbeats] = {}
        """By session."""
        self._news = True
        """Has anything happened that a tick would tell?"""
        self._due_ms: int | None = None
        self._last_session = last_session
        self.pump = Pump(env, self._handle, self._next_deadline_ms)

    def start(self) -> None:
        """Journal the start of the run."""
        self.gateway.start(self.env.now_ms)
        self._finish(woken=True)
        self.pump.ring()

    def stop(self) -> None:
        """The process is killed: what was not told yet is never told."""
        self.up = False
        self._downlinks.clear()
        self._skipped.clear()

    def come_back(self) -> None:
        """Replay the journal into a fresh engine; `start` goes on from there."""
        assert self._keep_rows, "a restart needs the journal"
        old_hash = self.engine.state_hash()
        self.take_over(ObservedEngine(self.engine.state.config, []))
        for row in self.rows:
            self.gateway.replay(read_command(row), row.now_ms)
        assert self.engine.state_hash() == old_hash, "state is the replay of the journal"
        self.engine.observers = self.observers
        self.engine.refusal_observers = self.refusal_observers
        self.gateway.take()
        self.up = True

    def take_over(self, engine: ObservedEngine) -> None:
        """Go on with another engine; no connection of before is known any more."""
        self.engine = engine
        self.gateway = Gateway(engine, server_id=SERVER_ID, verify=verify)

    def accept(self, downlink: Link) -> int:
        """Give a new connection its number; frames for it go down ``downlink``."""
        self._last_session += 1
        self._downlinks[self._last_session] = downlink
        return self._last_session

    def forget(self, session: int, clean: bool) -> None:
        """The connection is gone as far as the exchange can tell."""
        self._downlinks.pop(session, None)
        self.pump.put(Dropped(session, clean))

    def skip_heartbeats(self, session: int, skipped: SkippedHeartbeats) -> bool:
        """The session's host says the same at every heartbeat: is it live, so that none need come?

        Then it counts as heard until `resume_heartbeats`.
        """
        self._skipped[session] = skipped
        return self._count_as_heard(session, skipped)

    def _count_as_heard(self, session: int, skipped: SkippedHeartbeats) -> bool:
        opened = self.gateway.sessions.get(session)
        heard_ms = None if opened is None else self._liveness.heard_ms(opened.host)
        if opened is None or heard_ms is None:
            del self._skipped[session]
            return False
        if heard_ms != FOR_EVER_MS:
            skipped.before_ms = heard_ms
            self._liveness.heard(opened.host, FOR_EVER_MS)
        return True

    def resume_heartbeats(self, session: int, after_ms: int) -> list[int]:
        """Heartbeats after ``after_ms`` are sent; return when those before will arrive that are
        under way."""
        skipped = self._skipped.pop(session, None)
        if skipped is None:
            return []
        heard_ms = skipped.heard_ms(after_ms, self.env.now_ms) or skipped.before_ms
        opened = self.gateway.sessions.get(session)
        if opened is not None:
            self._liveness.watch(opened.host, heard_ms)
            self._due_ms = self._find_due_ms()
            self.pump.ring()
        return skipped.under_way(after_ms, self.env.now_ms)

    @property
    def _liveness(self) -> Liveness:
        return self.gateway.context.liveness

    def _next_deadline_ms(self) -> int | None:
        return self._due_ms if self.up else None

    def _handle(self, messages: list[Any], now_ms: int) -> None:
        if not self.up:
            return
        for message in messages:
            match message:
                case Arrived():
                    self.gateway.receive(message.session, message.data, now_ms)
                    if skipped := self._skipped.get(message.session):
                        # One that was under way when the host stopped sending them.
                        self._count_as_heard(message.session, skipped)
                case Opened():
                    nonce = self._random.randbytes(32).hex()
                    peer = f"sim:{message.session}"
                    self.gateway.connect(message.session, nonce, message.codec, peer, now_ms)
                case Dropped():
                    self.gateway.disconnect(message.session, message.clean, now_ms)
                case _:  # Work
                    message(now_ms)
        if not messages:
            self._do_due(now_ms)
        self._finish(woken=not messages)

    def _do_due(self, now_ms: int) -> None:
        gateway = self.gateway
        if self.leaves_out:
            self._liveness.ran_all_along(now_ms)
        gateway.do_due(now_ms)
        if self._tick_ms() == now_ms:
            self._finish(woken=True)
            self._news = False
            gateway.tick(now_ms)
            self._send(gateway.take(), background=True)

    def _tick_ms(self) -> int | None:
        """Return when the next tick is that has anything to tell."""
        if self.leaves_out and not self._news:
            return None
        return self.gateway.context.streams.pass_over(self.env.now_ms)

    def _find_due_ms(self) -> int | None:
        if not self.leaves_out:
            return self.gateway.next_deadline_ms()
        due_ms, tick_ms = self.gateway.next_due_ms(), self._tick_ms()
        return tick_ms if due_ms is None or (tick_ms is not None and tick_ms < due_ms) else due_ms

    def _finish(self, woken: bool) -> None:
        batch = self.gateway.take()
        if batch.rows:
            self._news = True
        if woken or batch.rows or batch.deliveries:
            # A batch of heartbeats alone brings no deadline forward; most are.
            self._due_ms = self._find_due_ms()
        self._send(batch)

    def _send(self, batch: Batch, background: bool = False) -> None:
        self.commands += len(batch.rows)
        if self._keep_rows:
            self.rows += batch.rows
        for session, deliveries in batch.deliveries.items():
            link = self._downlinks.get(session)
            if link is not None and background:
                link.send_background(deliveries)
            elif link is not None:
                link.send(deliveries)
        for session, code, reason in batch.closes:
            link = self._downlinks.pop(session, None)
            self._skipped.pop(session, None)
            if link is not None:
                link.send(Hangup(code, reason))
                self.pump.put(Dropped(session, clean=False))
        if self.on_batch is not None:
            self.on_batch(batch)
