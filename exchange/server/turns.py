"""A fair queue of work: no connection can block the others by filling it. Pure.

Each connection has its own line, and lines are served in turn: a few items of one (the answers to
one connection are one write), then the next. Connections with a login come first. Those without get
only a share of the time, so that they can never take most of it, however many they are.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

TURN_ITEMS: Final = 16
"""Items of one line that are handled before the next line's turn."""
STRANGERS_S: Final = 0.001
"""Seconds of one batch for work of connections without a login."""
STRANGERS_SHARE: Final = 0.25
"""Share of the time, for all connections without a login together."""

Work: TypeAlias = Callable[[int], object]
"""A gateway call that only needs the time as its argument."""


class Line:
    """One connection's received frames, and gateway calls that follow them. ``number``: its
    session's."""

    __slots__ = ("items", "number", "taken", "waits")

    def __init__(self) -> None:
        self.number = 0
        self.items: deque[bytes | Work] = deque()
        self.waits = False
        """True while the line is in a queue."""
        self.taken = 0
        """Items handled in its current turn."""


class Turns:
    """Three queues: work of the exchange itself, lines with a login, lines without."""

    def __init__(self) -> None:
        self.works: deque[Work] = deque()
        self.known: deque[Line] = deque()
        self.strangers: deque[Line] = deque()
        self.strangers_from_s = 0.0
        """Until this time no work of a connection without a login is handled."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, line: Line, items: Sequence[bytes | Work], known: bool) -> None:
        """Put ``items`` at the end of ``line``."""
        line.items.extend(items)
        self._count += len(items)
        if not line.waits:
            line.waits = True
            (self.known if known else self.strangers).append(line)

    def add_work(self, work: Work) -> None:
        self.works.append(work)
        self._count += 1

    def is_due(self, now_s: float) -> bool:
        """Return whether there is work to do now."""
        if self.works or self.known:
            return True
        return bool(self.strangers) and self.is_due_for_strangers(now_s)

    def is_due_for_strangers(self, now_s: float) -> bool:
        """Return whether connections without a login may be served again."""
        return now_s >= self.strangers_from_s

    def take_work(self) -> Work:
        self._count -= 1
        return self.works.popleft()

    def take(self, queue: deque[Line]) -> tuple[Line, bytes | Work]:
        """Return the next item of the first line, which goes to the end after `TURN_ITEMS`."""
        line = queue[0]
        item = line.items.popleft()
        line.taken += 1
        self._count -= 1
        if not line.items:
            line.waits, line.taken = False, 0
            queue.popleft()
        elif line.taken >= TURN_ITEMS:
            line.taken = 0
            queue.rotate(-1)
        return line, item

    def strangers_had(self, spent_s: float, now_s: float) -> None:
        """Connections without a login used this much time; their next turn is that much later."""
        self.strangers_from_s = now_s + spent_s * (1 / STRANGERS_SHARE - 1)
