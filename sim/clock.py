"""SimPy on integer milliseconds, with entries in its queue that are plain calls.

Most of a run is messages and deadlines, each one call at one time. SimPy's `Timeout` carries what
processes need (callbacks, a value, success or failure) and costs more than the call itself; a
plain call waits in the very same queue, in the very same order, without it.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, NamedTuple

import simpy
from simpy.events import NORMAL


class Call(NamedTuple):
    """Stands in the queue where SimPy keeps an event."""

    action: Callable[[Any], None]
    argument: Any


class VirtualTime(simpy.Environment):
    """A SimPy environment whose ``now_ms`` is an integer; see `call_in`."""

    def __init__(self, now_ms: int = 0) -> None:
        super().__init__(initial_time=now_ms)
        self.now_ms = now_ms

    def call_in(self, delay_ms: int, action: Callable[[Any], None], argument: Any = None) -> None:
        """Run ``action(argument)`` in ``delay_ms``, behind all that was set for that time."""
        queue: list[Any] = self._queue
        call = Call(action, argument)
        heappush(queue, (self.now_ms + delay_ms, NORMAL, next(self._eid), call))

    def step(self) -> None:
        """Do what comes next: a call, or SimPy's own step."""
        entry: Any = self._queue[0] if self._queue else None
        if entry is not None:
            self.now_ms = entry[0]
            if type(entry[3]) is Call:
                heappop(self._queue)
                self._now = self.now_ms
                entry[3].action(entry[3].argument)
                return
        super().step()
