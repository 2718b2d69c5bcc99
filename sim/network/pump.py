"""Drive a pure core under SimPy, on integer virtual milliseconds.

A core wants two things: its messages one by one, and to be woken at its next deadline. SimPy's
clock brings both: a message arrives in an event of the network and is handled there and then, a
deadline is one timeout. No process waits on ``store.get() | timeout`` in a loop: that would lose
messages, since the abandoned get eats the next one. Source: architecture.md, "One shape: a pure
core in a thin shell".
"""

import asyncio
from collections.abc import Callable
from typing import Any

from sim.network.clock import VirtualTime


class Pump:
    """Hand a core its messages with `put`; deadlines come by themselves.

    ``handle(messages, now_ms)`` gets what is waiting (an empty list: a deadline is due); what it
    puts into its own pump comes in the next call. ``next_deadline_ms()`` is asked after each.
    """

    def __init__(
        self,
        env: VirtualTime,
        handle: Callable[[list[Any], int], None],
        next_deadline_ms: Callable[[], int | None],
    ) -> None:
        self._env = env
        self._handle = handle
        self._next_deadline_ms = next_deadline_ms
        self._inbox: list[Any] = []
        self._busy = False
        self._armed_ms: int | None = None
        self._rank = env.pump_rank()

    def put(self, message: Any) -> None:
        """Let the core handle ``message`` now, or right after what it is handling."""
        if self._busy:
            self._inbox.append(message)
        else:
            self._run([message])

    def ring(self) -> None:
        """The core's deadline may have moved: arm the timer anew."""
        if not self._busy:
            self._arm()

    def _run(self, messages: list[Any]) -> None:
        self._busy = True
        try:
            self._handle(messages, self._env.now_ms)
            while self._inbox:
                messages, self._inbox = self._inbox, []
                self._handle(messages, self._env.now_ms)
        finally:
            self._busy = False
        self._arm()

    def _arm(self) -> None:
        # One timer is enough: a later one is armed when this one fires and finds nothing due.
        due_ms = self._next_deadline_ms()
        if due_ms is None or (self._armed_ms is not None and self._armed_ms <= due_ms):
            return
        now_ms = self._env.now_ms
        self._armed_ms = due_ms if due_ms > now_ms else now_ms
        self._env.wake_in(self._armed_ms - now_ms, self._rank, self._on_timer, self._armed_ms)

    def _on_timer(self, at_ms: int) -> None:
        if self._armed_ms != at_ms:
            return  # an earlier deadline came in between and has armed its own
        # The deadline may have moved away meanwhile; then the core finds nothing due.
        self._armed_ms = None
        self._run([])


async def run_paced(env: VirtualTime, until_ms: int, speed: float) -> None:
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
