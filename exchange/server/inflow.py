"""Cuts the bytes of a connection into WebSocket frames, one at a time. Pure.

The library's parser is a generator that takes 10 to 20 us for a frame. So whole, masked,
unfragmented data frames (RFC 6455, 5.2) are read here, short ones many at a time, straight from the
bytes that the socket gave; everything else is passed to the library unchanged, one whole frame at a
time: it answers pings and rejects what is not allowed, but does not join fragments.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

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

_FIN, _CONTROL, _MASKED = 0x80, 0x08, 0x80
_DATA: Final = frozenset((TEXT, BINARY))
_HEAD_BYTES: Final = 6
"""The shortest header of a client's frame: two bytes and the mask."""
_KNOWN: Final = frozenset(fin | opcode for fin in (0, _FIN) for opcode in (0, 1, 2, 8, 9, 10))
_END_OF_HEAD: Final = b"\r\n\r\n"
_END_BYTES: Final = len(_END_OF_HEAD)


Unmask: TypeAlias = Callable[[bytes | bytearray, bytes | bytearray], bytes]


def unmasked(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """Return ``payload`` XORed with the repeated four bytes of ``mask``."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    bits = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
    return bits.to_bytes(length, "little")


class Inflow:
    """Bytes received and not handled yet. ``unmask``: `unmasked`, or the same but faster."""

    __slots__ = ("_data", "_fragments", "_searched", "_small", "_unmask", "refused")

    def __init__(self, now_ms: int, unmask: Unmask = unmasked) -> None:
        self._unmask = unmask
        self.refused = False
        """A frame began that the library refuses, perhaps only when it has it whole: all that
        follows is the library's, since nobody else knows where that frame ends."""
        self._data: bytes | bytearray = b""
        """Bytes as they came while one read is all there is; a bytearray is cut at its front
        without a copy of the rest."""
        self._searched = 0
        self._fragments: list[bytes] = []
        self._small = Bucket(now_ms, SMALL_PER_S, SMALL_SAVED_S)

    def __len__(self) -> int:
        return len(self._data)

    def add(self, data: bytes) -> None:
        if not self._data:
            self._data = data
            return
        if type(self._data) is bytes:
            self._data = bytearray(self._data)
        self._data += data

    def clear(self) -> None:
        self._data = b""

    def take_request(self) -> bytes | None:
        """Return request line and headers once they are complete, None before.

        A first line that is not HTTP is returned at once, with everything after it.
        """
        end = self._data.find(_END_OF_HEAD, max(0, self._searched - _END_BYTES))
        if end < 0 and self._is_http():
            self._searched = len(self._data)
            return None
        return self._cut(end + _END_BYTES if end >= 0 else len(self._data))

    def take_plain(self, max_bytes: int, most: int) -> list[bytes]:
        """Return the payloads of the next data frames, text or binary, at most ``most``, up to the
        first that is not whole, is longer than 64 KiB or is none of ours: `take` is for that one.
        """
        found: list[bytes] = []
        if self._fragments or self.refused:
            return found
        data, at = self._data, 0
        size = len(data) - _HEAD_BYTES
        while at <= size and len(found) < most and data[at] in _DATA:
            length, start = data[at + 1] - _MASKED, at + _HEAD_BYTES
            if length == 126:
                length, start = data[at + 2] << 8 | data[at + 3], start + 2
            elif not 0 <= length <= 125:
                break
            end = start + length
            if end > len(data) or length > max_bytes:
                break
            found.append(self._unmask(data[start:end], data[start - 4 : start]))
            at = end
        if at:
            self._drop(at)
        return found

    def take(self, max_bytes: int) -> tuple[int, bytes] | None:
        """Return the next frame once it is complete: (`TEXT` or `BINARY`, its payload), or
        (`OTHER`, bytes for the library). ``max_bytes``: of a message."""
        data = self._data
        size = len(data)
        if self.refused:
            return OTHER, self._cut(size)
        if size < 2:
            return None
        first, length, start = data[0], data[1] - _MASKED, _HEAD_BYTES
        if length < 0 or first not in _KNOWN:
            return self._refuse()
        if length > 125:
            start += 2 if length == 126 else 8
            if size < start - 4:
                return None
            length = int.from_bytes(data[2 : start - 4])
        if length > max_bytes:
            return self._refuse()
        end = start + length
        if size < end:
            return None
        if first in _DATA and not self._fragments:
            payload = self._unmask(data[start:end], data[start - 4 : start])
            self._drop(end)
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

    def _refuse(self) -> tuple[int, bytes]:
        self.refused = True
        return OTHER, self._cut(len(self._data))

    def _cut(self, end: int) -> bytes:
        taken = bytes(self._data[:end])
        self._drop(end)
        return taken

    def _drop(self, end: int) -> None:
        data = self._data
        if end == len(data):
            self._data = b""
        elif type(data) is bytearray:
            del data[:end]
        else:
            self._data = bytearray(memoryview(data)[end:])


def is_control(frame: bytes) -> bool:
    """Return whether this is a ping, a pong or a close."""
    return bool(frame[0] & _CONTROL)
