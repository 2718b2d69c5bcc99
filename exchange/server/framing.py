"""Payloads as WebSocket frames, a whole batch in one piece. Pure.

Extensions (compression) are off and the server never sends fragments, so a frame is its header and
its payload (RFC 6455, 5.2).
"""

from struct import Struct
from typing import Final, cast

from exchange.session.deliveries import Delivery, Replay

_TEXT, _BINARY = 0x81, 0x82
_HEADERS: Final = {
    first: [bytes((first, length)) for length in range(126)] for first in (_TEXT, _BINARY)
}
_MEDIUM: Final = Struct("!BBH")
_LARGE: Final = Struct("!BBQ")


def framed(payloads: list[bytes], binary: bool) -> bytes:
    """Return ``payloads`` as unmasked, unfragmented WebSocket frames in one piece."""
    first = _BINARY if binary else _TEXT
    short = _HEADERS[first]
    parts: list[bytes] = []
    for payload in payloads:
        length = len(payload)
        if length < 126:
            parts.append(short[length])
        elif length < 65536:
            parts.append(_MEDIUM.pack(first, 126, length))
        else:
            parts.append(_LARGE.pack(first, 127, length))
        parts.append(payload)
    return b"".join(parts)


class Framing:
    """Frames payloads once that go to many connections.

    Remembers one batch's last payloads; they are compared by identity first, so a hit is cheap.
    """

    __slots__ = ("_binary", "_data", "_items")

    def __init__(self) -> None:
        self._items: list[Delivery] = []
        self._binary = False
        self._data = b""

    def of(self, items: list[Delivery], binary: bool) -> bytes | None:
        """Return ``items`` framed in one piece, None when some are not bytes."""
        if items == self._items and binary is self._binary:
            return self._data
        for item in items:
            if type(item) is Replay:
                return None
        self._data = framed(cast(list[bytes], items), binary)
        self._items, self._binary = items, binary
        return self._data
