"""Deadlines of the core: a heap of (time, kind, number) with lazy deletion.

An entry counts only while its subject still names the same time, so moving a deadline is just
pushing another entry. The order among equal times is by kind, then by number: it does not depend
on when an entry was pushed, so a restored engine settles exactly as the one it copies.
"""

from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush
from typing import Final, Literal, TypeAlias

from exchange.units import MAX_INT

TimerKind: TypeAlias = Literal[
    "0_dead_man", "1_vm", "2_lease", "3_order", "4_window", "5_roll", "6_cooling"
]
Entry: TypeAlias = tuple[int, TimerKind, int]

_SUBJECTS: Final[dict[TimerKind, str]] = {
    "0_dead_man": "dead man's switch of key {}",
    "1_vm": "launch of v-{}",
    "2_lease": "charge or end of l-{}",
    "3_order": "expiry of o-{}",
    "4_window": "next stage of window {}",
    "5_roll": "roll of the windows",
    "6_cooling": "recalled slots of h-{}",
}
TIDY_FROM: Final = 64
"""Entries from which on it is worth looking for those that nobody waits for."""
NEVER_MS = MAX_INT
"""Later than any time the codec lets in."""


def subject(kind: TimerKind, number: int, dead_man_keys: Mapping[int, str]) -> str:
    """Return what a person calls a deadline; a switch has a number only in the engine."""
    name = dead_man_keys.get(number, "unknown") if kind == "0_dead_man" else number
    return _SUBJECTS[kind].format(name)


class Timers:
    """``due(kind, number)`` tells the time the subject wants now, None for never."""

    __slots__ = ("_due", "_heap", "_tidy_at", "wake_ms")

    def __init__(self, due: Callable[[TimerKind, int], int | None]) -> None:
        self._heap: list[Entry] = []
        self._due = due
        self._tidy_at = TIDY_FROM
        self.wake_ms = NEVER_MS
        """No deadline is earlier. Before each command only this is looked at."""

    def set(self, at_ms: int, kind: TimerKind, number: int) -> None:
        """Wake the subject at ``at_ms`` if it still wants that then."""
        heappush(self._heap, (at_ms, kind, number))
        if at_ms < self.wake_ms:
            self.wake_ms = at_ms

    def next_ms(self) -> int | None:
        """Return the earliest time somebody really waits for."""
        heap = self._heap
        if len(heap) > self._tidy_at:
            self._tidy()
        while heap:
            at_ms, kind, number = heap[0]
            if self._due(kind, number) == at_ms:
                self.wake_ms = at_ms
                return at_ms
            heappop(heap)
        self.wake_ms = NEVER_MS
        return None

    def _tidy(self) -> None:
        """Drop the entries that nobody waits for, however late they are due.

        Of a living subject earlier and later deadlines stay: it may come back to them. Only a
        switch names each anew when it moves.
        """
        kept = [entry for entry in dict.fromkeys(self._heap) if self._wanted(*entry)]
        heapify(kept)
        self._heap[:] = kept
        self._tidy_at = max(TIDY_FROM, 2 * len(kept))

    def _wanted(self, at_ms: int, kind: TimerKind, number: int) -> bool:
        due_ms = self._due(kind, number)
        return due_ms is not None and (kind != "0_dead_man" or due_ms == at_ms)

    def due(self, now_ms: int) -> bool:
        """Is any deadline due at ``now_ms``?"""
        if now_ms < self.wake_ms:
            return False
        at_ms = self.next_ms()
        return at_ms is not None and at_ms <= now_ms

    def pop(self, now_ms: int) -> Entry | None:
        """Take the first deadline that is due at ``now_ms``."""
        at_ms = self.next_ms()
        if at_ms is None or at_ms > now_ms:
            return None
        return heappop(self._heap)
