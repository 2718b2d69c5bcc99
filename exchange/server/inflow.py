"""Cuts the bytes of a connection into WebSocket frames, one at a time. Pure.

The library's parser is a generator that takes 10 to 20 us for a frame. So whole, masked,
unfragmented data frames (RFC 6455, 5.2) are read here; everything else is passed to the library
unchanged, one whole frame at a time: it answers pings and rejects what is not allowed, but does not
join fragments.
"""

from typing import Final

from exchange.bucket import Bucket

PENDING_MAX: Final = 16
"""Frames a connection may have in the pump's queue before reading from it pauses."""
TURN_FRAMES: Final = 32
"""Frames of a connection that are parsed in one turn of the loop; the rest waits for the next."""
HANDSHAKE_MAX_BYTES: Final = 16 * 1024
"""Longest request line and headers together, in bytes."""
SMALL_BYTES: Final = 1024
SMALL_PER_S: Final = 10
SMALL_SAVED_S: Final = 5
"""Limit for control frames, and for fragments and chunks below `SMALL_BYTES`: they cost more than
their size."""

TEXT: Final = 0x81
BINARY: Final = 0x82
OTHER: Final = 0
"""Not read here: the bytes go to the library."""

_FIN, _CONTROL, _MASKED, _LENGTH = 0x80, 0x08, 0x80, 0x7F
_DATA: Final = frozenset((TEXT, BINARY))
_HEAD_BYTES: Final = 6
"""The shortest header of a client's frame: two bytes and the mask."""
_KNOWN: Final = frozenset(fin | opcode for fin in (0, _FIN) for opcode in (0, 1, 2, 8, 9, 10))
_END_OF_HEAD: Final = b"\r\n\r\n"
_END_BYTES: Final = len(_END_OF_HEAD)


class Inflow:
    """Bytes received and not handled yet."""

    __slots__ = ("_data", "_fragments", "_searched", "_small")

    def __init__(self, now_ms: int) -> None:
        self._data = bytearray()
        self._searched = 0
        self._fragments: list[bytes] = []
        self._small = Bucket(now_ms, SMALL_PER_S, SMALL_SAVED_S)

    def __len__(self) -> int:
        return len(self._data)

    def add(self, data: bytes) -> None:
        self._data += data

    def clear(self) -> None:
        self._data.clear()

    def take_request(self) -> bytes | None:
        """Return request line and headers once they are complete, None before.

        A first line that is not HTTP is returned at once, with everything after it.
        """
        end = self._data.find(_END_OF_HEAD, max(0, self._searched - _END_BYTES))
        if end < 0 and self._is_http():
            self._searched = len(self._data)
            return None
        return self._cut(end + _END_BYTES if end >= 0 else len(self._data))

    def take(self, max_bytes: int) -> tuple[int, bytes] | None:
        """Return the next frame once it is complete: (`TEXT` or `BINARY`, its payload), or
        (`OTHER`, bytes for the library). ``max_bytes``: of a message."""
        data = self._data
        size = len(data)
        if size < 2:
            return None
        first, length, start = data[0], data[1] & _LENGTH, _HEAD_BYTES
        if length > 125:
            start += 2 if length == 126 else 8
            if size < start - 4:
                return None
            length = int.from_bytes(data[2 : start - 4])
        if not data[1] & _MASKED or length > max_bytes or first not in _KNOWN:
            return OTHER, self._cut(size)
        end = start + length
        if size < end:
            return None
        if first in _DATA and not self._fragments:
            payload = unmasked(data[start:end], data[start - 4 : start])
            del data[:end]
            return first, payload
        return OTHER, self._cut(end)

    def small_fits(self, now_ms: int) -> bool:
        """Count a small frame; False when there were too many."""
        return self._small.take(now_ms, SMALL_PER_S) == 0

    def join(self, fragment: bytes, last: bool) -> bytes | None:
        """Keep a fragment; returns the message with its last. The library bounds their sum."""
        self._fragments.append(fragment)
        if not last:
            return None
        message = b"".join(self._fragments)
        self._fragments.clear()
        return message

    def _is_http(self) -> bool:
        """Return whether the bytes so far can be the start of an HTTP request."""
        line, found, _ = self._data[:HANDSHAKE_MAX_BYTES].partition(b"\n")
        return not found or (line.startswith(b"GET ") and line.endswith(b"\r"))

    def _cut(self, end: int) -> bytes:
        taken = bytes(self._data[:end])
        del self._data[:end]
        return taken


def is_control(frame: bytes) -> bool:
    """Return whether this is a ping, a pong or a close."""
    return bool(frame[0] & _CONTROL)


def unmasked(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """Return ``payload`` XORed with the repeated four bytes of ``mask``."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    bits = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
    return bits.to_bytes(length, "little")
