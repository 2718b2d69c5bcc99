"""A Manager's core on a real engine with windows: its hosts boot VMs, its balancer joins at once.

Time passes in steps to whatever is due first at either end. The account is ``buyer``; ``seller``
owns the hosts. Virtual time begins on Tuesday, 14 November 2023, 22:13:20 UTC.
"""

from collections import deque
from heapq import heappop, heappush
from typing import Any, Final

import msgspec

from exchange.model.commands import HostLost, HostSilent
from exchange.model.config import ExchangeConfig, WindowConfig, default_config
from exchange.wire.frames import Ack as AckFrame
from exchange.wire.frames import ErrorReply, InstrumentUpdate, VmUpdate
from exchange.wire.requests import ImageStat
from exchange.wire.results import Done
from exchange.wire.types import VmState
from manager.core.core import Manager
from manager.core.farm import ManagerConfig
from manager.core.messages import (
    BackendDrained,
    BackendReady,
    Connected,
    Disconnected,
    DrainBackend,
    InstrumentsKnown,
    LoadSample,
    Log,
    ManagerMessage,
    Out,
    RegisterBackend,
    RemoveBackend,
    Send,
)
from tests.exchange.support.lease_market import HOUR, IMAGE, MINUTE, LeaseMarket
from tests.exchange.support.market import START_MS, SYMBOL
from tests.manager.farm import WEB, rule

FIRST_MS: Final = 1_700_002_800_000
"""23:00, when the first window begins that is open at the start."""
BOOT_MS: Final = 60_000
PRICE_UCR: Final = 20_000
NIGHT: dict[str, Any] = {
    "name": "night",
    "at": "Tue 23:00-01:00",
    "do": "buy to 2",
    "price_max": 0.1,
    "zones": ["eu-de"],
    "forward": True,
}


def window(start_ms: int, class_name: str = "small") -> str:
    hour = {0: "2023-11-14T23", 1: "2023-11-15T00", 2: "2023-11-15T01"}[
        (start_ms - FIRST_MS) // HOUR
    ]
    return f"{class_name}.eu-de.flat.{hour}"


class Hours:
    """``servers``: what is in the balancer; ``seen``: (ms, how many of them are ready)."""

    def __init__(self, *rules: dict[str, Any], spots: int = 0, boot_ms: int = BOOT_MS) -> None:
        default = default_config()
        series = [WindowConfig(class_=name, zone="eu-de", pricing="flat")
                  for name in ("small", "medium")]  # fmt: skip
        config = ExchangeConfig(
            classes=default.classes,
            zones=default.zones,
            instruments=default.instruments,
            windows=series,
        )
        self.market = LeaseMarket(config)
        self.market.thorough = False
        self.hosts = [self.market.host]
        self.rules = rules
        self.boot_ms = boot_ms
        self.asks = 0
        self.servers: dict[str, str] = {}
        self.seen: list[tuple[int, int]] = []
        self.log: list[str] = []
        self.requests: list[Any] = []
        self._later: list[tuple[int, int, str, VmState]] = []
        self._number = 0
        self._inbox: deque[ManagerMessage] = deque()
        self._busy = False
        if spots:
            self.ask(spots)
        self.start()

    @property
    def now_ms(self) -> int:
        return self.market.now_ms

    # --- the seller ---

    def ask(
        self, units: int, symbol: str = SYMBOL, price_ucr: int = PRICE_UCR, host: int = 0
    ) -> None:
        self.asks += 1
        terms: dict[str, Any] = {"symbol": symbol, "hosts": [self.hosts[host]]}
        reply = self.market.place(f"seller.ask{self.asks}", "sell", units, price_ucr, **terms)
        assert isinstance(reply, Done), reply

    def add_host(self) -> int:
        self.hosts.append(self.market.add_host("seller"))
        return len(self.hosts) - 1

    def lose(self, host: int) -> None:
        self.market.must(HostSilent(self.hosts[host], self.now_ms))
        self.market.must(HostLost(self.hosts[host]))
        self.hear()

    # --- the Manager's process ---

    def start(self) -> None:
        """A Manager that knows nothing begins."""
        self.manager = Manager(
            ManagerConfig(
                rules=tuple(rule(**fields) for fields in self.rules),
                library=[msgspec.structs.replace(WEB, image=IMAGE)],
                vm_class="small",
                zone="eu-de",
                unit_rps=250.0,
                core_units=4,
            )
        )
        self._told = len(self._frames())
        self._instruments: dict[str, InstrumentUpdate] = {}
        state = self.market.engine.account_state("buyer")
        self.tell(
            Connected(
                state.account_seq,
                list(state.orders),
                list(state.leases),
                list(state.vms),
                self.now_ms,
            )
        )
        self.hear()
        self.tell(InstrumentsKnown(frozenset(self._instruments)))
        self.tell(LoadSample(100.0, self.now_ms))

    def lose_connection(self) -> None:
        self.tell(Disconnected())

    def tell(self, message: ManagerMessage) -> None:
        """Give the core a message, after those that it has not seen yet."""
        self._inbox.append(message)
        self.do([])

    def do(self, outs: list[Out]) -> None:
        """Carry out ``outs``, then bring the core what they gave rise to."""
        if self._busy:
            return
        self._busy = True
        self._do(outs)
        while self._inbox:
            self._do(self.manager.apply(self._inbox.popleft(), self.now_ms))
        self._busy = False

    def _do(self, outs: list[Out]) -> None:
        for out in outs:
            match out:
                case Send(request):
                    self.requests.append(request)
                    self._answer(request)
                case RegisterBackend(server):
                    self.servers[server] = "ready"
                    self._see()
                    self.tell(BackendReady(server))
                case DrainBackend(server):
                    self.servers[server] = "draining"
                    self._see()
                    self.tell(BackendDrained(server))
                case RemoveBackend(server):
                    self.servers.pop(server, None)
                    self._see()
                case Log(text):
                    self.log.append(text)
                case _:
                    pass

    def _see(self) -> None:
        self.seen.append((self.now_ms, list(self.servers.values()).count("ready")))

    def _answer(self, request: Any) -> None:
        if isinstance(request, ImageStat):
            self.tell(AckFrame(request.req_id, result={"sha256": request.sha256}))
            return
        reply = self.market.send(request, "buyer")
        self.hear()
        if isinstance(reply, Done):
            result = msgspec.to_builtins(reply.result)
            self.tell(AckFrame(request.req_id, result=result))
        else:
            self.tell(ErrorReply(request.req_id, reply.reason, reply.message))

    # --- time ---

    def _frames(self) -> list[Any]:
        return self.market.frames.get("buyer", [])

    def hear(self) -> None:
        """Bring what is new; hosts see what is asked of them."""
        while self._told < len(self._frames()):
            frame = self._frames()[self._told]
            self._told += 1
            if isinstance(frame, VmUpdate):
                self._host(frame)
            self.tell(frame)
        for row in self.market.engine.instruments():
            if self._instruments.get(row.symbol) != row:
                self._instruments[row.symbol] = row
                self.tell(row)

    def _host(self, vm: VmUpdate) -> None:
        if vm.state == "requested":
            lease = self.market.last_lease(vm.lease_id)
            self._soon(max(self.now_ms, lease.start_ms) + self.boot_ms, vm.vm_id, "running")
        elif vm.state == "stopping":
            self._soon(self.now_ms, vm.vm_id, "stopped")

    def _soon(self, at_ms: int, vm_id: str, state: VmState) -> None:
        self._number += 1
        heappush(self._later, (at_ms, self._number, vm_id, state))

    def _report(self) -> None:
        _, _, vm_id, state = heappop(self._later)
        vm = next(
            (v for v in self.market.engine.account_state("buyer").vms if v.vm_id == vm_id), None
        )
        if vm is None or (state == "running" and vm.state == "stopping"):
            return
        lease = self.market.last_lease(vm.lease_id)
        host, self.market.host = self.market.host, lease.host
        self.market.report(vm_id, state, ready=state == "running")
        self.market.host = host

    def until(self, at_ms: int, load_rps: float = 100.0) -> None:
        """Let everything happen up to ``at_ms``; a load figure comes every half minute."""
        while self.now_ms < at_ms:
            dues = [at_ms, self.now_ms - self.now_ms % 30_000 + 30_000]
            dues += [due[0] for due in self._later[:1]]
            dues += [d for d in (self.market.engine.next_deadline_ms(),) if d is not None]
            dues += [d for d in (self.manager.next_deadline_ms(),) if d is not None]
            step_ms = max(0, min(dues) - self.now_ms)
            self.market.advance(step_ms)
            self.hear()
            while self._later and self._later[0][0] <= self.now_ms:
                self._report()
                self.hear()
            self.do(self.manager.wake(self.now_ms))
            if self.now_ms % 30_000 == 0:
                self.tell(LoadSample(load_rps, self.now_ms))

    # --- what came of it ---

    def leases(self) -> list[Any]:
        """Return the buyer's leases that did not end."""
        rows = self.market.engine.account_state("buyer").leases
        return [row for row in rows if row.side == "buy"]

    def had(self) -> dict[str, int]:
        """Return the units of each symbol that are leased."""
        found: dict[str, int] = {}
        for row in self.leases():
            found[row.symbol] = found.get(row.symbol, 0) + row.units
        return found

    def least(self, from_ms: int, to_ms: int) -> int:
        """Return the fewest servers ready in that time."""
        before = [count for at_ms, count in self.seen if at_ms <= from_ms]
        within = [count for at_ms, count in self.seen if from_ms < at_ms < to_ms]
        return min([*before[-1:], *within], default=0)


__all__ = [
    "BOOT_MS",
    "FIRST_MS",
    "HOUR",
    "MINUTE",
    "NIGHT",
    "START_MS",
    "SYMBOL",
    "Hours",
    "window",
]
