"""Bytes to messages and back, in JSON and MessagePack, strict one way and lenient the other.

Requests are decoded strictly: the exchange refuses a request that it cannot read completely and
names the field (`UnreadableError`). Frames are decoded leniently, so that an older client survives
a newer exchange: unknown fields are skipped and unknown types are `None`. Pure; one decoder and one
encoder live as long as the program. Source: protocol.md, "Transport".
"""

import re
from typing import Any, Final, Protocol, TypeAlias

import msgspec
from msgspec import Struct

from exchange.units import MAX_INT
from exchange.wire.frames import ErrorReply, ServerMessage
from exchange.wire.inbound import ClientMessage
from exchange.wire.reasons import ProtocolReason
from exchange.wire.types import JSON_SUBPROTOCOL, MAX_FRAME_BYTES, MSGPACK_SUBPROTOCOL

Data: TypeAlias = bytes | bytearray | memoryview | str

MESSAGE_MAX_CHARS: Final = 200
"""An error message quotes what the client sent, cut to this length so that long input stays
short."""

_PATH: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`\Z")
_NAMED: Final = re.compile(r"Object (?:missing required|contains unknown) field `(?P<name>[^`]*)`")
_REGEX: Final = re.compile(r"Expected `str` matching regex '(?P<regex>.*?)'(?= - at `|\Z)")
_WORDS: Final = {
    "{64}": "64 hex digits in lower case",
    "{43}": "base64 of 32 bytes",
    "[A-Z]{2}": "two capital letters",
    "x7e": "printable ASCII characters",
}
"""A fragment of each pattern used by the message types, and its name in error messages."""
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class UnreadableError(Exception):
    """A frame that is not a valid request; ``reply`` is the answer to the client."""

    def __init__(self, reply: ErrorReply) -> None:
        super().__init__(reply.message)
        self.reply = reply


class _Decoder(Protocol):
    def decode(self, data: Any, /) -> Any: ...


class _Encoder(Protocol):
    def encode(self, message: Any, /) -> bytes: ...


class _Head(Struct):
    """The fields an answer to an unreadable request needs, where they can be read at all."""

    req_id: Any = 0


class Codec:
    """One of the two encodings of the wire. ``index`` is 0 or 1: a slot in per-codec tables."""

    __slots__ = ("_encoder", "_frames", "_heads", "_requests", "binary", "encode", "index", "name")

    def __init__(self, index: int, name: str, family: Any, binary: bool) -> None:
        self.index = index
        self.name = name
        self.binary = binary
        self._requests: _Decoder = family.Decoder(ClientMessage)
        self._frames: _Decoder = family.Decoder(ServerMessage)
        self._heads: _Decoder = family.Decoder(_Head)
        self._encoder: _Encoder = family.Encoder()
        self.encode = self._encoder.encode

    def decode_request(self, data: Data) -> ClientMessage:
        """Return the request in ``data``, or raise `UnreadableError` with the answer to send."""
        if len(data) > MAX_FRAME_BYTES:
            raise UnreadableError(
                ErrorReply(0, "frame_too_large", f"longer than {MAX_FRAME_BYTES} bytes")
            )
        try:
            return self._requests.decode(data)  # type: ignore[no-any-return]
        except msgspec.ValidationError as error:
            raise UnreadableError(self._refusal(data, str(error))) from None
        except _UNREADABLE as error:
            raise UnreadableError(ErrorReply(0, "parse_error", _clip(str(error)))) from None

    def decode_frame(self, data: Data) -> ServerMessage | None:
        """Return the frame in ``data``; None when its type is not known to this release.

        Raises `msgspec.DecodeError` when ``data`` is not a message.
        """
        try:
            return self._frames.decode(data)  # type: ignore[no-any-return]
        except msgspec.ValidationError as error:
            if _field(str(error)) == "type":
                return None
            raise

    def _refusal(self, data: Data, text: str) -> ErrorReply:
        field = _field(text)
        if field is None:
            return ErrorReply(0, "parse_error", _clip(text))
        reason: ProtocolReason = "unknown_type" if field == "type" else "invalid_field"
        return ErrorReply(self._req_id(data), reason, _clip(readable(text)), field)

    def _req_id(self, data: Data) -> int:
        try:
            req_id = self._heads.decode(data).req_id
        except _UNREADABLE:
            return 0
        readable = type(req_id) is int and 1 <= req_id <= MAX_INT
        return req_id if readable else 0


def readable(text: str) -> str:
    """Return msgspec's error text with the pattern in it replaced by plain words."""
    return _REGEX.sub(lambda found: f"Expected {pattern_in_words(found['regex'])}", text)


def pattern_in_words(regex: str) -> str:
    """Return what a pattern of the message types asks for."""
    return next((words for part, words in _WORDS.items() if part in regex), "other characters")


def _field(text: str) -> str | None:
    """Return the dotted path msgspec names in an error, None when it is about the whole frame."""
    path = _PATH.search(text)
    named = _NAMED.match(text)
    parts = [path["path"] if path else "", named["name"] if named else ""]
    dotted = ".".join(part for part in parts if part)
    return dotted or None


def _clip(text: str) -> str:
    return text if len(text) <= MESSAGE_MAX_CHARS else text[: MESSAGE_MAX_CHARS - 1] + "…"


JSON: Final = Codec(0, "json", msgspec.json, binary=False)
MSGPACK: Final = Codec(1, "msgpack", msgspec.msgpack, binary=True)
CODECS: Final = {codec.name: codec for codec in (JSON, MSGPACK)}
BY_SUBPROTOCOL: Final = {JSON_SUBPROTOCOL: JSON, MSGPACK_SUBPROTOCOL: MSGPACK}
SUBPROTOCOL: Final = {codec.name: name for name, codec in BY_SUBPROTOCOL.items()}
