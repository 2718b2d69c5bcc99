"""A hypervisor in memory: no process, no clock of its own, every outcome decided by the caller.

`MemoryHypervisor` passes the same contract tests as libvirt. `MemoryServer` carries a core's
effects out on one and returns the results with the time at which they come about, so that a
simulator or the demo only has to deliver them. Deterministic: equal calls give equal answers.
"""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from exchange.wire.types import Endpoint
from hostagent.core.console import ConsolePart, Roll, Written, part
from hostagent.core.consoles import console_seen
from hostagent.core.domain_xml import check_spec
from hostagent.core.fallback import failed
from hostagent.core.owner import born, is_own, joined
from hostagent.core.ports import (
    BootFiles,
    Clock,
    DestroyDomain,
    DomainFailed,
    DomainGone,
    DomainSpec,
    DomainStarted,
    DomainState,
    Effect,
    FetchImage,
    Forward,
    GuestReady,
    HypervisorError,
    ImageReady,
    KeepNotes,
    Load,
    NeedImages,
    Notes,
    Observe,
    Observed,
    ObservedDomain,
    ReadConsole,
    Reading,
    Result,
    ShutdownDomain,
    StartDomain,
    WatchGuest,
)

PORTS = range(20_001, 60_001)


class Boot(Struct, frozen=True):
    """How one VM will behave. ``ready_ms`` None: it never serves; ``fail``: it never starts.

    ``stop_ms`` None: the guest ignores the power button. ``busy_pct``: its use of its own CPU.
    """

    start_ms: int = 0
    ready_ms: int | None = 0
    stop_ms: int | None = 0
    fail: str | None = None
    busy_pct: int = 10


BootPlan: TypeAlias = Callable[[DomainSpec], Boot]
FaultPlan: TypeAlias = Callable[[str, str], None]
"""``fault(call, vm_id)`` comes before each call, such as ``("start", "v-1")``; ``vm_id`` is empty
where it is about all. What it raises the call raises, and while it hangs the call hangs."""


class _Domain(Struct):
    spec: DomainSpec
    forwards: tuple[Forward, ...]
    boot: Boot
    since_ms: int
    notes: Notes = Notes()
    stops_ms: int | None = None
    shown: DomainState | None = None
    """What somebody on the server did to it."""


class MemoryHypervisor:
    """Implements `Hypervisor`. ``boots`` is asked once for each VM, when it starts."""

    def __init__(
        self,
        clock: Clock,
        boots: BootPlan = lambda spec: Boot(),
        fault: FaultPlan = lambda call, vm_id: None,
    ) -> None:
        self._clock = clock
        self._fault = fault
        self._boots = boots
        self._owner = ""
        self._domains: dict[tuple[str, str], _Domain] = {}
        """By owner and VM id."""
        self._tell: Callable[[], None] = lambda: None

    def start(self, spec: DomainSpec, files: BootFiles, forwards: tuple[Forward, ...]) -> None:
        self._fault("start", spec.vm_id)
        check_spec(spec)
        if self._ours(spec.vm_id) is not None:
            raise HypervisorError(f"{spec.vm_id} is defined already")
        boot = self._boots(spec)
        if boot.fail is not None:
            raise HypervisorError(boot.fail, boot.fail)
        domain = _Domain(spec, forwards, boot, self._clock())
        self._domains[born(self._owner), spec.vm_id] = domain

    def own(self, owner: str) -> bool:
        self._fault("own", "")
        before, self._owner = self._owner, joined(owner, self._owner)
        return self._owner != before

    def shutdown(self, vm_id: str) -> None:
        self._fault("shutdown", vm_id)
        domain = self._ours(vm_id)
        if domain is None or domain.boot.stop_ms is None or domain.stops_ms is not None:
            return
        if domain.shown is None:
            domain.stops_ms = self._clock() + domain.boot.stop_ms

    def destroy(self, vm_id: str) -> None:
        self._fault("destroy", vm_id)
        self.vanish(vm_id)

    def keep_notes(self, vm_id: str, notes: Notes) -> None:
        self._fault("keep_notes", vm_id)
        domain = self._ours(vm_id)
        if domain is not None:
            domain.notes = notes

    def observe(self) -> list[ObservedDomain]:
        self._fault("observe", "")
        now_ms = self._clock()
        ours = [one for (said, _), one in self._domains.items() if self._is_ours(said)]
        seen = [_observed(domain, now_ms) for domain in ours]
        return sorted(seen, key=lambda one: one.spec.vm_id)

    def all_vm_ids(self) -> set[str]:
        self._fault("all_vm_ids", "")
        return {vm_id for _, vm_id in self._domains}

    def guest_accepts(self, vm_id: str) -> bool:
        self._fault("guest_accepts", vm_id)
        domain, now_ms = self._ours(vm_id), self._clock()
        if domain is None or domain.shown is not None:
            return False
        return _runs(domain, now_ms) and _serves(domain, now_ms)

    def console(self, vm_id: str, lines: int, after: str | None = None) -> ConsolePart | None:
        self._fault("console", vm_id)
        domain = self._ours(vm_id)
        if domain is None:
            return None
        said = _console(domain, self._clock())
        roll = Roll(domain.since_ms, len(said), lambda start, end: said[start:end])
        return part(Written([roll]), lines, after)

    def watch(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def close(self) -> None:
        """Nothing to let go of, but a close can hang as anything can."""
        self._fault("close", "")
        self._tell = lambda: None

    def show(self, vm_id: str, state: DomainState) -> None:
        """Do to a domain what somebody on the server may: pause it, end it, fill its disk."""
        domain = self._ours(vm_id)
        assert domain is not None, f"{vm_id} is not there"
        domain.shown = state if state != "running" else None
        self._tell()

    def vanish(self, vm_id: str) -> None:
        """Remove a domain with its definition, as somebody on the server may."""
        key = self._key(vm_id)
        if key is not None:
            del self._domains[key]
            self._tell()

    def boot_of(self, vm_id: str) -> Boot | None:
        """Return how a VM that is there behaves, for who plans its results ahead."""
        domain = self._ours(vm_id)
        return domain.boot if domain else None

    def _ours(self, vm_id: str) -> _Domain | None:
        key = self._key(vm_id)
        return None if key is None else self._domains[key]

    def _key(self, vm_id: str) -> tuple[str, str] | None:
        if not self._owner:
            return ("", vm_id) if ("", vm_id) in self._domains else None
        found = [key for key in self._domains if key[1] == vm_id and self._is_ours(key[0])]
        return found[0] if found else None

    def _is_ours(self, said: str) -> bool:
        return not said or is_own(self._owner, said)


def _runs(domain: _Domain, now_ms: int) -> bool:
    return domain.stops_ms is None or now_ms < domain.stops_ms


def _serves(domain: _Domain, now_ms: int) -> bool:
    ready_ms = domain.boot.ready_ms
    return ready_ms is not None and now_ms >= domain.since_ms + ready_ms


def _console(domain: _Domain, now_ms: int) -> bytes:
    """Return what the guest has written, as a serial line carries it."""
    on, said = _runs(domain, now_ms), ["boots in memory"]
    if _serves(domain, now_ms if on else domain.stops_ms or 0):
        said.append("is ready")
    if not on:
        said.append("powers off")
    return "".join(f"{domain.spec.vm_id} {what}\r\n" for what in said).encode()


def _observed(domain: _Domain, now_ms: int) -> ObservedDomain:
    spec, boot = domain.spec, domain.boot
    if not _runs(domain, now_ms):
        return ObservedDomain(spec, "stopped", domain.forwards, domain.notes)
    if domain.shown is not None:
        return ObservedDomain(spec, domain.shown, domain.forwards, domain.notes)
    cpu_ms = (now_ms - domain.since_ms) * spec.shape.mvcpu * boot.busy_pct // 100_000
    reading = Reading(now_ms, cpu_ms, spec.shape.mem_mib, held_mib=0)
    return ObservedDomain(spec, "running", domain.forwards, domain.notes, reading)


Due: TypeAlias = tuple[int, Result]
"""(at_ms, what the core is then to be told)."""


class MemoryServer:
    """One simulated server. ``fetch_ms`` is how long an image takes that is not here yet."""

    def __init__(
        self,
        clock: Clock,
        boots: BootPlan = lambda spec: Boot(),
        load: Callable[[], Load] = Load,
        fetch_ms: int = 0,
        address: str = "127.0.0.1",
        ports: range = PORTS,
        fault: FaultPlan = lambda call, vm_id: None,
    ) -> None:
        self.hypervisor = MemoryHypervisor(clock, boots, fault)
        self._clock = clock
        self._load = load
        self._fetch_ms = fetch_ms
        self._address = address
        self._ports = ports
        self._images: dict[str, int] = {}
        self._ports_given = 0

    def carry_out(self, effect: Effect) -> list[Due]:
        """Do ``effect`` now; return its results, each with the time at which it is known.

        A call that fails has no result, or the one that says so, as with a real machine.
        """
        now_ms = self._clock()
        try:
            return self._do(effect, now_ms)
        except HypervisorError:
            result = failed(effect)
            return [] if result is None else [(now_ms, result)]

    def _do(self, effect: Effect, now_ms: int) -> list[Due]:
        match effect:
            case FetchImage():
                ready_ms = self._images.setdefault(effect.image, now_ms + self._fetch_ms)
                return [(max(now_ms, ready_ms), ImageReady(effect.image))]
            case NeedImages():
                return []  # no image is ever dropped
            case StartDomain():
                return self._start(effect.spec, now_ms)
            case ShutdownDomain():
                self.hypervisor.shutdown(effect.vm_id)
                return []
            case DestroyDomain():
                return [(now_ms, self._destroy(effect))]
            case WatchGuest():
                return self._watch(effect.vm_id, now_ms)
            case KeepNotes():
                self.hypervisor.keep_notes(effect.vm_id, effect.notes)
                return []
            case ReadConsole():
                seen = self.hypervisor.console(effect.vm_id, effect.lines, effect.after)
                return [(now_ms, console_seen(effect.read_id, seen))]
            case Observe():
                return [(now_ms, self.observed())]

    def observed(self) -> Observed:
        domains = self.hypervisor.observe()
        endpoints = {domain.spec.vm_id: self._endpoints(domain.forwards) for domain in domains}
        return Observed(self._clock(), domains, self._load(), endpoints)

    def _start(self, spec: DomainSpec, now_ms: int) -> list[Due]:
        forwards = tuple(Forward(port, self._next_port()) for port in spec.ports)
        try:
            self.hypervisor.start(spec, BootFiles(), forwards)
        except HypervisorError as error:
            return [(now_ms, DomainFailed(spec.vm_id, error.reason))]
        boot = self.hypervisor.boot_of(spec.vm_id) or Boot()
        started = DomainStarted(spec.vm_id, self._endpoints(forwards))
        return [(now_ms + boot.start_ms, started)]

    def _destroy(self, order: DestroyDomain) -> DomainGone:
        seen = [one for one in self.hypervisor.observe() if one.spec.vm_id == order.vm_id]
        if any(order.boot not in ("", one.spec.boot) for one in seen):
            return DomainGone(order.vm_id, boot=order.boot)
        self.hypervisor.destroy(order.vm_id)
        return DomainGone(order.vm_id, seen[0].reading if seen else None, order.boot)

    def _watch(self, vm_id: str, now_ms: int) -> list[Due]:
        boot = self.hypervisor.boot_of(vm_id)
        if boot is None or boot.ready_ms is None:
            return []
        return [(now_ms + boot.ready_ms, GuestReady(vm_id))]

    def _endpoints(self, forwards: tuple[Forward, ...]) -> list[Endpoint]:
        return [Endpoint(one.guest_port, self._address, one.public_port) for one in forwards]

    def _next_port(self) -> int:
        port = self._ports[self._ports_given % len(self._ports)]
        self._ports_given += 1
        return port
