"""A frame for many connections: its bytes are made once per codec. Pure."""

from typing import Any

from exchange.wire.codec import CODECS, Codec


class Encoded:
    """A frame's bytes, made at most once per codec."""

    __slots__ = ("_bytes", "_frame")

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self._bytes: list[bytes | None] = [None] * len(CODECS)

    @property
    def frame(self) -> Any:
        return self._frame

    def by(self, codec: Codec) -> bytes:
        """Return the frame as ``codec`` writes it."""
        data = self._bytes[codec.index]
        if data is None:
            data = self._bytes[codec.index] = codec.encode(self._frame)
        return data
