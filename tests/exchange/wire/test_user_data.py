"""`user_data` on the wire: any text up to its bound comes through as sent, all else is refused."""

from typing import Any

import msgspec
import pytest

from exchange.wire.codec import CODECS, JSON, MSGPACK, Codec, UnreadableError
from exchange.wire.instructions import VmLaunch
from exchange.wire.requests import VmStart
from exchange.wire.types import MAX_FRAME_BYTES, MAX_USER_DATA_CHARS, ToldCapacity

START: dict[str, Any] = {
    "type": "vm.start",
    "req_id": 7,
    "lease_id": "l-1",
    "name": "web",
    "image": "a" * 64,
}
LONGEST = "x" * MAX_USER_DATA_CHARS
TEXTS = ["", "\0", "\r\n\x1a\x7f\x85", "]]>&<\"'", "\ufeff\u202e\u2028", "\U0010ffff", LONGEST]
WIDE = "\u20ac" * MAX_USER_DATA_CHARS
WIDEST = "\U0001f600" * MAX_USER_DATA_CHARS

# (codec, the frame, reason, field)
REFUSED = [
    *(
        (codec, codec.encode(START | {"user_data": bad}), "invalid_field", "user_data")
        for codec in CODECS.values()
        for bad in (LONGEST + "x", 5, True, ["a"], {"a": "b"})
    ),
    (
        MSGPACK,
        MSGPACK.encode(START | {"user_data": b"#cloud-config"}),
        "invalid_field",
        "user_data",
    ),
    (
        MSGPACK,
        MSGPACK.encode(START | {"user_data": "QQ"}).replace(b"QQ", b"\xff\xfe"),
        "parse_error",
        None,
    ),
    (
        JSON,
        JSON.encode(START | {"user_data": "QQ"}).replace(b"QQ", b"\xff\xfe"),
        "parse_error",
        None,
    ),
    (
        JSON,
        JSON.encode(START | {"user_data": "QQ"}).replace(b"QQ", rb"\ud800"),
        "parse_error",
        None,
    ),
    (JSON, JSON.encode(START | {"user_data": "QQ"}).replace(b"QQ", b"\0"), "parse_error", None),
    (JSON, JSON.encode(START | {"user_data": "\0" * MAX_USER_DATA_CHARS}), "frame_too_large", None),
    *(
        (codec, codec.encode(START | {"user_data": WIDEST}), "frame_too_large", None)
        for codec in CODECS.values()
    ),
]


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("text", [*TEXTS, WIDE], ids=range(len(TEXTS) + 1))
def test_text_comes_through_as_sent_in_both_directions(codec: Codec, text: str) -> None:
    request = codec.decode_request(codec.encode(START | {"user_data": text}))
    assert isinstance(request, VmStart)
    assert request.user_data == text
    shape = ToldCapacity(1_000, 2_048, 10_240)
    order = VmLaunch("i-1", 1, "v-1", "l-1", "small", shape, "a" * 64, "", text, [], [])
    assert codec.decode_frame(codec.encode(order)) == order


@pytest.mark.parametrize(("codec", "data", "reason", "field"), REFUSED, ids=range(len(REFUSED)))
def test_anything_else_is_refused_and_not_quoted(
    codec: Codec, data: bytes, reason: str, field: str | None
) -> None:
    with pytest.raises(UnreadableError) as caught:
        codec.decode_request(data)
    reply = caught.value.reply
    assert (reply.reason, reply.field) == (reason, field)
    assert len(msgspec.json.encode(reply)) < 300


def test_what_a_frame_can_hold_is_the_narrower_bound_of_wide_text() -> None:
    assert len(WIDE.encode()) < MAX_FRAME_BYTES <= len(WIDEST.encode())
