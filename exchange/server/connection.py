"""One WebSocket connection of the server: frames in to the pump, batches out in one write. Shell.

Inbound frames go straight from the parser to the pump's queue, without a task per connection.
Outbound, all payloads of a batch are framed here and written with one transport call: per-frame
calls were a third of the cost of an order. Both use that extensions (compression) are off and that
the server never sends fragments, so a frame is its header and its payload (RFC 6455, 5.2).
"""

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Protocol, cast

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import CLOSING, OPEN, Event

from exchange.bucket import Bucket
from exchange.server.framing import Framing, framed
from exchange.session.outbox import Delivery, Replay
from exchange.units import MS_PER_SECOND
from exchange.wire.close_codes import CLOSE_POLICY, CLOSE_TRY_LATER

PENDING_MAX: Final = 16
"""Frames a connection may have in the pump's queue before it is read no further."""
TURN_FRAMES: Final = 32
"""Frames of a connection that are parsed in one turn of the loop; the rest waits for the next."""
PIECE_BYTES: Final = 512
"""What the parser gets at once: it holds at most 85 frames."""
HANDSHAKE_MAX_BYTES: Final = 16 * 1024
"""Of request line and headers."""
SMALL_BYTES: Final = 1024
SMALL_PER_S: Final = 10
SMALL_SAVED_S: Final = 5
"""Control frames, and fragments and chunks below `SMALL_BYTES`: what costs more than it says."""
TOO_MANY_SMALL: Final = "too many control frames or small fragments"
SEND_BUFFER_BYTES: Final = 64 * 1024
"""The kernel's default hides a dead reader for 20 s and more."""
BACKLOG_MAX_BYTES: Final = 16 * 1024 * 1024
BACKLOG_MAX_MS: Final = 5_000
"""A reader whose oldest waiting frame is older than this is cut."""
ABORT_AFTER_S: Final = 2.0


class Inbox(Protocol):
    """The pump, as a connection sees it."""

    framing: Framing

    @property
    def full(self) -> bool: ...

    def frame(self, connection: "WireConnection", data: bytes) -> None: ...
    def paused(self, connection: "WireConnection") -> None: ...
    def behind(self, connection: "WireConnection") -> None: ...
    def keeping_up(self, connection: "WireConnection") -> None: ...
    def was_cut(self) -> None: ...


class Doorkeeper(Protocol):
    """Counts connections whose handshake is not over; see `exchange.door`."""

    def accepted(self, connection: "WireConnection") -> None: ...
    def handshake_done(self, connection: "WireConnection") -> None: ...


SendStored = Callable[["WireConnection", Replay], Awaitable[None]]


class WireConnection(ServerConnection):
    """``number`` is the session's; 0 until the handler has registered the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.number = 0
        self.binary = False
        self.speaks_other_version = False
        self.inbox: Inbox | None = None
        self.door: Doorkeeper | None = None
        self.send_stored: SendStored | None = None
        self.take_chunk: Callable[[bytes], None] | None = None
        self.pending = 0
        """Frames in the pump's queue; the pump counts down."""
        self.chunks_wait = False
        """An upload's chunks wait for the disk."""
        self._early: list[bytes] = []
        self._unread = bytearray()
        self._handshake_bytes = 0
        self._taken = 0
        self._turn: asyncio.Handle | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._small = Bucket(self._now_ms(), SMALL_PER_S, SMALL_SAVED_S)
        self._fragments: list[bytes] = []
        self._held = False
        self._behind = False
        self._replays = 0
        self._backlog: deque[tuple[float, list[Delivery]]] = deque()
        self._backlog_bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    # --- inbound ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        sock = cast(socket.socket | None, transport.get_extra_info("socket"))
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if self.door is not None:
            self.door.accepted(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for waiting in (self._turn, self._resting, self._ending):
            if waiting is not None:
                waiting.cancel()
        if self.door is not None:
            self.door.handshake_done(self)

    def attach(self, number: int, inbox: Inbox, binary: bool, send_stored: SendStored) -> None:
        """Register with the pump; frames that came right behind the handshake follow."""
        if self.door is not None:
            self.door.handshake_done(self)
        self.number, self.inbox = number, inbox
        self.binary, self.send_stored = binary, send_stored
        early, self._early = self._early, []
        for data in early:
            self._message(data)
        self.resume()

    def data_received(self, data: bytes) -> None:
        """Take of it what this turn of the loop has room for; the rest waits, and nothing more
        is read."""
        if self.protocol.eof_sent:
            return  # We said the last word.
        if self._unread or len(data) > PIECE_BYTES or not self._open():
            self._unread += data
            self.resume()
        else:
            self._parse(data)
            if self.inbox is not None and not self._open():
                self._stop_reading()

    def resume(self) -> None:
        """Go on with what came, as far as it may be handled now, then read on or not."""
        if self.transport.is_closing():
            return
        while self._unread and self._open() and not self.protocol.eof_sent:
            piece = bytes(self._unread[:PIECE_BYTES])
            del self._unread[:PIECE_BYTES]
            self._parse(piece)
        if self._unread or not self._open():
            self._stop_reading()
        else:
            self.transport.resume_reading()

    def rest(self, seconds: float) -> None:
        """Read no further for so long; one rest at a time."""
        if self._resting is None and not self.transport.is_closing():
            self._resting = self.loop.call_later(seconds, self._rested)
            self.transport.pause_reading()

    def _rested(self) -> None:
        self._resting = None
        self.resume()

    def process_event(self, event: Event) -> None:
        if self.protocol.eof_sent and self.request is not None:
            return  # What else it sent is of no interest.
        self._taken += 1
        if not isinstance(event, Frame):
            super().process_event(event)
        elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if event.fin and not self._fragments:
                self._data(event.opcode, bytes(event.data))
            else:
                self._fragment(event)
        elif self._small_fits():
            super().process_event(event)

    def _parse(self, data: bytes) -> None:
        if self.request is None:
            self._handshake_bytes += len(data)
            if self._handshake_bytes > HANDSHAKE_MAX_BYTES:
                self.transport.abort()
                return
        super().data_received(data)
        if self.protocol.state is CLOSING:
            self._end_soon()

    def _open(self) -> bool:
        """May another frame be parsed now?"""
        inbox = self.inbox
        if self._resting is not None:
            return False
        if inbox is None:
            return self.request is None  # Behind the handshake: not before it is answered.
        return (
            self.pending < PENDING_MAX
            and self._taken < TURN_FRAMES
            and not (self._behind and not self._replays)
            and not self.chunks_wait
            and not inbox.full
        )

    def _stop_reading(self) -> None:
        """Whoever holds us up lets us go on: the loop, the pump, the disk or the reader."""
        self.transport.pause_reading()
        if self._taken >= TURN_FRAMES and self._turn is None:
            self._turn = self.loop.call_soon(self._next_turn)
        if self.inbox is not None and (self.pending >= PENDING_MAX or self.inbox.full):
            self.inbox.paused(self)

    def _next_turn(self) -> None:
        self._turn, self._taken = None, 0
        self.resume()

    def _small_fits(self) -> bool:
        """Count a small frame; too many end the connection."""
        if self._small.take(self._now_ms(), SMALL_PER_S) == 0:
            return True
        self.protocol.fail(CLOSE_POLICY, TOO_MANY_SMALL)
        self.send_data()
        self._end_soon()
        return False

    def _end_soon(self) -> None:
        """Whatever the other end does, or does not, the connection will be gone."""
        if self.protocol.eof_sent:
            self._unread.clear()
        if self._ending is None:
            self._ending = self.loop.call_later(ABORT_AFTER_S, self.transport.abort)

    def _now_ms(self) -> int:
        return int(self.loop.time() * MS_PER_SECOND)

    def _fragment(self, event: Frame) -> None:
        # The parser bounds their sum by the message size limit.
        if len(event.data) < SMALL_BYTES and not self._small_fits():
            return
        self._fragments.append(bytes(event.data))
        if event.fin:
            data = b"".join(self._fragments)
            self._fragments.clear()
            self._message(data)

    def _data(self, opcode: Opcode, data: bytes) -> None:
        if opcode is not Opcode.BINARY or self.take_chunk is None:
            self._message(data)
        elif len(data) >= SMALL_BYTES or self._small_fits():
            self.take_chunk(data)

    def _message(self, data: bytes) -> None:
        inbox = self.inbox
        if inbox is None:
            self._early.append(data)
            return
        self.pending += 1
        inbox.frame(self, data)

    # --- outbound ---

    def send_data(self) -> None:
        """Write what the protocol has to say, pongs above all, in one piece."""
        parts = self.protocol.data_to_send()
        if not parts or self.transport.is_closing():
            return
        if data := b"".join(parts):
            self.transport.write(data)
        if not parts[-1] and not self.transport.is_closing():  # The protocol's sign for the end.
            if self.transport.can_write_eof():
                with suppress(OSError):  # The other end may be gone already.
                    self.transport.write_eof()
            else:
                self.transport.close()

    def deliver(self, items: list[Delivery]) -> None:
        """Write a batch's payloads, or queue them behind a slow reader or a stored replay."""
        if self.protocol.state is not OPEN:
            return
        if self._held or self.paused or self._backlog:
            self._queue(items)
        else:
            assert self.inbox is not None, "only an attached connection is delivered to"
            data = self.inbox.framing.of(items, self.binary)
            if data is None:
                self._write(items)
            else:
                self.transport.write(data)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._flush()

    @property
    def backlog_bytes(self) -> int:
        """What waits to be read, in front of the transport and inside."""
        return self._backlog_bytes + self.transport.get_write_buffer_size()

    def backlog_age_ms(self, now_s: float) -> int:
        """Return how long the oldest waiting frame has waited; 0 while a replay is paced."""
        if self._replays or not self._backlog:
            return 0
        return int((now_s - self._backlog[0][0]) * 1000)

    def cut(self, reason: str) -> None:
        """Drop a reader that does not keep up; it may or may not still see the close frame."""
        self._backlog.clear()
        self._backlog_bytes = 0
        if self.protocol.state is OPEN and self.inbox is not None:
            self.inbox.was_cut()
        self.close_soon(CLOSE_TRY_LATER, reason)

    def close_soon(self, code: int, reason: str) -> None:
        """Start the closing handshake behind what was written. The library's own limit begins when
        that is read, which a peer that reads nothing puts off for ever."""
        if self.protocol.state is OPEN:
            self.protocol.send_close(code, reason)
            self.send_data()
        self._end_soon()

    def spawn(self, work: Awaitable[None]) -> None:
        """Run ``work`` as a task that lives as long as it needs."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def abandon(self) -> None:
        """The connection is gone: end what was under way for it."""
        for task in self._tasks:
            task.cancel()

    def write_payloads(self, payloads: list[bytes], binary: bool | None = None) -> None:
        """Write frames now, past any backlog: for replies of the shell and stored replays."""
        if self.protocol.state is OPEN:
            self.transport.write(framed(payloads, self.binary if binary is None else binary))
            if self.transport.get_write_buffer_size() > BACKLOG_MAX_BYTES:
                self.cut("reads too slowly")

    def replayed(self, final: bool) -> None:
        """A stored replay is through; what was held behind a final one follows."""
        self._replays -= 1
        if final:
            self._held = False
        self._flush()

    def _write(self, items: list[Delivery]) -> None:
        for index, item in enumerate(items):
            if type(item) is Replay:
                self.write_payloads(cast(list[bytes], items[:index]))
                self._replay(item, items[index + 1 :])
                return
        self.write_payloads(cast(list[bytes], items))

    def _replay(self, item: Replay, behind: list[Delivery]) -> None:
        assert self.send_stored is not None, "an attached connection can read the store"
        self._held = item.final
        self._replays += 1
        self.spawn(self.send_stored(self, item))
        if behind:
            # In front of what waits already: these were delivered earlier.
            self._backlog.appendleft((self.loop.time(), behind))
            self._backlog_bytes += _size(behind)
            self._flush()

    def _queue(self, items: list[Delivery]) -> None:
        if self.paused and not self._behind:
            self._fall_behind()
        self._backlog.append((self.loop.time(), items))
        self._backlog_bytes += _size(items)
        if self._backlog_bytes > BACKLOG_MAX_BYTES:
            self.cut("reads too slowly")

    def _flush(self) -> None:
        while self._backlog and not self.paused and not self._held:
            _, items = self._backlog.popleft()
            self._backlog_bytes -= _size(items)
            self._write(items)
        if self._behind and not (self._backlog or self.paused or self._held):
            assert self.inbox is not None, "only an attached connection is delivered to"
            self._behind = False
            self.inbox.keeping_up(self)
            self.resume()

    def _fall_behind(self) -> None:
        """Have the feed merged, and take no more requests: their answers would only pile up."""
        assert self.inbox is not None, "only an attached connection is delivered to"
        self._behind = True
        self.inbox.behind(self)
        if not self._replays:
            self.transport.pause_reading()


def _size(items: list[Delivery]) -> int:
    return sum(len(item) for item in items if type(item) is bytes)
