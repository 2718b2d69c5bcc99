"""What must be looked at, and when: hosts, groups and symbols, each once. Pure."""

from heapq import heappop, heappush
from typing import Literal, TypeAlias

Subject: TypeAlias = tuple[Literal[0, 1, 2], str]
"""(0, symbol), (1, group) or (2, host): of one time, prices are first and hosts last."""


class Due:
    def __init__(self) -> None:
        self._at_ms: dict[Subject, int] = {}
        self._heap: list[tuple[int, Subject]] = []

    def mark(self, subject: Subject, at_ms: int) -> None:
        """Look at ``subject`` at ``at_ms``, or earlier if that is due already."""
        known_ms = self._at_ms.get(subject)
        if known_ms is None or at_ms < known_ms:
            self._at_ms[subject] = at_ms
            heappush(self._heap, (at_ms, subject))

    def next_ms(self) -> int | None:
        while self._heap and self._at_ms.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now_ms: int) -> Subject | None:
        """Return what is due by ``now_ms``, the oldest first."""
        due_ms = self.next_ms()
        if due_ms is None or due_ms > now_ms:
            return None
        _, subject = heappop(self._heap)
        del self._at_ms[subject]
        return subject
