"""The buyer's farm as a node: its balancer, its load, and the same Manager core as in production.

The balancer here is in memory: a server joins when its guest answers a probe, leaves at once when
drained, and counts as serving only while its guest really answers, whatever the Manager believes.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from exchange.units import MS_PER_SECOND
from exchange.wire.frames import InstrumentsSnapshot, LeaseUpdate, OrderUpdate, VmUpdate
from manager.core.core import Manager
from manager.core.messages import (
    BackendDrained,
    BackendFailed,
    BackendReady,
    Connected,
    Disconnected,
    DrainBackend,
    InstrumentsKnown,
    LoadSample,
    Log,
    RegisterBackend,
    RemoveBackend,
    Send,
)
from sim.actors.decisions import DecisionLog
from sim.actors.position import Position
from sim.network.clock import VirtualTime
from sim.network.connection import Connection
from sim.network.pump import Pump

PROBE_MS = MS_PER_SECOND
PROBES_MAX = 60
DRAIN_MS = 5 * MS_PER_SECOND

Serving = Callable[[str, int], bool]
"""(address, port): does a guest answer there now?"""


class FarmNode:
    """``ready`` is the history of units in service: (ms since the start, units)."""

    def __init__(
        self,
        env: VirtualTime,
        manager: Manager,
        serving: Serving,
        core_units: int,
        start_ms: int,
    ) -> None:
        self.connection: Connection | None = None
        self.position = Position()
        self.ready: list[tuple[int, int]] = [(0, core_units)]
        self.fired: list[tuple[int, str]] = []
        """What rules did: (ms since the start, line of the log)."""
        self.log: DecisionLog | None = None
        """Where every reason is noted, if somebody wants it."""
        self.retired = False
        self._env = env
        self._manager = manager
        self._serving = serving
        self._core_units = core_units
        self._start_ms = start_ms
        self._probed: dict[str, tuple[str, int]] = {}
        self._in_service: dict[str, tuple[str, int]] = {}
        self.pump = Pump(env, self._handle, self._next_deadline_ms)

    def link_up(self, account_state: Any) -> None:
        self.position.rebuild(account_state)
        connected = Connected(
            account_state["account_seq"],
            msgspec.convert(account_state["orders"], list[OrderUpdate]),
            msgspec.convert(account_state["leases"], list[LeaseUpdate]),
            msgspec.convert(account_state["vms"], list[VmUpdate]),
        )
        self.pump.put(connected)

    def link_down(self) -> None:
        self.pump.put(Disconnected())

    def receive(self, frame: Any) -> None:
        if isinstance(frame, InstrumentsSnapshot):
            for row in frame.instruments:
                self.pump.put(row)
            self.pump.put(InstrumentsKnown(frozenset(row.symbol for row in frame.instruments)))
            return
        self.position.fold(frame)
        self.pump.put(frame)

    def sample(self, load_rps: float) -> None:
        """The balancer reports its load to the Manager."""
        self.pump.put(LoadSample(load_rps, self._env.now_ms))

    def refresh(self) -> None:
        """Look at what really serves now and note a change."""
        units = self._core_units
        for address, port in self._in_service.values():
            units += self._serving(address, port)
        if units != self.ready[-1][1]:
            self.ready.append((self._env.now_ms - self._start_ms, units))

    def record(self) -> None:
        """Note from now on why each rule acts or does not."""
        self.log = DecisionLog(self._manager, self._start_ms)

    def retire(self) -> None:
        """The run is over: the Manager decides nothing any more."""
        self.retired = True

    def _next_deadline_ms(self) -> int | None:
        return None if self.retired else self._manager.next_deadline_ms()

    def _handle(self, messages: list[Any], now_ms: int) -> None:
        if self.retired:
            return
        if not messages:
            self._carry_out(self._manager.wake(now_ms))
        for message in messages:
            self._carry_out(self._manager.apply(message, now_ms))
            if self.log is not None and isinstance(message, LoadSample):
                self.log.look(now_ms)

    def _carry_out(self, outs: list[Any]) -> None:
        for out in outs:
            match out:
                case Send():
                    assert self.connection is not None
                    self.connection.send(out.request)
                case RegisterBackend():
                    self._probed[out.server] = (out.address, out.port)
                    self._later(PROBE_MS, partial(self._probe, out.server, 1))
                case DrainBackend():
                    self._leave(out.server)
                    self._later(DRAIN_MS, partial(self._drained, out.server))
                case RemoveBackend():
                    self._leave(out.server)
                case Log():
                    self._note(out)
                case _:
                    continue

    def _note(self, line: Log) -> None:
        if line.event == "fired":
            self.fired.append((self._env.now_ms - self._start_ms, line.text))
        if self.log is not None:
            self.log.told(line, self._env.now_ms)

    def _probe(self, server: str, count: int) -> None:
        place = self._probed.get(server)
        if place is None:
            return
        if self._serving(*place):
            del self._probed[server]
            self._in_service[server] = place
            self.refresh()
            self.pump.put(BackendReady(server))
        elif count < PROBES_MAX:
            self._later(PROBE_MS, partial(self._probe, server, count + 1))
        else:
            del self._probed[server]
            self.pump.put(BackendFailed(server, "the probe got no answer"))

    def _leave(self, server: str) -> None:
        self._probed.pop(server, None)
        self._in_service.pop(server, None)
        self.refresh()

    def _drained(self, server: str) -> None:
        if server not in self._in_service and server not in self._probed:
            self.pump.put(BackendDrained(server))

    def _later(self, delay_ms: int, action: Callable[[], None]) -> None:
        self._env.call_in(delay_ms, lambda _: action())
