"""Plays a scenario's world in real time, with real clients in it. Shell.

Between two events of the simulation asyncio serves the sockets; what a client sends gets the time
of its arrival, so it lies between the same two events. A paced run that nobody interferes with is
the unpaced run: the pace changes when an event happens, never which one or in what order.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from exchange.model.commands import AdvanceTime, Command
from exchange.units import MS_PER_SECOND
from sim.run.world import World
from sim.serve.pace import Pace
from sim.serve.past import Given, Past, do_again, without_clients
from sim.serve.pump import FIRST_SESSION, SimulatedPump, VirtualClock
from sim.serve.store import MemoryStore

TURN_S: Final = 0.01
"""How long the simulation works before sockets have their turn."""
BEAT_S: Final = 1.0
"""Clients take an exchange for dead that they have not heard for some seconds."""
LATER_MAX: Final = 100
"""Steps and seeks that wait for the one under way."""


class Play:
    """``make()`` returns a fresh world of the same run."""

    def __init__(self, make: Callable[[], World], speed: float) -> None:
        self._make = make
        self.world = self._begun()
        self._loop = asyncio.get_running_loop()
        self.pace = Pace(speed, self._loop.time(), self.world.stage.now_ms)
        self._store = MemoryStore()
        self._wake = asyncio.Event()
        self._error: BaseException | None = None
        self._step_to_ms: int | None = None
        self._later: deque[Callable[[], None]] = deque(maxlen=LATER_MAX)
        self.ended = asyncio.Event()
        """The run is over."""
        self.arrived = asyncio.Event()
        """No step or seek is under way."""
        self.arrived.set()
        self.departed = asyncio.Event()
        """One is."""
        self.pump = SimulatedPump(
            self.world.stage.marketplace,
            self._store,
            VirtualClock(self._catch_up),
            self._moment,
            self._failed,
        )
        start_ms = self.world.scenario.start_ms
        over_ms = start_ms + self.world.scenario.duration_s * MS_PER_SECOND
        self.past = Past(start_ms, over_ms, (self, self.pump))

    @property
    def interfered(self) -> int:
        """Return how many commands real clients gave since the run's begin."""
        return len(self.past.given)

    @property
    def at_s(self) -> float:
        """Return virtual seconds since the scenario's start; below zero before it."""
        return self.world.at_s

    @property
    def last_s(self) -> float:
        return (self.world.end_ms - self.world.scenario.start_ms) / MS_PER_SECOND

    async def run(self) -> None:
        """Play until canceled. Raises what the run raises."""
        beating = asyncio.create_task(self._beat())
        try:
            await self._play()
        finally:
            beating.cancel()

    async def _play(self) -> None:
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
        """Stand still now; what waits for its turn is given up."""
        self._later.clear()
        self._stop()

    def go(self) -> None:
        """Go on, or go on behind the step or seek under way."""
        if self._waits(self.go):
            return
        self.pace.go(self._loop.time())
        self._wake.set()

    def step(self, span_s: float) -> None:
        """Go on by ``span_s`` virtual seconds at full speed, then pause."""
        if not self._waits(partial(self.step, span_s)):
            self._stop()
            self._to(self.world.stage.now_ms + round(span_s * MS_PER_SECOND))

    def speed(self, speed: float) -> None:
        self.pace.set_speed(speed, self._loop.time(), self._catch_up())
        self._wake.set()

    def seek(self, at_s: float) -> None:
        """Go to a time of the run and pause there.

        In a past one everything is as it was then, also what real clients had done by then. They
        are disconnected, and served again when it is reached.
        """
        if self._waits(partial(self.seek, at_s)):
            return
        self._stop()
        at_ms = self.world.scenario.start_ms + round(at_s * MS_PER_SECOND)
        if at_ms < self.world.stage.now_ms:
            self._go_back(at_ms)
        self._to(at_ms)

    # --- inside ---

    async def _beat(self) -> None:
        """The exchange's own heartbeats are seconds of virtual time apart."""
        while True:
            await asyncio.sleep(BEAT_S)
            self.pump.beat()

    def _begun(self) -> World:
        world = self._make()
        world.begin()
        # Whoever comes in finds the accounts there: the first instants are nobody's to watch.
        while not world.accounts_open:
            world.stage.env.step()
        world.stage.marketplace.observers.append(self._observe)
        return world

    def _go_back(self, at_ms: int) -> None:
        self.pump.hold(True)
        self.world = self.past.back(at_ms) or self._begun()
        self.ended.clear()
        self._store.clear()
        marketplace = self.world.stage.marketplace
        without_clients(marketplace, FIRST_SESSION)
        self.pump.follow(marketplace)

    def _stop(self) -> None:
        """Stand still, also in the midst of a step or seek."""
        self._step_to_ms = None
        self.pace.pause(self._loop.time(), self._catch_up())
        self.past.given_up()
        self.pump.hold(False)
        self.arrived.set()
        self.departed.clear()
        self._wake.set()

    def _waits(self, act: Callable[[], None]) -> bool:
        """Return whether ``act`` has to wait until a step or seek has arrived."""
        if self._step_to_ms is None:
            return False
        self._later.append(act)
        return True

    def _observe(self, command: Command, outs: list[Any], now_ms: int) -> None:
        if self.pump.handling and not isinstance(command.message, AdvanceTime):
            self.past.given.append(Given(now_ms, command))

    def _to(self, at_ms: int) -> None:
        if not self.ended.is_set():
            self._step_to_ms = min(at_ms, self.world.end_ms)
            self.arrived.clear()
            self.departed.set()
            self._wake.set()

    def _next_ms(self) -> float:
        return min(self.world.stage.env.peek(), self.world.end_ms)

    def _do_again(self, before_ms: float) -> bool:
        """Do what comes next of what clients did; False: nothing does so ``before_ms``."""
        again, stage = self.past.again, self.world.stage
        if not again or again[0].at_ms >= before_ms:
            return False
        given = again.popleft()
        stage.env.move_to(max(stage.now_ms, given.at_ms))
        do_again(stage.marketplace, given.command)
        return True

    def _wait_s(self) -> float | None:
        """Return how long to wait for the next event; None: until something changes."""
        now_s = self._loop.time()
        if self.ended.is_set():
            return None
        if not self.pump.held and self.pump.entering(now_s):
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
            if self._do_again(next_ms):
                continue
            self.past.keep(self.world, next_ms)
            if next_ms > self._due_ms():
                break
            if next_ms >= end_ms:
                env.move_to(end_ms)
                self._over()
                return
            env.step()
        self._arrive()

    def _due_ms(self) -> int:
        if self._step_to_ms is not None:
            return self._step_to_ms
        return self.pace.due_ms(self._loop.time())

    def _arrive(self) -> None:
        """End a step that came to its time, and begin what waited for that."""
        env, to_ms = self.world.stage.env, self._step_to_ms
        if to_ms is not None and not self.past.again and self._next_ms() > to_ms:
            env.move_to(to_ms)
            self._next_act()

    def _over(self) -> None:
        self.ended.set()
        self._next_act()

    def _next_act(self) -> None:
        self._stop()
        if self._later:
            self._later.popleft()()

    def _moment(self) -> None:
        """A client does something: let everything happen that is due by now, which comes first."""
        self._catch_up()
        env = self.world.stage.env
        while not self.ended.is_set() and env.peek() <= env.now_ms:
            env.step()

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
