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
from struct import Struct
from typing import Any, Final, Protocol, cast

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Event

from exchange.outbox import Delivery, Replay

PENDING_MAX: Final = 256
"""Frames a connection may have in the pump's queue before it is read no further."""
SEND_BUFFER_BYTES: Final = 64 * 1024
"""The kernel's default hides a dead reader for 20 s and more."""
BACKLOG_MAX_BYTES: Final = 16 * 1024 * 1024
BACKLOG_MAX_MS: Final = 5_000
"""A reader whose oldest waiting frame is older than this is cut."""
ABORT_AFTER_S: Final = 2.0
CLOSE_TRY_LATER: Final = 1013

_TEXT, _BINARY = 0x81, 0x82
_HEADERS: Final = {
    first: [bytes((first, length)) for length in range(126)] for first in (_TEXT, _BINARY)
}
_MEDIUM: Final = Struct("!BBH")
_LARGE: Final = Struct("!BBQ")


def framed(payloads: list[bytes], binary: bool) -> bytes:
    """Return ``payloads`` as unmasked, unfragmented WebSocket frames in one piece."""
    first = _BINARY if binary else _TEXT
    short = _HEADERS[first]
    parts: list[bytes] = []
    for payload in payloads:
        length = len(payload)
        if length < 126:
            parts.append(short[length])
        elif length < 65536:
            parts.append(_MEDIUM.pack(first, 126, length))
        else:
            parts.append(_LARGE.pack(first, 127, length))
        parts.append(payload)
    return b"".join(parts)


class Framing:
    """Frames what goes to many connections once: a fan-out hands the same payloads to each.

    Remembers one batch's last payloads; they are compared by identity first, so a hit is cheap.
    """

    __slots__ = ("_binary", "_data", "_items")

    def __init__(self) -> None:
        self._items: list[Delivery] = []
        self._binary = False
        self._data = b""

    def of(self, items: list[Delivery], binary: bool) -> bytes | None:
        """Return ``items`` framed in one piece, None when there is more to them than bytes."""
        if items == self._items and binary is self._binary:
            return self._data
        for item in items:
            if type(item) is Replay:
                return None
        self._data = framed(cast(list[bytes], items), binary)
        self._items, self._binary = items, binary
        return self._data


class Inbox(Protocol):
    """The pump, as a connection sees it."""

    round: int
    framing: Framing

    def frame(self, connection: "WireConnection", data: bytes) -> None: ...
    def paused(self, connection: "WireConnection") -> None: ...
    def behind(self, connection: "WireConnection") -> None: ...
    def keeping_up(self, connection: "WireConnection") -> None: ...
    def was_cut(self) -> None: ...


class Doorkeeper(Protocol):
    """Counts connections whose handshake is not over; see `exchange.door`."""

    def came(self, connection: "WireConnection") -> None: ...
    def passed(self, connection: "WireConnection") -> None: ...


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
        self._early: list[bytes] = []
        self._fragments: list[bytes] = []
        self._round = 0
        self._pending = 0
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
            self.door.came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.door is not None:
            self.door.passed(self)

    def attach(self, number: int, inbox: Inbox, binary: bool, send_stored: SendStored) -> None:
        """Register with the pump; frames that came right behind the handshake follow."""
        if self.door is not None:
            self.door.passed(self)
        self.number, self.inbox = number, inbox
        self.binary, self.send_stored = binary, send_stored
        early, self._early = self._early, []
        for data in early:
            self._message(data)

    def process_event(self, event: Event) -> None:
        if not isinstance(event, Frame):
            super().process_event(event)
        elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if event.fin and not self._fragments:
                self._data(event.opcode, bytes(event.data))
            else:
                self._fragment(event)
        else:
            super().process_event(event)

    def resume(self) -> None:
        """The pump took what was queued: read on, unless the answers are not read."""
        if not self.transport.is_closing() and not (self._behind and not self._replays):
            self.transport.resume_reading()

    def _fragment(self, event: Frame) -> None:
        # The parser bounds their sum by the message size limit.
        self._fragments.append(bytes(event.data))
        if event.fin:
            data = b"".join(self._fragments)
            self._fragments.clear()
            self._message(data)

    def _data(self, opcode: Opcode, data: bytes) -> None:
        if opcode is Opcode.BINARY and self.take_chunk is not None:
            self.take_chunk(data)
        else:
            self._message(data)

    def _message(self, data: bytes) -> None:
        inbox = self.inbox
        if inbox is None:
            self._early.append(data)
            return
        if self._round != inbox.round:
            self._round, self._pending = inbox.round, 0
        self._pending += 1
        if self._pending == PENDING_MAX:
            self.transport.pause_reading()
            inbox.paused(self)
        inbox.frame(self, data)

    # --- outbound ---

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
        """What waits in front of the transport."""
        return self._backlog_bytes

    def backlog_age_ms(self, now_s: float) -> int:
        """Return how long the oldest waiting frame has waited; 0 while a replay is paced."""
        if self._replays or not self._backlog:
            return 0
        return int((now_s - self._backlog[0][0]) * 1000)

    def cut(self, reason: str) -> None:
        """Drop a reader that does not keep up; it may or may not still see the close frame."""
        self._backlog.clear()
        self._backlog_bytes = 0
        if self.protocol.state is OPEN:
            if self.inbox is not None:
                self.inbox.was_cut()
            self.protocol.send_close(CLOSE_TRY_LATER, reason)
            self.send_data()
            self.loop.call_later(ABORT_AFTER_S, self.transport.abort)

    def close_soon(self, code: int, reason: str) -> None:
        """Start the closing handshake behind what was written."""
        self.spawn(self.close(code, reason))

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
