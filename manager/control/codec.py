"""Lines of the control socket to requests, and frames to lines. Pure."""

import re
from typing import Any, Final

import msgspec

from exchange.units import MAX_INT
from exchange.wire.codec import readable
from manager.control.frames import ControlFrame, ControlReason, ErrorReply
from manager.control.requests import ControlRequest

LINE_BYTES_MAX: Final = 64 * 1024
"""Of a request."""
MESSAGE_CHARS_MAX: Final = 200
_PLACE: Final = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`\Z")
_NAMED: Final = re.compile(r"Object (?:missing required|contains unknown) field `(?P<name>[^`]*)`")

_requests: Final = msgspec.json.Decoder(ControlRequest)
_frames: Final = msgspec.json.Decoder(ControlFrame)
_encoder: Final = msgspec.json.Encoder()


class _Head(msgspec.Struct):
    req_id: Any = 0


_heads: Final = msgspec.json.Decoder(_Head)


def request_of(line: bytes) -> ControlRequest | ErrorReply:
    """Return the request in ``line``, or the answer that says what is wrong with it."""
    if len(line) > LINE_BYTES_MAX:
        return ErrorReply(0, "line_too_long", f"longer than {LINE_BYTES_MAX} bytes")
    try:
        return _requests.decode(line)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        return _refusal(line, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return ErrorReply(0, "parse_error", _clip(str(error)))


def frame_of(line: bytes) -> ControlFrame:
    """Return the frame in ``line``. Raises `msgspec.DecodeError` when it is none."""
    try:
        return _frames.decode(line)  # type: ignore[no-any-return]
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


def line_of(message: ControlFrame | ControlRequest) -> bytes:
    """Return ``message`` as a line, its end included."""
    return _encoder.encode(message) + b"\n"


def _refusal(line: bytes, text: str) -> ErrorReply:
    place, named = _PLACE.search(text), _NAMED.match(text)
    parts = [place["path"] if place else "", named["name"] if named else ""]
    field = ".".join(part for part in parts if part)
    reason: ControlReason = "unknown_type" if field == "type" else "invalid_field"
    return ErrorReply(
        _req_id(line), reason if field else "parse_error", _clip(readable(text)), field or None
    )


def _req_id(line: bytes) -> int:
    try:
        req_id = _heads.decode(line).req_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
    return req_id if type(req_id) is int and 1 <= req_id <= MAX_INT else 0


def _clip(text: str) -> str:
    return text if len(text) <= MESSAGE_CHARS_MAX else text[: MESSAGE_CHARS_MAX - 1] + "…"
