"""Bounds what a door may send before the writer has worked it off. Pure.

At the door, `Window` counts what is under way. At the writer, `Unhandled` tells which of a door's
messages are worked off: each of a message's sessions has handled what the message brought it.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

WINDOW_FRAMES: Final = 16_384
WINDOW_BYTES: Final = 16 * 1024 * 1024
"""What one door may have under way."""

S = TypeVar("S")


class Window(Generic[S]):
    """``S``: a sender of frames at the door."""

    def __init__(self) -> None:
        self.frames = 0
        self.bytes = 0
        self._under_way: deque[tuple[int, int, dict[S, int]]] = deque()

    @property
    def room(self) -> int:
        """How many frames may still be sent."""
        return WINDOW_FRAMES - self.frames if self.bytes < WINDOW_BYTES else 0

    def sent(self, number: int, size: int, frames: dict[S, int]) -> None:
        """A message left, with ``size`` bytes and so many frames of each sender."""
        self._under_way.append((number, size, frames))
        self.frames += sum(frames.values())
        self.bytes += size

    def taken(self, number: int) -> list[tuple[S, int]]:
        """Messages up to ``number`` are worked off: return the frames of each sender in them."""
        found: list[tuple[S, int]] = []
        while self._under_way and self._under_way[0][0] <= number:
            _, size, frames = self._under_way.popleft()
            self.bytes -= size
            self.frames -= sum(frames.values())
            found.extend(frames.items())
        return found


class Unhandled(Generic[S]):
    """``handled(S)``: how many items of it are worked off, since it came."""

    def __init__(self, handled: Callable[[S], int]) -> None:
        self._handled = handled
        self._messages: deque[tuple[int, deque[tuple[S, int]]]] = deque()
        self._done = 0

    def received(self, number: int, upto: list[tuple[S, int]]) -> None:
        """A message came: with it each of these has been given so many items."""
        self._messages.append((number, deque(upto)))

    def taken(self) -> int:
        """Return the number of the last message that is worked off with all before it."""
        while self._messages:
            number, waits = self._messages[0]
            while waits and self._handled(waits[0][0]) >= waits[0][1]:
                waits.popleft()
            if waits:
                break
            self._done = number
            self._messages.popleft()
        return self._done
