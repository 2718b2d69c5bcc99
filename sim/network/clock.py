"""SimPy on integer milliseconds, with entries in its queue that are plain calls.

Most of a run is messages and deadlines, each one call at one time. SimPy's `Timeout` carries what
processes need (callbacks, a value, success or failure) and costs more than the call itself; a
plain call waits in the very same queue, in the very same order, without it.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import NORMAL

WAKE = NORMAL + 1
"""The rank of a core's deadline: behind every message of the same millisecond."""


class VirtualTime(simpy.Environment):
    """A SimPy environment whose ``now_ms`` is an integer; see `call_in`."""

    def __init__(self, now_ms: int = 0) -> None:
        super().__init__(initial_time=now_ms)
        self.now_ms = now_ms
        self._entries: list[Any] = self._queue
        self._pumps = 0
        """SimPy's (time, priority, number, event), and ours with action and argument instead."""

    def call_in(self, delay_ms: int, action: Callable[[Any], None], argument: Any = None) -> None:
        """Run ``action(argument)`` in ``delay_ms``, behind all that was set for that time."""
        entry = (self.now_ms + delay_ms, NORMAL, next(self._eid), action, argument)
        heappush(self._entries, entry)

    def move_to(self, at_ms: int) -> None:
        """Let time pass until ``at_ms``, before which nothing is due."""
        assert self.now_ms <= at_ms <= self.peek(), "nothing may be left out"
        self._now = self.now_ms = at_ms

    def pump_rank(self) -> int:
        """Return a number of its own for each who asks; see `wake_in`."""
        self._pumps += 1
        return self._pumps << 48

    def wake_in(self, delay_ms: int, rank: int, action: Callable[[Any], None], at_ms: int) -> None:
        """Run ``action(at_ms)`` in ``delay_ms``, behind all messages of that time.

        Deadlines of one time come in the order of their ``rank`` (`pump_rank`), whenever they were
        set: so a run in which deadlines without effect are left out goes the same way.
        """
        entry = (self.now_ms + delay_ms, WAKE, rank + next(self._eid), action, at_ms)
        heappush(self._entries, entry)

    def step(self) -> None:
        """Do what comes next: a call, or SimPy's own step."""
        if not self._entries or len(self._entries[0]) == 4:
            if self._entries:
                self.now_ms = self._entries[0][0]
            super().step()
            return
        at_ms, _, _, action, argument = heappop(self._entries)
        self._now = self.now_ms = at_ms
        action(argument)
