"""Robots and hosts as nodes of the virtual network: a pure core, its pump and its connection."""

from collections.abc import Callable
from typing import Any, Protocol

from exchange.wire.frames import (
    Ack,
    BookSnapshot,
    BookUpdate,
    ErrorReply,
)
from exchange.wire.instructions import (
    ConsoleRead,
    HostLimit,
    HostSync,
    VmKill,
    VmLaunch,
)
from exchange.wire.requests import HostHeartbeat
from exchange.wire.types import Request
from hostagent.core.core import HostConfig, HostCore
from hostagent.core.memory_hypervisor import BootPlan, MemoryServer
from hostagent.core.ports import DomainStarted, Effect, LinkDown, Load, Observed, Send, Tick
from hostagent.core.ports import LinkUp as HostLinkUp
from sim.actors.boots import BUSY_PCT
from sim.actors.looks_ahead import LastLook, LeftOut, LooksAhead
from sim.actors.position import Position
from sim.actors.traders import LinkUp
from sim.actors.traders import Tick as RobotTick
from sim.network.clock import VirtualTime
from sim.network.connection import Connection
from sim.network.pump import Pump

_BOOK = (BookSnapshot, BookUpdate)
_FOR_HOSTS = (Ack, ConsoleRead, ErrorReply, HostLimit, HostSync, VmKill, VmLaunch)


class Robot(Protocol):
    """A pure core that answers messages with requests: a trader, a seller."""

    position: Position

    def apply(self, message: Any, now_ms: int) -> list[Request]: ...

    def next_deadline_ms(self) -> int | None: ...


class RobotNode:
    def __init__(self, env: VirtualTime, robot: Robot) -> None:
        self.robot = robot
        self.retired = False
        self.connection: Connection | None = None
        self.pump = Pump(env, self._handle, self._next_deadline_ms)

    def link_up(self, account_state: Any) -> None:
        self.pump.put(LinkUp(account_state))

    def link_down(self) -> None:
        """Nothing to do: the account's state at the next `link_up` tells what was missed."""

    def receive(self, frame: Any) -> None:
        # The book alone moves no robot: it is looked at when the robot's own time has come.
        if isinstance(frame, _BOOK):
            self.robot.position.fold(frame)
        else:
            self.pump.put(frame)

    def retire(self) -> None:
        """The run is over: keep books, but ask for nothing any more."""
        self.retired = True

    def _next_deadline_ms(self) -> int | None:
        if self.retired:
            return None
        connected = self.connection is not None and self.connection.up
        return self.robot.next_deadline_ms() if connected else None

    def _handle(self, messages: list[Any], now_ms: int) -> None:
        if self.connection is None or not self.connection.up:
            return
        if self.retired:
            for message in messages:
                self.robot.position.fold(message)
            return
        for message in messages or [RobotTick()]:
            for request in self.robot.apply(message, now_ms):
                self.connection.send(request)


class HostNode:
    """A simulated server: `HostCore` on a `MemoryServer`.

    ``load(leased_mvcpu, at_ms)`` is the whole server's, while VMs use ``leased_mvcpu`` of it.
    ``config(boot)`` makes the core's configuration of the ``boot``-th boot, from 1. ``fetch_ms``:
    how long an image takes that is not here yet; none outlives a boot.
    """

    def __init__(
        self,
        env: VirtualTime,
        config: Callable[[int], HostConfig],
        boots: BootPlan,
        load: Callable[[float, int], Load],
        address: str,
        fetch_ms: int = 0,
        still: bool = False,
    ) -> None:
        """``still``: nothing but its VMs uses it."""
        self.address = address
        self._fetch_ms = fetch_ms
        self.connection: Connection | None = None
        self.running = False
        self._env = env
        self._config = config
        self._boots = boots
        self._load = load
        self._boot_count = 0
        self._skips = False
        self._still = still
        self._as_of_ms: int | None = None
        """While the server is looked at as of another time."""
        self._boot()
        self.pump = Pump(env, self._handle, self._next_deadline_ms)

    def serving(self, port: int) -> bool:
        """Does a guest answer behind ``port`` now?"""
        vm_id = self._vm_at.get(port)
        if vm_id is None or not self.running:
            return False
        return self.server.hypervisor.guest_accepts(vm_id)

    def leased_mvcpu(self) -> float:
        """Return the CPU that the VMs here use now."""
        if not self.core.vms:
            return 0.0
        running = [seen for seen in self.server.hypervisor.observe() if seen.state == "running"]
        return sum(seen.spec.shape.mvcpu for seen in running) * BUSY_PCT / 100

    def crash(self) -> None:
        """Power lost: every VM is gone, and nobody says goodbye."""
        assert self.connection is not None
        self.running = False
        self.connection.vanish()

    def come_back(self) -> None:
        """Power restored: a new boot with nothing on it."""
        if not self.running:
            assert self.connection is not None
            self._boot()
            self.pump.ring()
            self.connection.open()

    def link_up(self, account_state: Any) -> None:
        self._put(HostLinkUp())

    def link_down(self) -> None:
        self._put(LinkDown())

    def heartbeats_resume(self, after_ms: int) -> None:
        """The connection sends heartbeats again: those up to ``after_ms`` are told already."""
        self.core.beats.pass_over(after_ms)
        self._looks.settle(after_ms)
        self._skips = False
        self.pump.ring()

    def receive(self, frame: Any) -> None:
        if isinstance(frame, _FOR_HOSTS):
            self._put(frame)

    def _boot(self) -> None:
        now_ms = self._env.now_ms
        self._boot_count += 1
        self.running = True
        self.core = HostCore(self._config(self._boot_count))
        self.server = MemoryServer(
            self._clock,
            self._boots,
            lambda: self._load(self.leased_mvcpu(), self._clock()),
            fetch_ms=self._fetch_ms,
            address=self.address,
        )
        self._looks = self._left_out()
        self._vm_at: dict[int, str] = {}
        self.core.apply(self.server.observed(), now_ms)

    def _left_out(self) -> LeftOut:
        kind = LastLook if self._still else LooksAhead
        return kind(self.core, self._look)

    def _look(self, at_ms: int) -> Observed:
        """Look as of another time, between which and now nothing happens."""
        if not self.core.vms:
            return Observed(at_ms, [], self._load(0.0, at_ms), {})
        self._as_of_ms = at_ms
        seen = self.server.observed()
        self._as_of_ms = None
        return seen

    def _clock(self) -> int:
        return self._env.now_ms if self._as_of_ms is None else self._as_of_ms

    def _put(self, message: Any) -> None:
        # What belongs to the boot before a crash must not reach the core after it.
        self.pump.put((self._boot_count, message))

    def _next_deadline_ms(self) -> int | None:
        if not self.running:
            return None
        if not self._skips:
            return self.core.next_deadline_ms()
        return self._looks.due_ms()

    def _handle(self, messages: list[Any], now_ms: int) -> None:
        if not messages and self._looks.covers(now_ms):
            return
        for boot, message in messages or [(self._boot_count, self._due(now_ms))]:
            if self.running and boot == self._boot_count:
                if self._skips:
                    self.core.beats.pass_over(now_ms)
                    self._looks.settle(now_ms - 1)
                for out in self.core.apply(message, now_ms):
                    if isinstance(out, Send):
                        self._send(out.message)
                    elif messages or not isinstance(message, Observed):
                        self._carry_out(out, now_ms)
        if self.running:
            self._skip_or_resume()

    def _due(self, now_ms: int) -> Tick | Observed:
        """Return what a deadline brings: without VMs a look is answered before it is asked for.

        So its effect, the only one then, need not be carried out: that is half the work.
        """
        look_ms = self.core.looks.due_ms
        looks = self.running and not self.core.vms and look_ms is not None and look_ms <= now_ms
        return self.server.observed() if looks else Tick()

    def _send(self, message: Any) -> None:
        assert self.connection is not None
        if isinstance(message, HostHeartbeat):
            self.connection.send_heartbeat(message)
        else:
            self.connection.send(message)

    def _skip_or_resume(self) -> None:
        """While every heartbeat says the same, none is sent."""
        connection, beats = self.connection, self.core.beats
        if connection is None or beats.due_ms is None or not connection.may_skip_heartbeats():
            return
        if not self.core.steady():
            connection.resume_heartbeats()
        elif not self._skips:
            heartbeat = HostHeartbeat(load=self.core.offer.load(), vms=len(self.core.vms))
            self._skips = connection.skip_heartbeats(self, heartbeat, beats.due_ms, beats.every_ms)

    def _carry_out(self, out: Effect, now_ms: int) -> None:
        for at_ms, result in self.server.carry_out(out):
            if isinstance(result, DomainStarted):
                for endpoint in result.endpoints:
                    self._vm_at[endpoint.port] = result.vm_id
            if at_ms <= now_ms:
                self._put(result)
            else:
                self._env.call_in(at_ms - now_ms, self.pump.put, (self._boot_count, result))
