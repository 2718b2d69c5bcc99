"""How `Inflow` cuts bytes into frames: the same ones whatever pieces they come in, and no others.

What it takes itself is compared with what the library's parser makes of the same bytes.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol

from exchange.server.inflow import BINARY, HANDSHAKE_MAX_BYTES, OTHER, TEXT, Inflow
from tests.exchange.support.attack_kinds import HANDSHAKE

MAX_BYTES = 70_000
LENGTHS = st.sampled_from([0, 1, 3, 4, 125, 126, 127, 300, 65_535, 65_536])
KINDS = st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG])
FRAMES = st.lists(st.tuples(KINDS, LENGTHS, st.binary(min_size=4, max_size=4)), max_size=8)


def written(opcode: int, payload: bytes, mask: bytes, fin: bool = True) -> bytes:
    """Return one frame of a client."""
    length = len(payload)
    if length < 126:
        size = bytes((0x80 | length,))
    elif length < 65_536:
        size = b"\xfe" + length.to_bytes(2, "big")
    else:
        size = b"\xff" + length.to_bytes(8, "big")
    hidden = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes((0x80 * fin | opcode,)) + size + mask + hidden


def payload(length: int) -> bytes:
    return (bytes(range(251)) * (length // 251 + 1))[:length]


def through_library(data: bytes) -> list[tuple[int, bytes]]:
    protocol = Protocol(SERVER, max_size=MAX_BYTES)
    protocol.receive_data(data)
    events: list[Any] = protocol.events_received()
    frames = [event for event in events if isinstance(event, Frame)]
    return [(0x80 | frame.opcode, bytes(frame.data)) for frame in frames]


def through_us(data: bytes, pieces: list[int]) -> list[tuple[int, bytes]]:
    """Cut ``data`` in pieces; what is for the library goes there."""
    inflow, found = Inflow(0), list[tuple[int, bytes]]()
    ends = sorted({end % (len(data) + 1) for end in pieces} | {len(data)})
    for start, end in zip([0, *ends], ends, strict=False):
        inflow.add(data[start:end])
        while (frame := inflow.take(MAX_BYTES)) is not None:
            found += [frame] if frame[0] != OTHER else through_library(frame[1])
    assert len(inflow) == 0
    return found


@given(FRAMES, st.lists(st.integers(0, 2**20), max_size=12))
def test_the_same_frames_as_the_library_reads_whatever_pieces_they_come_in(
    frames: list[tuple[int, int, bytes]], pieces: list[int]
) -> None:
    data = b"".join(
        written(opcode, payload(min(length, 125) if opcode >= Opcode.CLOSE else length), mask)
        for opcode, length, mask in frames
    )
    assert through_us(data, pieces) == through_library(data)


MASK = b"\x01\x02\x03\x04"
HELD: list[tuple[str, bytes]] = [
    ("the first byte", b"\x81"),
    ("a text without its end", written(Opcode.TEXT, b"x" * 300, MASK)[:-1]),
    ("a ping without its end", written(Opcode.PING, b"x", MASK)[:-1]),
    ("a length without its end", b"\x81\xff\x00\x00\x00"),
]
FOR_THE_LIBRARY: list[tuple[str, bytes]] = [
    ("a ping", written(Opcode.PING, b"x", MASK)),
    ("a close", written(Opcode.CLOSE, b"\x03\xe8", MASK)),
    ("a beginning", written(Opcode.TEXT, b"x", MASK, fin=False)),
    ("a continuation", written(Opcode.CONT, b"x", MASK)),
    ("without a mask", b"\x81\x01x"),
    ("too long, as far as its length", b"\x81\xff" + (2**40).to_bytes(8, "big")),
    ("a reserved bit", b"\xc1\x80"),
    ("no opcode", b"\x83\x80"),
]


@pytest.mark.parametrize("data", [row[1] for row in HELD], ids=[row[0] for row in HELD])
def test_what_is_not_whole_waits(data: bytes) -> None:
    inflow = Inflow(0)
    inflow.add(data)
    assert (inflow.take(MAX_BYTES), len(inflow)) == (None, len(data))


@pytest.mark.parametrize(
    "data", [row[1] for row in FOR_THE_LIBRARY], ids=[row[0] for row in FOR_THE_LIBRARY]
)
def test_what_is_no_plain_message_is_the_librarys_at_once(data: bytes) -> None:
    inflow = Inflow(0)
    inflow.add(data)
    assert inflow.take(MAX_BYTES) == (OTHER, data)


def test_between_the_fragments_of_a_message_a_whole_one_is_the_librarys() -> None:
    """It is not allowed there, which is for the library to say."""
    inflow, whole = Inflow(0), written(Opcode.TEXT, b"{}", MASK)
    assert inflow.join(b"a", last=False) is None
    inflow.add(whole)
    assert inflow.take(MAX_BYTES) == (OTHER, whole)
    assert inflow.join(b"b", last=True) == b"ab"
    inflow.add(whole + written(Opcode.BINARY, b"x", MASK))
    assert [inflow.take(MAX_BYTES) for _ in range(3)] == [(TEXT, b"{}"), (BINARY, b"x"), None]


def test_a_request_is_taken_whole_and_what_is_behind_it_stays() -> None:
    inflow = Inflow(0)
    for byte in HANDSHAKE[:-1]:
        inflow.add(bytes((byte,)))
        assert inflow.take_request() is None
    inflow.add(HANDSHAKE[-1:] + written(Opcode.TEXT, b"{}", MASK))
    assert inflow.take_request() == HANDSHAKE
    assert inflow.take(MAX_BYTES) == (TEXT, b"{}")


NO_REQUEST = [b"\x16\x03\x01\n", b"POST / HTTP/1.1\r\n", b"GET / HTTP/1.1\n", b"\n"]


@pytest.mark.parametrize("data", NO_REQUEST)
def test_what_cannot_become_a_request_is_answered_at_once(data: bytes) -> None:
    inflow = Inflow(0)
    inflow.add(data)
    assert inflow.take_request() == data


def test_a_first_line_without_an_end_waits_up_to_the_bound() -> None:
    inflow = Inflow(0)
    inflow.add(b"G" * HANDSHAKE_MAX_BYTES)
    assert inflow.take_request() is None
