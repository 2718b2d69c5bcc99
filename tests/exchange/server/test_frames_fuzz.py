"""What a client sends, against the library's own parser: byte by byte and in any pieces.

Frames that are right, odd and wrong in any order: the same messages must come out, the same bytes
must be answered (pongs, the close frame) and the connection must end with the same code. First
`Inflow` alone, then a connection from its handshake on, then a real server on a raw socket.
"""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import CLOSING, OPEN, SERVER, Protocol

from exchange.server.inflow import OTHER, Inflow
from exchange.wire.types import MAX_FRAME_BYTES
from tests.exchange.server.test_frames_in import payload, written
from tests.exchange.server.test_inflow import Scene
from tests.exchange.support.attack_kinds import HANDSHAKE
from tests.exchange.support.harness import DEADLINE_S, running, until

MAX_BYTES = 60_000
"""Longest message where `Inflow` is alone: less than the two bytes of a length can say."""
FRAMES_MAX = 24
"""Fewer than the small frames that a connection may send."""
MASKS = st.binary(min_size=4, max_size=4)
SHORT = st.sampled_from([0, 1, 3, 125, 126, 170, 256]).map(payload) | st.just(b"\xff\xfe")
TEXTS = SHORT | st.sampled_from([MAX_BYTES, 65_535, 65_536]).map(payload)


def _long(first: int, size: bytes, text: bytes, mask: bytes) -> bytes:
    """Return a frame that writes its length in more bytes than it needs."""
    return bytes((first,)) + size + written(Opcode.TEXT, text, mask)[2:]


MASK = b"\x01\x80\xff\x7e"
RIGHT_ONES = [
    *(
        written(kind, payload(length), MASK)
        for kind in (Opcode.TEXT, Opcode.BINARY)
        for length in (0, 1, 3, 125, 126, 170, 256, 257)
    ),
    written(Opcode.TEXT, b"\xff\xfe", b"\0\0\0\0"),
    written(Opcode.PING, b"ping", MASK),
    written(Opcode.PONG, b"", MASK),
    written(Opcode.TEXT, b"be", MASK, fin=False)
    + written(Opcode.PING, b"between", MASK)
    + written(Opcode.CONT, b"", MASK, fin=False)
    + written(Opcode.CONT, b"gun", MASK),
    _long(0x81, b"\xfe\x00\x03", b"two", MASK),
    _long(0x82, b"\xff" + bytes(7) + b"\x05", b"eight", MASK),
]
"""Frames as a client may send them."""
BEGIN = written(Opcode.TEXT, b"begin", MASK, fin=False)
WRONG_ONES = [
    written(Opcode.CLOSE, b"", MASK),
    written(Opcode.CLOSE, b"\x03\xe8bye", MASK),
    written(Opcode.CLOSE, b"\x03", MASK),
    written(Opcode.CLOSE, b"\x03\xe8\xff", MASK),
    written(Opcode.CONT, b"of nothing", MASK),
    BEGIN,
    BEGIN + written(Opcode.TEXT, b"again", MASK),
    BEGIN + written(Opcode.CONT, payload(MAX_BYTES), MASK),
    BEGIN + written(Opcode.CLOSE, b"", MASK),
    written(Opcode.PING, b"x", MASK, fin=False),
    written(Opcode.PING, payload(126), MASK),
    written(Opcode.TEXT, payload(MAX_BYTES + 1), MASK),
    b"\x81\x02{}",  # without a mask
    b"\x81\x7e\x00\x80" + payload(128),
    b"\xc1\x82\0\0\0\0{}",  # as if compressed
    b"\x91\xfe\x00\x80" + MASK + payload(128),
    b"\xc1\xfe\x00\x78\0\0\0\0" + written(Opcode.TEXT, b"", MASK) * 20,  # frames in a wrong one
    b"\x83\x82\0\0\0\0{}",  # no opcode
    b"\x81\xff" + (MAX_BYTES + 1).to_bytes(8, "big"),  # too long
    b"\x81\xff" + b"\xff" * 8,
]
"""What ends a connection, or begins what never ends."""


def right(texts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    kinds = st.sampled_from([Opcode.TEXT, Opcode.BINARY])
    return st.one_of(
        st.sampled_from(RIGHT_ONES),
        st.builds(written, kinds, texts, MASKS),
        st.builds(written, kinds, st.binary(max_size=200), MASKS),
    )


def wrong() -> st.SearchStrategy[bytes]:
    short = [one for one in WRONG_ONES if len(one) < 1_000]
    return st.sampled_from(short) | st.binary(min_size=1, max_size=12)


def streams(texts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    frames = right(texts) | right(texts) | right(texts) | wrong()
    return st.lists(frames, min_size=2, max_size=FRAMES_MAX // 3).map(b"".join)


CUTS = st.lists(st.integers(0, 2**18), max_size=12)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({cut % (len(data) + 1) for cut in cuts} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def bytes_of(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


class Heard:
    """What the library makes of a stream, and answers."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.protocol = Protocol(SERVER, max_size=max_bytes)
        self.messages: list[bytes] = []
        self.answers = b""
        self._parts: list[bytes] = []

    def take(self, data: bytes) -> list[Frame]:
        """Return the data frames."""
        if self.protocol.eof_sent:
            return []
        self.protocol.receive_data(data)
        self.answers += b"".join(self.protocol.data_to_send())
        events: list[Any] = self.protocol.events_received()
        return [event for event in events if event.opcode < Opcode.CLOSE]

    def hear(self, data: bytes) -> None:
        for frame in self.take(data):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                self.messages.append(b"".join(self._parts))
                self._parts.clear()

    def end(self) -> tuple[list[bytes], bytes, Any, Any]:
        return self.messages, self.answers, self.protocol.close_sent, self.protocol.close_rcvd


class Ours(Heard):
    """The same through `Inflow`, as a connection uses it; ``most`` plain frames at a time."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._inflow, self._most = Inflow(0), most

    def hear(self, data: bytes) -> None:
        inflow = self._inflow
        inflow.add(data)
        while inflow and not self.protocol.eof_sent:
            if plain := inflow.take_plain(MAX_BYTES, self._most):
                assert len(plain) <= self._most
                self.messages += plain
            elif (found := inflow.take(MAX_BYTES)) is None:
                return
            elif found[0] != OTHER:
                self.messages.append(found[1])
            else:
                for frame in self.take(found[1]):
                    joined = inflow.join(bytes(frame.data), frame.fin)
                    self.messages += [] if joined is None else [joined]


@pytest.mark.parametrize("last", WRONG_ONES, ids=range(len(WRONG_ONES)))
def test_behind_all_right_frames_each_wrong_one_ends_as_in_the_library(last: bytes) -> None:
    data = b"".join(RIGHT_ONES) + last + RIGHT_ONES[0] * 2 + RIGHT_ONES[-3]
    expected = heard(data).end()
    for stream in ([data], pieces(data, list(range(0, len(data), 7))), bytes_of(data)):
        for most in (1, 3, FRAMES_MAX):
            ours = Ours(most)
            for piece in stream:
                ours.hear(piece)
            assert ours.end() == expected


def heard(data: bytes, max_bytes: int = MAX_BYTES) -> Heard:
    found = Heard(max_bytes)
    found.hear(data)
    return found


@settings(max_examples=200)
@given(streams(TEXTS), CUTS, st.integers(1, 5))
@example(b"\x81\xfe\x00", [0], 1)
def test_in_any_pieces_the_same_is_heard_and_answered_as_by_the_library(
    data: bytes, cuts: list[int], most: int
) -> None:
    expected = heard(data).end()
    ours = Ours(most)
    for piece in pieces(data, cuts):
        ours.hear(piece)
    assert ours.end() == expected


@settings(max_examples=60)
@given(streams(SHORT), st.integers(1, 5))
def test_byte_by_byte_too(data: bytes, most: int) -> None:
    theirs, ours = Heard(), Ours(most)
    for byte in bytes_of(data):
        theirs.hear(byte)
        ours.hear(byte)
        assert ours.messages == theirs.messages, "no frame waits for the next one"
    assert ours.end() == theirs.end() == heard(data).end()


async def _connection(stream: list[bytes]) -> tuple[list[bytes], bytes, Any, Any]:
    """Return what a connection made of a stream that begins with the handshake."""
    at = Scene()
    connection, protocol = at.connection, at.connection.protocol
    for piece in stream:
        connection.data_received(piece)
        if connection.number == 0 and protocol.state is OPEN:
            at.pipe.written.clear()
            connection.attach(1, at.pump, False, None)  # type: ignore[arg-type]
        elif connection.number == 0 and connection.request is not None:
            await until(lambda: protocol.state is OPEN)
            at.pipe.written.clear()
            connection.attach(1, at.pump, False, None)  # type: ignore[arg-type]
        while at.pump.stopped:
            at.pump.work()
        connection._next_turn()
    await asyncio.sleep(0)
    return at.pump.taken, bytes(at.pipe.written), protocol.close_sent, protocol.close_rcvd


@settings(max_examples=60)
@given(streams(TEXTS), CUTS, st.integers(0, len(HANDSHAKE)))
def test_a_connection_hears_and_answers_the_same_from_its_handshake_on(
    data: bytes, cuts: list[int], early: int
) -> None:
    """Also where the first frame is cut by the end of the bytes that came with the handshake."""
    stream = HANDSHAKE + data
    ends = [early, len(HANDSHAKE) + early % 9, *(len(HANDSHAKE) + cut for cut in cuts)]
    assert asyncio.run(_connection(pieces(stream, ends))) == heard(data, MAX_FRAME_BYTES).end()


def test_wherever_the_bytes_are_cut_at_the_handshake() -> None:
    """Each cut, one stream: whole frames, a ping and a half frame come right behind it."""
    mask = b"\x01\x02\x03\x04"
    data = b"".join(
        (
            written(Opcode.TEXT, payload(170), mask),
            written(Opcode.PING, b"x", mask),
            written(Opcode.TEXT, b"{}", mask),
        )
    )
    stream, expected = HANDSHAKE + data, heard(data).end()

    async def main() -> None:
        for cut in range(1, len(stream)):
            assert await _connection([stream[:cut], stream[cut:]]) == expected, cut
        assert await _connection(bytes_of(stream)) == expected

    asyncio.run(main())


def test_who_was_told_to_go_is_heard_no_more_but_his_close_frame() -> None:
    mask = b"\x01\x02\x03\x04"
    text, ping = written(Opcode.TEXT, b"{}", mask), written(Opcode.PING, b"x", mask)
    close = written(Opcode.CLOSE, b"\x03\xe8", mask)

    async def main() -> None:
        at = await Scene().attached()
        at.connection.close_soon(1001, "bye")
        assert at.connection.protocol.state is CLOSING
        before = bytes(at.pipe.written)
        at.connection.data_received(text * 3 + text[:9])
        at.connection.data_received(text[9:] + close + text)
        assert (at.pump.taken, bytes(at.pipe.written)) == ([], before)
        assert at.connection.protocol.close_rcvd is not None
        at = await Scene().attached()
        at.connection.data_received(ping + close + text)
        assert at.pump.taken == []

    asyncio.run(main())


def test_a_real_server_answers_frames_in_any_pieces_in_their_order(tmp_path: Path) -> None:
    """Long and short, masked with anything, one by one, many at once and byte by byte."""
    asks = [
        json.dumps({"type": "order.list", "req_id": number, **({"x": "y" * 100} if odd else {})})
        for number in range(1, 25)
        for odd in [number % 3 == 0]
    ]
    stream = b"".join(
        written(Opcode.TEXT, ask.encode(), bytes((number, 7, 0, 255 - number)))
        + written(Opcode.PING, b"%d" % number, b"abcd") * (number % 5 == 0)
        for number, ask in enumerate(asks)
    )

    async def answers(url: str, stream: list[bytes]) -> bytes:
        host, _, port = url.split("/")[2].partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in stream:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        answered = b""
        while b'"req_id":%d,' % len(asks) not in answered:
            more = await reader.read(65_536)
            assert more, f"it hung up after {answered!r}"
            answered += more
        writer.close()
        return answered[answered.index(b"\r\n\r\n") + 4 :]

    async def main() -> None:
        async with running(tmp_path / "data") as server:
            for cuts in ([stream], pieces(stream, list(range(0, 3000, 61))), bytes_of(stream)):
                told = await answers(server.url, [HANDSHAKE, *cuts])
                at = [told.find(b'"req_id":%d,' % number) for number in range(1, len(asks) + 1)]
                assert min(at) > 0
                assert at == sorted(at)
                assert [told.count(b"\x8a\x01%d" % number) for number in (0, 5)] == [1, 1]

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))
