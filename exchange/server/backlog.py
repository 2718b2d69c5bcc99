"""Frames queued for a slow reader, or until a stored replay is sent. Pure."""

from collections import deque
from typing import Final

from exchange.session.deliveries import Delivery
from exchange.units import MIB, MS_PER_SECOND

BACKLOG_MAX_BYTES: Final = 16 * MIB
BACKLOG_MAX_MS: Final = 5_000
"""A reader whose oldest waiting frame is older than this is disconnected."""


class Backlog:
    """Batches of one connection, oldest first. Replays are `exchange.session.deliveries.Replay`."""

    __slots__ = ("_batches", "behind", "bytes", "held", "replays")

    def __init__(self) -> None:
        self._batches: deque[tuple[float, list[Delivery]]] = deque()
        self.bytes = 0
        self.behind = False
        """The reader is slow, and the feed was told so."""
        self.held = False
        """A final replay is being sent: later frames wait until it ends."""
        self.replays = 0
        """Stored replays that are being sent."""

    def __bool__(self) -> bool:
        return bool(self._batches)

    def add(self, items: list[Delivery], now_s: float) -> None:
        self._batches.append((now_s, items))
        self.bytes += _size(items)

    def add_first(self, items: list[Delivery], now_s: float) -> None:
        """Put ``items`` at the front of the queue: they were delivered earlier."""
        self._batches.appendleft((now_s, items))
        self.bytes += _size(items)

    def take(self) -> list[Delivery]:
        """Return the oldest batch."""
        _, items = self._batches.popleft()
        self.bytes -= _size(items)
        return items

    def clear(self) -> None:
        self._batches.clear()
        self.bytes = 0

    def age_ms(self, now_s: float) -> int:
        """Return how long the oldest batch has waited; 0 while a replay is paced."""
        if self.replays or not self._batches:
            return 0
        return int((now_s - self._batches[0][0]) * MS_PER_SECOND)

    def begin_replay(self, final: bool) -> None:
        self.held = final
        self.replays += 1

    def end_replay(self, final: bool) -> None:
        self.replays -= 1
        if final:
            self.held = False


def _size(items: list[Delivery]) -> int:
    return sum(len(item) for item in items if type(item) is bytes)
