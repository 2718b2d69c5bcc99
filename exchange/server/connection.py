"""One WebSocket connection of the server: frames in to the pump, batches out in one write. Shell.

`inflow` cuts incoming bytes into frames, `backlog` holds what waits for a slow reader; this module
handles the socket and the WebSocket library. Inbound frames go straight to the pump's queue,
without a task per connection. Outbound, all payloads of a batch are framed in one piece (`framing`)
and written with one transport call: per-frame calls were a third of the cost of an order.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Protocol, cast

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import CLOSING, OPEN, Event

from exchange.server.backlog import BACKLOG_MAX_BYTES, Backlog
from exchange.server.ended import let_go
from exchange.server.framing import Framing, framed
from exchange.server.inflow import (
    BINARY,
    HANDSHAKE_MAX_BYTES,
    OTHER,
    PENDING_MAX,
    SMALL_BYTES,
    TURN_FRAMES,
    Inflow,
    is_control,
)
from exchange.server.keepalive import NO_PONG, Reading, pong_lost
from exchange.server.turns import Line
from exchange.session.deliveries import Delivery, Replay
from exchange.units import MS_PER_SECOND
from exchange.wire.close_codes import CLOSE_INTERNAL, CLOSE_POLICY, CLOSE_TRY_LATER
from exchange.wire.types import MAX_FRAME_BYTES

try:
    from websockets.speedups import apply_mask
except ImportError:  # an installation without the library's C code
    from websockets.utils import apply_mask

READ_BYTES: Final = 64 * 1024
"""Bytes read from the socket at once; asyncio's own 256 KiB are more than one turn handles."""
TOO_MANY_SMALL: Final = "too many control frames or small fragments"
SEND_BUFFER_BYTES: Final = 64 * 1024
"""The socket's send buffer: the kernel's default hides a dead reader for 20 s and more."""
ABORT_AFTER_S: Final = 2.0
CLOSING_TURN_S: Final = 0.005
"""How long a connection that was told to close waits to be read again after one turn's frames."""


class Inbox(Protocol):
    """The part of the pump that a connection uses."""

    framing: Framing

    @property
    def room(self) -> int: ...

    def frames(self, connection: WireConnection, payloads: list[bytes]) -> None: ...
    def paused(self, connection: WireConnection) -> None: ...
    def behind(self, connection: WireConnection) -> None: ...
    def keeping_up(self, connection: WireConnection) -> None: ...
    def was_cut(self) -> None: ...


class Admits(Protocol):
    """Counts connections whose handshake is not over; see `exchange.server.admission`."""

    def accepted(self, connection: WireConnection) -> None: ...
    def handshake_done(self, connection: WireConnection) -> None: ...
    def ended(self, connection: WireConnection) -> None: ...


SendStored = Callable[["WireConnection", Replay], Awaitable[None]]


class WireConnection(ServerConnection):
    """``number`` is the session's; 0 until the handler has registered the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.number = 0
        self.binary = False
        self.speaks_other_version = False
        self.inbox: Inbox | None = None
        self.admission: Admits | None = None
        self.send_stored: SendStored | None = None
        self.take_chunk: Callable[[bytes], None] | None = None
        self.chunks_wait = False
        """An upload's chunks wait for the disk."""
        self.line = Line()
        """Frames in the pump's queue."""
        self.backlog = Backlog()
        self.inflow = Inflow(self._now_ms(), apply_mask)
        self.max_bytes = MAX_FRAME_BYTES
        self._reading = Reading()
        self._taken = 0
        self._turn: asyncio.Handle | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- inbound ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        sock = cast(socket.socket | None, transport.get_extra_info("socket"))
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if hasattr(transport, "max_size"):
            transport.max_size = READ_BYTES
        if self.admission is not None:
            self.admission.accepted(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        let_go(self.protocol, (self._turn, self._resting, self._ending))
        if self.admission is not None:
            self.admission.ended(self)

    def attach(self, number: int, inbox: Inbox, binary: bool, send_stored: SendStored) -> None:
        """Register with the pump; frames that came right behind the handshake are read now."""
        if self.admission is not None:
            self.admission.handshake_done(self)
        self.number = self.line.number = number
        self.inbox = inbox
        self.binary, self.send_stored = binary, send_stored
        self.resume()

    def take_messages_of(self, max_bytes: int) -> None:
        """Take messages up to this length from now on."""
        self.max_bytes = self.protocol.max_message_size = max_bytes

    def data_received(self, data: bytes) -> None:
        """Handle what this turn of the loop allows; the rest waits, and reading pauses."""
        if not self.protocol.eof_sent:  # Otherwise the connection is already closed on our side.
            self.inflow.add(data)
            self.resume()

    def resume(self) -> None:
        """Handle the bytes received so far as far as allowed now, then resume or pause reading."""
        if self.transport.is_closing():
            return
        if self.request is None:
            self._take_request()
        else:
            self._take_frames()
        if self._room() > 0:
            self._reading.go_on(self.transport, self.loop.time())
        else:
            self._stop_reading()

    def rest(self, seconds: float) -> None:
        """Pause reading for this long; one pause at a time."""
        if self._resting is None and not self.transport.is_closing():
            self._resting = self.loop.call_later(seconds, self._rested)
            self._reading.stop(self.transport)

    def _rested(self) -> None:
        self._resting = None
        self.resume()

    def _take_request(self) -> None:
        if self._resting is not None:
            return
        request = self.inflow.take_request()
        if request is not None:
            super().data_received(request)
        elif len(self.inflow) > HANDSHAKE_MAX_BYTES:
            self.transport.abort()

    def _take_frames(self) -> None:
        protocol, inflow = self.protocol, self.inflow
        while inflow and (room := self._room()) > 0 and not protocol.eof_sent:
            plain = None if self.take_chunk else inflow.take_plain(self.max_bytes, room)
            if plain:
                self._taken += len(plain)
                self._messages(plain)
            elif not self._take_other():
                return

    def _take_other(self) -> bool:
        """Handle the next frame, whatever it is; False when it is not whole yet."""
        frame = self.inflow.take(self.max_bytes)
        if frame is None:
            return False
        self._taken += 1
        first, data = frame
        closing = self.protocol.state is CLOSING
        if first != OTHER:
            self._chunk(data) if first == BINARY and self.take_chunk else self._messages([data])
        elif not closing or self.inflow.refused or is_control(data):
            # Of one that was told to end, only its close frame still counts.
            super().data_received(data)
            if not closing and self.protocol.state is CLOSING:
                self._end_soon()
        return True

    def process_event(self, event: Event) -> None:
        """Handle the library's events: the handshake, control frames and fragments."""
        if self.protocol.eof_sent and self.request is not None:
            return
        if not isinstance(event, Frame):
            super().process_event(event)
        elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._fragment(event)
        elif self._small_fits():
            super().process_event(event)

    def _room(self) -> int:
        """Return how many frames may be parsed now."""
        inbox, backlog = self.inbox, self.backlog
        if self._resting is not None:
            return 0
        if inbox is None:
            return int(self.request is None)  # Frames after the handshake wait for its answer.
        if self.chunks_wait or (backlog.behind and not backlog.replays):
            return 0
        return min(PENDING_MAX - len(self.line.items), TURN_FRAMES - self._taken, inbox.room)

    def _stop_reading(self) -> None:
        """Resume reading: the loop, the pump, the disk or the reader no longer blocks it."""
        self._reading.stop(self.transport)
        if self._taken >= TURN_FRAMES and self._turn is None:
            if self.protocol.state is CLOSING:
                self._turn = self.loop.call_later(CLOSING_TURN_S, self._next_turn)
            else:
                self._turn = self.loop.call_soon(self._next_turn)
        inbox = self.inbox
        if inbox is not None and (len(self.line.items) >= PENDING_MAX or inbox.room <= 0):
            inbox.paused(self)

    async def keepalive(self) -> None:
        if await pong_lost(self, self._reading):
            self._fail(CLOSE_INTERNAL, NO_PONG)

    def _next_turn(self) -> None:
        self._turn, self._taken = None, 0
        self.resume()

    def _small_fits(self) -> bool:
        """Count a small frame; too many end the connection."""
        if self.inflow.small_fits(self._now_ms()):
            return True
        self._fail(CLOSE_POLICY, TOO_MANY_SMALL)
        return False

    def _fail(self, code: int, reason: str) -> None:
        self.protocol.fail(code, reason)
        self.send_data()
        self._end_soon()

    def _end_soon(self) -> None:
        """Close the connection within a time limit, whatever the other end does."""
        if self.protocol.eof_sent:
            self.inflow.clear()
        if self._ending is None:
            self._ending = self.loop.call_later(ABORT_AFTER_S, self.transport.abort)

    def _now_ms(self) -> int:
        return int(self.loop.time() * MS_PER_SECOND)

    def _fragment(self, event: Frame) -> None:
        if len(event.data) < SMALL_BYTES and not self._small_fits():
            return
        message = self.inflow.join(bytes(event.data), event.fin)
        if message is not None:
            self._messages([message])

    def _chunk(self, data: bytes) -> None:
        assert self.take_chunk is not None, "only an upload has chunks"
        if self.protocol.state is not CLOSING and (len(data) >= SMALL_BYTES or self._small_fits()):
            self.take_chunk(data)

    def _messages(self, payloads: list[bytes]) -> None:
        """Pass on what was said, unless the connection was told to end."""
        assert self.inbox is not None, "frames wait until the handshake is answered"
        if self.protocol.state is not CLOSING:
            self.inbox.frames(self, payloads)

    # --- outbound ---

    def send_data(self) -> None:
        """Write the protocol's own pending bytes, mostly pongs, in one piece."""
        parts = self.protocol.data_to_send()
        if not parts or self.transport.is_closing():
            return
        if data := b"".join(parts):
            self.transport.write(data)
        if not parts[-1] and not self.transport.is_closing():  # Empty: no more to send.
            if self.transport.can_write_eof():
                with suppress(OSError):  # The other end may be gone already.
                    self.transport.write_eof()
            else:
                self.transport.close()

    def deliver(self, items: list[Delivery]) -> None:
        """Write a batch's payloads, or queue them behind a slow reader or a stored replay."""
        if self.protocol.state is not OPEN or self.transport.is_closing():
            return
        if self.paused or self.backlog or self.backlog.held:
            self._queue(items)
        else:
            assert self.inbox is not None, "only an attached connection is delivered to"
            data = self.inbox.framing.of(items, self.binary)
            self._write(items) if data is None else self.transport.write(data)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._flush()

    @property
    def backlog_bytes(self) -> int:
        """Bytes not sent yet, in our backlog and in the transport."""
        return self.backlog.bytes + self.transport.get_write_buffer_size()

    def cut(self, reason: str) -> None:
        """Drop a reader that does not keep up; it may or may not still see the close frame."""
        self.backlog.clear()
        if self.protocol.state is OPEN and self.inbox is not None:
            self.inbox.was_cut()
        self.close_soon(CLOSE_TRY_LATER, reason)

    def close_soon(self, code: int, reason: str) -> None:
        """Start the closing handshake after the frames already written. The library's own time
        limit starts when those are sent: never, if a peer reads nothing."""
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
        """The connection is gone: cancel the tasks that ran for it."""
        for task in self._tasks:
            task.cancel()

    def write_payloads(self, payloads: list[bytes], binary: bool | None = None) -> None:
        """Write frames now, past any backlog: for replies of the shell and stored replays."""
        if self.protocol.state is OPEN and not self.transport.is_closing():
            self.transport.write(framed(payloads, self.binary if binary is None else binary))
            if self.transport.get_write_buffer_size() > BACKLOG_MAX_BYTES:
                self.cut("reads too slowly")

    def replayed(self, final: bool) -> None:
        """A stored replay is sent; frames that waited for a final one follow."""
        self.backlog.end_replay(final)
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
        self.backlog.begin_replay(item.final)
        self.spawn(self.send_stored(self, item))
        if behind:
            self.backlog.add_first(behind, self.loop.time())
            self._flush()

    def _queue(self, items: list[Delivery]) -> None:
        if self.paused and not self.backlog.behind:
            self._fall_behind()
        self.backlog.add(items, self.loop.time())
        if self.backlog.bytes > BACKLOG_MAX_BYTES:
            self.cut("reads too slowly")

    def _flush(self) -> None:
        backlog = self.backlog
        while backlog and not self.paused and not backlog.held:
            self._write(backlog.take())
        if backlog.behind and not (backlog or self.paused or backlog.held):
            assert self.inbox is not None, "only an attached connection is delivered to"
            backlog.behind = False
            self.inbox.keeping_up(self)
            self.resume()

    def _fall_behind(self) -> None:
        """Have the feed merge updates, and stop reading requests: answers would only pile up."""
        assert self.inbox is not None, "only an attached connection is delivered to"
        self.backlog.behind = True
        self.inbox.behind(self)
        if not self.backlog.replays:
            self._reading.stop(self.transport)
