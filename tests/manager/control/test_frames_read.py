"""What a Manager sends is a frame, or a `msgspec.DecodeError` says that it is none."""

import msgspec
import pytest

from manager.control.codec import frame_of

ACK = b'{"type": "ack", "req_id": 1, "result": '


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\x00\xff",
        b"[" * 100_000,
        ACK + b"[" * 100_000,
        ACK + b'{"a":' * 100_000,
        ACK + b'"\xff\xfe"}',
        b'{"type": "ack", "req_id": ' + b"9" * 5_000 + b"}",
        b'{"type": "unheard"}',
    ],
)
def test_what_is_no_frame_is_refused_in_one_way(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        frame_of(line)
