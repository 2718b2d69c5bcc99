"""A farm of 4 own units of 250 requests/s, with rules from texts, on a paper market."""

from collections.abc import Sequence
from functools import partial
from heapq import heapify, heappop
from typing import Any

import msgspec
from msgspec.structs import replace

from exchange.wire.frames import Notice
from exchange.wire.types import Recall
from manager.core.core import Manager
from manager.core.farm import ManagerConfig
from manager.core.library import StoredVm
from manager.core.messages import (
    BackendDrained,
    BackendReady,
    BackendsSeen,
    DrainBackend,
    LoadSample,
    Out,
    RegisterBackend,
    RemoveBackend,
    Send,
    ServerState,
)
from manager.core.paper import Paper
from manager.core.rule import Rule, parse
from manager.core.rule_text import RuleText

BURST: dict[str, Any] = {
    "name": "burst",
    "when": "util > 70 for 2m",
    "do": "buy 4",
    "price_max": 0.10,
    "cooldown": "1m",
    "max_units": 16,
}
CALM: dict[str, Any] = {
    "name": "calm",
    "when": "util < 40 for 10m",
    "do": "release 2",
    "cooldown": "2m",
}
WEB = StoredVm(
    name="web", image="ab" * 32, vm_class="small", ports=(80,), health="/healthz", backend="farm"
)
CORE_UNITS = 4
UNIT_RPS = 250.0
STALE_MS = 60_000
PRICE_UCR = 20_000
BOOT_MS = 90_000
MINUTE_MS = 60_000
BALANCER = (BackendReady, BackendDrained)
"""What the balancer's driver would have told dies with the Manager."""
START_MS = 1_795_000_000_000
"""2026-11-18, late in a UTC hour: nothing may depend on times that begin at 0."""


def rule(**fields: Any) -> Rule:
    return parse(msgspec.convert(fields, RuleText))


def new_manager(*rules: dict[str, Any]) -> Manager:
    return Manager(
        ManagerConfig(
            rules=tuple(rule(**fields) for fields in rules),
            library=[WEB],
            vm_class="small",
            zone="eu-de",
            unit_rps=UNIT_RPS,
            core_units=CORE_UNITS,
            stale_ms=STALE_MS,
        )
    )


class Farm:
    """A Manager connected to a paper market at `START_MS`."""

    def __init__(self, *rules: dict[str, Any], supply: int | None = None) -> None:
        self.rules = rules
        self.paper = Paper(new_manager(*rules), PRICE_UCR, BOOT_MS, supply)
        self.paper.feed(self.paper.connected(), START_MS)

    @property
    def manager(self) -> Manager:
        return self.paper.manager

    @property
    def now_ms(self) -> int:
        return self.paper.now_ms

    def load(self, util_of_core_pct: float, for_ms: int = 0, every_ms: int = 10_000) -> None:
        """Report a load, in percent of the farm's own units, now and for ``for_ms`` on."""
        load_rps = util_of_core_pct / 100 * CORE_UNITS * UNIT_RPS
        end_ms = self.now_ms + for_ms
        for at_ms in range(self.now_ms, end_ms + 1, every_ms):
            self.paper.feed(LoadSample(load_rps, at_ms), at_ms)
        self.paper.advance(end_ms)

    def counts(self) -> tuple[int, int, int]:
        """Return (bought units in service, on order or booting, all that are paid for)."""
        reading = self.manager.reading()
        return reading.ready - CORE_UNITS, reading.pending, reading.paid

    def restart(self) -> None:
        """Kill the Manager and start another one, which knows the account and the balancer."""
        self.paper.manager = new_manager(*self.rules)
        self.paper._later = [one for one in self.paper._later if not isinstance(one[2], BALANCER)]
        heapify(self.paper._later)
        connected = self.paper.connected()
        self.paper.feed(BackendsSeen(servers(self.paper.outs), self.now_ms), self.now_ms)
        self.paper.feed(connected, self.now_ms)


def servers(outs: Sequence[Out]) -> dict[str, ServerState]:
    """Return what the balancer has after ``outs``."""
    found: dict[str, ServerState] = {}
    for out in outs:
        match out:
            case RegisterBackend(server):
                found[server] = "ready"
            case DrainBackend(server):
                found[server] = "draining"
            case RemoveBackend(server):
                found.pop(server, None)
            case _:
                pass
    return found


def requests(outs: Sequence[Out], kind: type[Any]) -> list[Any]:
    return [out.request for out in outs if isinstance(out, Send) and type(out.request) is kind]


def drained(outs: Sequence[Out]) -> list[str]:
    return [out.server for out in outs if isinstance(out, DrainBackend)]


def fail(farm: Farm, lease_id: str, reason: str | None = None) -> None:
    """The lease's VM fails."""
    lease = farm.paper.leases[lease_id]
    assert lease.vm is not None
    farm.paper._vm(lease, replace(lease.vm, reason=reason), "failed", None)
    lease.vm = None
    farm.paper.advance(farm.now_ms)


def leave(farm: Farm, lease_id: str, steps: int) -> None:
    """The lease's unit begins to leave, and ``steps`` of what follows at once happen."""
    manager = farm.manager
    unit = manager.rented.unit(f"{lease_id}-0")
    if unit is not None:
        act = partial(manager._bursts.leave, unit, give_back=True)
        farm.paper._carry_out(manager.administer(lambda _: act(), farm.now_ms)[0])
    for _ in range(steps):
        if farm.paper._later and farm.paper._later[0][0] <= farm.now_ms:
            farm.paper._step(heappop(farm.paper._later)[2])


NOTICE_MS = 120_000


def told(
    farm: Farm, kind: str, lease_id: str, units: int | None = None, at_ms: int | None = None
) -> None:
    """The exchange sends a notice about a lease."""
    farm.paper.advance(farm.now_ms)  # frames come in the order of their numbers
    frame = Notice(*farm.paper._frame_head(), kind, lease_id, "h-1", units, at_ms or farm.now_ms)
    farm.paper.feed(frame, farm.now_ms)


def recall(farm: Farm, lease_id: str) -> None:
    """The seller recalls the lease: it ends after its notice unless it is released before."""
    lease = farm.paper.leases[lease_id]
    if lease.row.state == "active":
        ends_ms = farm.now_ms + NOTICE_MS
        told_so = [Recall(1, ends_ms, lease.row.silent_since_ms)]
        lease.row = replace(lease.row, state="ending", ends_ms=ends_ms, recalls=told_so)
        told(farm, "recall", lease_id, 1, ends_ms)


def fall_silent(farm: Farm, lease_id: str) -> None:
    lease = farm.paper.leases[lease_id]
    if lease.row.silent_since_ms is None:
        lease.row = replace(lease.row, silent_since_ms=farm.now_ms)
        told(farm, "host_silent", lease_id)


def come_back(farm: Farm, lease_id: str) -> None:
    lease = farm.paper.leases[lease_id]
    if lease.row.silent_since_ms is not None:
        lease.row = replace(lease.row, silent_since_ms=None)
        told(farm, "host_back", lease_id)


def pass_time(farm: Farm, for_ms: int) -> None:
    """Let time pass and recalls come to their end."""
    end_ms = farm.now_ms + for_ms
    dues = {id_: one.row.ends_ms for id_, one in farm.paper.leases.items() if one.row.ends_ms}
    for lease_id, due_ms in sorted(dues.items(), key=lambda pair: (pair[1], pair[0])):
        if due_ms <= end_ms:
            farm.paper.advance(max(due_ms, farm.now_ms))
            if lease_id in farm.paper.leases:
                farm.paper.end(lease_id, "recalled")
    farm.paper.advance(end_ms)
