"""Heartbeats that say what the last one said, kept back where the sockets are. Pure.

All that counts of such a heartbeat is that it came. A door reports once a second for which sessions
one did; `Gateway.alive` takes each for a heartbeat.
"""

from typing import Final

from exchange.wire.codec import Codec, UnreadableError
from exchange.wire.requests import HostHeartbeat

TAG: Final = b"host.heartbeat"
BYTES_MAX: Final = 1_024
"""A longer heartbeat is passed on each time."""


class Heartbeats:
    """``kept(...)``: is this one kept back? ``take()``: whose were, since the last call."""

    def __init__(self) -> None:
        self._last: dict[int, bytes] = {}
        """The last heartbeat of each session, as it was written."""
        self._alive: dict[int, None] = {}

    def kept(self, session: int, codec: Codec, data: bytes) -> bool:
        """Return whether ``data`` is the heartbeat that the session sent last, once more."""
        if self._last.get(session) == data:
            self._alive[session] = None
            return True
        if len(data) <= BYTES_MAX and TAG in data and _is_heartbeat(codec, data):
            self._last[session] = data
            self._alive.pop(session, None)
        return False

    def drop(self, session: int) -> None:
        """The connection is gone."""
        self._last.pop(session, None)
        self._alive.pop(session, None)

    def take(self) -> list[int]:
        alive, self._alive = list(self._alive), {}
        return alive


def _is_heartbeat(codec: Codec, data: bytes) -> bool:
    try:
        return type(codec.decode_request(data)) is HostHeartbeat
    except UnreadableError:
        return False
