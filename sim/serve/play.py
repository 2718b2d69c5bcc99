"""Plays a scenario's world in real time, with real clients in it. Shell.

Between two events of the simulation asyncio serves the sockets; what a client sends gets the time
of its arrival, so it lies between the same two events. A paced run that nobody interferes with is
the unpaced run: the pace changes when an event happens, never which one or in what order.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from exchange.model.commands import Command
from exchange.units import MS_PER_SECOND
from sim.run.world import World
from sim.serve.pace import Pace
from sim.serve.pump import FIRST_SESSION, SimulatedPump, VirtualClock
from sim.serve.store import MemoryStore

TURN_S = 0.01
"""How long the simulation works before sockets have their turn."""


class Play:
    """``make()`` returns a fresh world of the same run; `seek` to the past needs it."""

    def __init__(self, make: Callable[[], World], speed: float) -> None:
        self._make = make
        self.interfered = 0
        """Commands that real clients gave since the run's begin."""
        self.world = self._begun()
        self._loop = asyncio.get_running_loop()
        self.pace = Pace(speed, self._loop.time(), self.world.stage.now_ms)
        self._store = MemoryStore()
        self._wake = asyncio.Event()
        self._error: BaseException | None = None
        self._step_to_ms: int | None = None
        self.ended = asyncio.Event()
        """The run is over."""
        self.pump = SimulatedPump(
            self.world.stage.marketplace, self._store, VirtualClock(self._catch_up), self._failed
        )

    @property
    def at_s(self) -> float:
        """Return virtual seconds since the scenario's start; below zero before it."""
        return self.world.at_s

    @property
    def last_s(self) -> float:
        return (self.world.end_ms - self.world.scenario.start_ms) / MS_PER_SECOND

    async def run(self) -> None:
        """Play until canceled. Raises what the run raises."""
        while True:
            self._wake.clear()
            wait_s = self._wait_s()
            if self._error is not None:
                raise self._error
            if wait_s is None:
                await self._wake.wait()
            elif wait_s > 0:
                await self._sleep(wait_s)
            else:
                self._work(self._loop.time() + TURN_S)
                await asyncio.sleep(0)

    def pause(self) -> None:
        self.pace.pause(self._loop.time(), self._catch_up())
        self._wake.set()

    def go(self) -> None:
        self._step_to_ms = None
        self.pace.go(self._loop.time())
        self._wake.set()

    def step(self, span_s: float) -> None:
        """Go on by ``span_s`` virtual seconds at full speed, then pause."""
        self.pause()
        self._to(self.world.stage.now_ms + round(span_s * MS_PER_SECOND))

    def speed(self, speed: float) -> None:
        self.pace.set_speed(speed, self._loop.time(), self._catch_up())
        self._wake.set()

    def seek(self, at_s: float) -> None:
        """Go to a time of the run and pause there.

        A past one is played anew from the begin, without what real clients did; they are
        disconnected.
        """
        self.pause()
        at_ms = self.world.scenario.start_ms + round(at_s * MS_PER_SECOND)
        if at_ms < self.world.stage.now_ms:
            self.world = self._begun()
            self.interfered = 0
            self.ended.clear()
            self._store.clear()
            self.pump.follow(self.world.stage.marketplace)
        self._to(at_ms)

    # --- inside ---

    def _begun(self) -> World:
        world = self._make()
        world.stage.marketplace.observers.append(self._observe)
        world.begin()
        # Whoever comes in finds the accounts there: the first instants are nobody's to watch.
        while not world.accounts_open:
            world.stage.env.step()
        return world

    def _observe(self, command: Command, outs: list[Any], now_ms: int) -> None:
        self.interfered += command.session >= FIRST_SESSION

    def _to(self, at_ms: int) -> None:
        self._step_to_ms = min(at_ms, self.world.end_ms)
        self._wake.set()

    def _next_ms(self) -> float:
        return min(self.world.stage.env.peek(), self.world.end_ms)

    def _wait_s(self) -> float | None:
        """Return how long to wait for the next event; None: until something changes."""
        now_s = self._loop.time()
        if self.ended.is_set():
            return None
        if self.pump.entering(now_s):
            self.pace.hold(now_s, self.world.stage.now_ms)
            return 0.01
        if self._step_to_ms is not None:
            return 0.0
        return None if self.pace.paused else self.pace.wait_s(now_s, self._next_ms())

    async def _sleep(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def _work(self, until_s: float) -> None:
        """Do what is due, for one turn."""
        env, end_ms = self.world.stage.env, self.world.end_ms
        while self._loop.time() < until_s:
            next_ms = self._next_ms()
            if next_ms > self._due_ms():
                break
            if next_ms >= end_ms:
                env.move_to(end_ms)
                self._over()
                return
            env.step()
        self._arrived()

    def _due_ms(self) -> int:
        if self._step_to_ms is not None:
            return self._step_to_ms
        return self.pace.due_ms(self._loop.time())

    def _arrived(self) -> None:
        """End a step that came to its time."""
        env, to_ms = self.world.stage.env, self._step_to_ms
        if to_ms is not None and self._next_ms() > to_ms:
            env.move_to(to_ms)
            self._step_to_ms = None
            self.pace.pause(self._loop.time(), to_ms)

    def _over(self) -> None:
        self._step_to_ms = None
        self.pace.pause(self._loop.time(), self.world.end_ms)
        self.ended.set()

    def _catch_up(self) -> int:
        """Move virtual time to where it is by now, but not beyond the next event."""
        env, now_s = self.world.stage.env, self._loop.time()
        if self.pump.entering(now_s):
            self.pace.hold(now_s, env.now_ms)
        if not (self.pace.paused or self.ended.is_set() or self._step_to_ms is not None):
            at_ms = min(self.pace.due_ms(now_s), self._next_ms())
            if at_ms > env.now_ms:
                env.move_to(int(at_ms))
        return env.now_ms

    def _failed(self, error: BaseException) -> None:
        self._error = error
        self._wake.set()
