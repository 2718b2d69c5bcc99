"""Drive a pure core under SimPy, on integer virtual milliseconds.

A core wants two things: its messages one by one, and to be woken at its next deadline. The process
here waits on one event at a time and keeps it until it fires. Waiting on ``store.get() | timeout``
instead would lose messages, because the abandoned get eats the next one. Source: architecture.md
section 1, "Sim pump".
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

import simpy


class Pump:
    """A core's process: hand it messages with `put`; it calls back with all that are waiting.

    ``handle(messages, now_ms)`` gets what arrived since it ran last (an empty list: only a
    deadline is due). ``next_deadline_ms()`` is asked after every run.
    """

    def __init__(
        self,
        env: simpy.Environment,
        handle: Callable[[list[Any], int], None],
        next_deadline_ms: Callable[[], int | None],
    ) -> None:
        self._env = env
        self._handle = handle
        self._next_deadline_ms = next_deadline_ms
        self._inbox: deque[Any] = deque()
        self._wake = env.event()
        self._armed_ms: int | None = None
        env.process(self._run())

    def put(self, message: Any) -> None:
        """Queue ``message`` and wake the core in this same millisecond."""
        self._inbox.append(message)
        self.ring()

    def ring(self) -> None:
        """Wake the core: it has messages, or its deadline may have moved."""
        if not self._wake.triggered:
            self._wake.succeed()

    def _run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            messages = list(self._inbox)
            self._inbox.clear()
            self._handle(messages, int(self._env.now))
            if not self._inbox:
                self._arm()
                yield self._wake
            self._wake = self._env.event()

    def _arm(self) -> None:
        # One timer is enough: a later one is armed when this one fires and finds nothing due.
        due_ms = self._next_deadline_ms()
        if due_ms is None or (self._armed_ms is not None and self._armed_ms <= due_ms):
            return
        now_ms = int(self._env.now)
        self._armed_ms = max(due_ms, now_ms)
        timer = self._env.timeout(self._armed_ms - now_ms, self._armed_ms)
        timer.callbacks.append(self._on_timer)

    def _on_timer(self, event: simpy.Event) -> None:
        if self._armed_ms == event.value:
            self._armed_ms = None
        self.ring()


async def run_paced(env: simpy.Environment, until_ms: int, speed: float) -> None:
    """Run ``env`` to ``until_ms`` at ``speed`` virtual seconds a real second.

    SimPy's own real-time environment blocks the event loop; here asyncio sleeps between events.
    The pace changes when an event happens, never which one or in what order.
    """
    loop = asyncio.get_running_loop()
    begin_s, begin_ms = loop.time(), env.now
    while env.peek() < until_ms:
        due_s = begin_s + (env.peek() - begin_ms) / 1000 / speed
        # Sleeping also when late gives everything else in the event loop its turn.
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        env.step()
    env.run(until=until_ms)
