"""What a connection takes in: frames a turn, small frames, handshakes; counted, not timed.

A real connection on a transport in memory, in front of a pump that only collects.
"""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.server import ServerProtocol

from exchange.server.connection import (
    ABORT_AFTER_S,
    TOO_MANY_SMALL,
    WireConnection,
)
from exchange.server.connection import READ_BYTES as READ_AT_ONCE_BYTES
from exchange.server.framing import Framing
from exchange.server.inflow import (
    HANDSHAKE_MAX_BYTES,
    PENDING_MAX,
    SMALL_BYTES,
    SMALL_PER_S,
    SMALL_SAVED_S,
    TURN_FRAMES,
)
from exchange.server.pump import QUEUE_MAX
from exchange.wire.types import MAX_FRAME_BYTES
from tests.exchange.support.attack_kinds import HANDSHAKE, framed
from tests.exchange.support.harness import until

TEXT, BINARY, CONT, PING, PONG, FIN = 0x01, 0x02, 0x00, 0x89, 0x8A, 0x80
SAVED = SMALL_PER_S * SMALL_SAVED_S
READ_BYTES = 256 * 1024
PIECE_BYTES = 512


class Pipe(asyncio.Transport):
    """A transport in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.reading, self.closing, self.written = True, False, bytearray()
        self.max_size = 0

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def abort(self) -> None:
        self.closing = True

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Collector:
    """A pump that collects and works when it is told to."""

    def __init__(self) -> None:
        self.framing, self.room = Framing(), QUEUE_MAX
        self.taken: list[bytes] = []
        self.stopped: list[WireConnection] = []

    def frames(self, connection: WireConnection, payloads: list[bytes]) -> None:
        self.taken += payloads
        connection.line.items.extend(payloads)

    def paused(self, connection: WireConnection) -> None:
        self.stopped.append(connection)

    def behind(self, connection: WireConnection) -> None: ...
    def keeping_up(self, connection: WireConnection) -> None: ...
    def was_cut(self) -> None: ...

    def work(self) -> None:
        stopped, self.stopped = self.stopped, []
        for connection in stopped:
            connection.line.items.clear()
            connection.resume()


class Scene:
    """An attached connection, its transport and its pump."""

    def __init__(self) -> None:
        self.pipe, self.pump = Pipe(), Collector()
        server = SimpleNamespace(handler=self._handle, handler_tasks=set(), is_serving=lambda: True)
        protocol = ServerProtocol(max_size=MAX_FRAME_BYTES)
        self.connection = WireConnection(protocol, server, ping_interval=None)
        self.connection.connection_made(self.pipe)

    async def _handle(self, connection: WireConnection) -> None:
        await connection.handshake()

    async def attached(self) -> "Scene":
        self.connection.data_received(HANDSHAKE)
        await until(lambda: bool(self.pipe.written))
        self.pipe.written.clear()
        self.connection.attach(1, self.pump, False, None)  # type: ignore[arg-type]
        return self

    def closed_as(self) -> str | None:
        sent = self.connection.protocol.close_sent
        return f"{sent.code} {sent.reason}" if sent else None


def scene(play: Callable[[Scene], Any]) -> None:
    async def main() -> None:
        played = play(await Scene().attached())
        if asyncio.iscoroutine(played):
            await played

    asyncio.run(main())


BEGIN = framed(TEXT, b"{")
SMALL = [
    ("empty pings", b"", framed(PING, b"")),
    ("long pings", b"", framed(PING, b"p" * 125)),
    ("pongs nobody asked for", b"", framed(PONG, b"")),
    ("empty continuations", BEGIN, framed(CONT, b"")),
    ("fragments of one byte", BEGIN, framed(CONT, b" ")),
    ("two fragments a message", b"", framed(TEXT, b"") + framed(FIN | CONT, b"{}")),
]


@pytest.mark.parametrize(("first", "again"), [row[1:] for row in SMALL], ids=[r[0] for r in SMALL])
def test_small_frames_have_a_budget_and_then_the_connection_ends(
    first: bytes, again: bytes
) -> None:
    def play(at: Scene) -> None:
        at.connection.data_received(first + again * (SAVED // 2 - 1))
        at.connection._next_turn()
        assert at.closed_as() is None
        for _ in range(READ_BYTES // PIECE_BYTES):
            at.connection.data_received(again * (PIECE_BYTES // len(again)))
            at.connection._next_turn()
            at.pump.work()
        assert at.closed_as() == f"1008 {TOO_MANY_SMALL}"
        assert len(at.pipe.written) < (SAVED + PIECE_BYTES // 6) * 140, "nor do pongs pile up"
        assert len(at.connection.inflow) == 0

    scene(play)


def test_a_small_chunk_of_an_upload_is_a_small_frame() -> None:
    def play(at: Scene) -> None:
        chunks: list[bytes] = []
        at.connection.take_chunk = chunks.append
        at.connection.data_received(framed(FIN | BINARY, b"x" * SMALL_BYTES) * 20)
        for _ in range(2 * SAVED):
            at.connection.data_received(framed(FIN | BINARY, b"x"))
            at.connection._next_turn()
        assert at.closed_as() == f"1008 {TOO_MANY_SMALL}"
        assert len(chunks) == 20 + SAVED

    scene(play)


def test_large_fragments_are_none_of_them() -> None:
    def play(at: Scene) -> None:
        piece = framed(CONT, b" " * SMALL_BYTES)
        message = framed(TEXT, b"{" * SMALL_BYTES) + piece * 14 + framed(FIN | CONT, b"}" * 1024)
        for _ in range(50):
            at.connection.data_received(message)
            at.connection._next_turn()
            at.pump.work()
        assert (at.closed_as(), len(at.pump.taken)) == (None, 50)

    scene(play)


def test_a_turn_takes_so_many_frames_and_the_pump_so_many_of_a_connection() -> None:
    """One read may hold thousands of frames."""

    def play(at: Scene) -> None:
        frame = framed(FIN | TEXT, b"{}")
        at.connection.data_received(frame * (READ_BYTES // len(frame)))
        assert (len(at.pump.taken), at.pipe.reading) == (PENDING_MAX, False)
        at.pump.work()
        assert len(at.pump.taken) == TURN_FRAMES
        at.pump.work()
        assert len(at.pump.taken) == TURN_FRAMES, "the rest waits for the loop's next turn"
        at.connection._next_turn()
        assert len(at.pump.taken) == TURN_FRAMES + PENDING_MAX

    scene(play)


def test_so_much_is_read_at_once() -> None:
    """The loop reads as much as the transport's ``max_size`` says."""

    async def main() -> None:
        at = Scene()
        at.pipe.max_size = READ_BYTES
        at.connection.connection_made(at.pipe)
        assert at.pipe.max_size == READ_AT_ONCE_BYTES

    asyncio.run(main())


def test_all_that_came_is_taken_in_the_end_in_order_and_reading_goes_on() -> None:
    async def play(at: Scene) -> None:
        texts = [b"%d" % number for number in range(5_000)]
        at.connection.data_received(b"".join(framed(FIN | TEXT, text) for text in texts))
        while len(at.pump.taken) < len(texts):
            at.pump.work()
            await asyncio.sleep(0)
        at.pump.work()
        await asyncio.sleep(0)
        assert (at.pump.taken, at.pipe.reading) == (texts, True)

    scene(play)


def test_while_the_pump_is_full_nobody_is_read() -> None:
    def play(at: Scene) -> None:
        at.pump.room = 0
        at.connection.data_received(framed(FIN | TEXT, b"{}"))
        assert (at.pump.taken, at.pipe.reading) == ([], False)
        at.pump.room = QUEUE_MAX
        at.pump.work()
        assert (at.pump.taken, at.pipe.reading) == ([b"{}"], True)

    scene(play)


def test_a_handshake_has_a_bound() -> None:
    async def main() -> None:
        at = Scene()
        at.connection.data_received(b"GET / HTTP/1.1\r\n")
        header = b"X: " + b"y" * (PIECE_BYTES - 5) + b"\r\n"
        at.connection.data_received(header * (HANDSHAKE_MAX_BYTES // PIECE_BYTES - 1))
        assert not at.pipe.closing
        at.connection.data_received(header * 2)
        assert at.pipe.closing

    asyncio.run(main())


def test_frames_before_the_handshake_is_answered_wait_unparsed() -> None:
    async def main() -> None:
        at, frames = Scene(), framed(FIN | TEXT, b"{}") * 5_000
        at.connection.data_received(HANDSHAKE)
        at.connection.data_received(frames)
        assert (len(at.connection.inflow), at.pipe.reading) == (len(frames), False)

    asyncio.run(main())


ENDS = [
    ("oversized", b"\x81\xff" + (2**20).to_bytes(8, "big")),
    ("reserved", b"\xf1\x80" + b"0" * 4),
]


@pytest.mark.parametrize("last", [row[1] for row in ENDS], ids=[row[0] for row in ENDS])
def test_whoever_is_told_to_go_is_gone_soon_whatever_he_does(last: bytes) -> None:
    """The library's own limit begins only when the other end reads our close."""

    def play(at: Scene) -> None:
        at.connection.data_received(last)
        ending = at.connection._ending
        assert ending is not None
        assert ending.when() <= at.connection.loop.time() + ABORT_AFTER_S

    scene(play)


def test_nothing_is_written_to_a_transport_that_is_gone() -> None:
    def play(at: Scene) -> None:
        at.pipe.closing = True
        at.connection.data_received(framed(PING, b"x") * 20)
        assert at.pipe.written == b""

    scene(play)


def test_a_goodbye_behind_much_else_is_still_heard() -> None:
    """Also when we said ours first: how a connection ended decides what becomes of its orders."""

    def play(at: Scene) -> None:
        at.connection.protocol.send_close(1001, "bye")
        much = framed(FIN | TEXT, b"{}") * (2 * TURN_FRAMES)
        at.connection.data_received(much + framed(0x88, b"\x03\xe8"))
        for _ in range(20):
            at.connection._next_turn()
            at.pump.work()
        heard = at.connection.protocol.close_rcvd
        assert heard is not None
        assert heard.code == 1000

    scene(play)


def test_behind_our_last_word_nothing_is_parsed() -> None:
    def play(at: Scene) -> None:
        at.connection.data_received(framed(PING, b"") * READ_BYTES)
        for _ in range(20):
            at.connection._next_turn()
        assert at.closed_as() == f"1008 {TOO_MANY_SMALL}"
        at.connection.data_received(b"x" * READ_BYTES)
        assert (len(at.connection.inflow), len(at.connection.protocol.reader.buffer)) == (0, 0)

    scene(play)
