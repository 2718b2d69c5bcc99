"""Deadlines of the core: a heap of (time, kind, number).

Moving a deadline is just pushing another entry: one counts only while its subject still names the
same time (`engine/deadlines.py`, which takes them out). The order among equal times is by kind,
then by number: it does not depend on when an entry was pushed, so a restored engine settles exactly
as the one it copies.
"""

from enum import IntEnum
from heapq import heappush
from typing import Final, TypeAlias

from exchange.units import MAX_INT


class TimerKind(IntEnum):
    """What a deadline is of, in the order in which those of one moment settle.

    Replay depends on that order.
    """

    DEAD_MAN = 0
    VM = 1
    LEASE = 2
    ORDER = 3
    WINDOW = 4
    ROLL = 5
    COOLING = 6

    __hash__ = int.__hash__  # an enum's own is written in Python; each deadline is looked up by it


Entry: TypeAlias = tuple[int, TimerKind, int]
"""(at_ms, kind, number of the subject)."""

CLEAN_FROM: Final = 64
"""With this many entries it pays to look for those that are not wanted any more."""
NEVER_MS: Final = MAX_INT
"""Later than any time the codec lets in."""


class Timers:
    """The heap, and when to look at it."""

    __slots__ = ("clean_at", "heap", "wake_ms")

    def __init__(self) -> None:
        self.heap: list[Entry] = []
        self.clean_at = CLEAN_FROM
        """With more entries than this, those that are not wanted any more are dropped."""
        self.wake_ms = NEVER_MS
        """No deadline is earlier. Before each command only this is looked at."""

    def set(self, at_ms: int, kind: TimerKind, number: int) -> None:
        """Wake the subject at ``at_ms`` if it still wants that then."""
        heappush(self.heap, (at_ms, kind, number))
        if at_ms < self.wake_ms:
            self.wake_ms = at_ms
