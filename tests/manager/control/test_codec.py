"""Lines of the control socket: what is understood, and what each mistake is answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.control.codec import LINE_BYTES_MAX, request_of
from manager.control.frames import ErrorReply
from manager.control.requests import BurstStart, RulePause, Status

MISTAKES = [
    (b"", "parse_error", 0, None),
    (b"\xff\xfe", "parse_error", 0, None),
    (b"[" * 60_000, "parse_error", 0, None),
    (b'{"a":' * 10_000, "parse_error", 0, None),
    (b"9" * 400, "parse_error", 0, None),
    (b"x" * (LINE_BYTES_MAX + 1), "line_too_long", 0, None),
    (b'{"req_id":3}', "unknown_type", 3, "type"),
    (b'{"type":"nope","req_id":3}', "unknown_type", 3, "type"),
    (b'{"type":"status"}', "invalid_field", 0, "req_id"),
    (b'{"type":"status","req_id":0}', "invalid_field", 0, "req_id"),
    (b'{"type":"status","req_id":3,"x":1}', "invalid_field", 3, "x"),
    (b'{"type":"rule.pause","req_id":3,"rule":"a b"}', "invalid_field", 3, "rule"),
    (b'{"type":"rule.set","req_id":3,"rule":{"do":"x"}}', "invalid_field", 3, "rule.name"),
    (b'{"type":"vm.delete","req_id":3,"vm":"../x"}', "invalid_field", 3, "vm"),
]


@pytest.mark.parametrize(("line", "reason", "req_id", "field"), MISTAKES)
def test_a_mistake_is_named(line: bytes, reason: str, req_id: int, field: str | None) -> None:
    reply = request_of(line)
    assert isinstance(reply, ErrorReply)
    assert (reply.reason, reply.req_id, reply.field) == (reason, req_id, field)
    assert "\n" not in reply.message and len(reply.message) <= 200


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (b'{"type":"status","req_id":1}', Status(req_id=1)),
        (b'{"type":"rule.pause","req_id":1,"rule":"a"}\n', RulePause(req_id=1, rule="a")),
        (
            b'{"type":"burst.start","req_id":2,"vm":"web","units":3,"price_max":0.1}',
            BurstStart(req_id=2, vm="web", units=3, price_max=0.1),
        ),
    ],
)
def test_a_request_is_read(line: bytes, request_: object) -> None:
    assert request_of(line) == request_


@given(st.binary(max_size=200))
def test_any_line_has_an_answer(line: bytes) -> None:
    request_of(line)
