"""One VM on this host: requested -> starting -> running -> stopping -> stopped | failed(reason).

Theory of operation. A `Vm` has two sides: ``state`` is what the exchange is told, ``domain`` is how
far the hypervisor is (nothing there, start asked for, there). Every function below is one thing
that can happen; it changes the VM and returns the effects that follow. Nothing is assumed to work
at once: while a stop is under way the power is cut again every `CUT_AGAIN_MS` until the hypervisor
says that the domain is gone, and only then the VM counts as ended. Pure.
"""

from typing import Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from exchange.units import MS_PER_HOUR
from exchange.wire.instructions import VmLaunch
from exchange.wire.types import Endpoint, VmState
from hostagent.core.exchange_time import ExchangeClock
from hostagent.core.metering import Meter
from hostagent.core.ports import (
    HYPERVISOR_LOST,
    DestroyDomain,
    DomainSpec,
    DomainState,
    Effect,
    KeepNotes,
    Notes,
    ObservedDomain,
    Reading,
    ShutdownDomain,
    StartDomain,
    WatchGuest,
)

PORTLESS_READY_MS = 10_000
CUT_AGAIN_MS = 10_000
HANGS_RECENT_MS = 60_000
"""A QEMU that goes on hanging is reported several times in this time."""
USAGE_EVERY_MS = MS_PER_HOUR
MAX_CONFIRMS = 8
WORD_MS = 5_000
"""How long a connected host waits at the end of a window for the exchange to say that the lease is
over, or that the buyer's next window follows (rules.md 5.10). Nobody pays for this time."""
FIRST_TOLD_MS = 60_000
"""How long the end of a VM waits at an agent's start for the exchange to tell the time."""
HELD_MAX_MS = 60_000
"""How long somebody on the server may pause a VM, as for a snapshot, before it has failed."""

SPOT_CUTOFF_MS = 2 * MS_PER_HOUR
"""How long a host cut off from the exchange keeps VMs that have no end time (rules.md 6.3)."""

Outcome: TypeAlias = Literal["stopped", "failed"]


class Vm(Struct):
    """Times that are None are not running: nothing is due from them."""

    spec: DomainSpec
    meter: Meter
    clock: ExchangeClock = field(default_factory=ExchangeClock)
    """Of the exchange: ``spec.until_ms``, ``not_before_ms`` and ``ready_ms`` are times of its."""
    state: VmState = "starting"
    reason: str | None = None
    domain: Literal["none", "creating", "up"] = "none"
    endpoints: list[Endpoint] = field(default_factory=list)
    ready_ms: int | None = None
    outcome: Outcome = "stopped"
    outcome_reason: str | None = None
    launches: list[str] = field(default_factory=list)
    kills: list[str] = field(default_factory=list)
    """Instructions to confirm when what they ask for has come about."""
    unreported: bool = True
    """The exchange has not acknowledged the state as it is now."""
    disowned: bool = False
    """The exchange now uses this id for another VM: this one is no longer reported."""
    hangs_ms: int | None = None
    """When its QEMU last did not answer while the guest booted."""
    up_ms: int = 0
    found_ms: int | None = None
    """When it was adopted."""
    held_ms: int | None = None
    """Since when somebody else holds its domain."""
    image_here: bool = False
    connected: bool = True
    """The exchange can reach this host: an instruction about the VM may be under way."""
    put_off: bool = False
    """Its start waits until the hypervisor answers again."""
    image_max_mib: int | None = None
    """What the owner allowed when it was ordered; None for what the exchange says runs already."""
    not_before_ms: int | None = None
    ready_at_ms: int | None = None
    ready_by_ms: int | None = None
    cut_ms: int | None = None
    reap_ms: int | None = None
    cutoff_ms: int | None = None
    usage_ms: int | None = None

    @property
    def ended(self) -> bool:
        return self.state in ("stopped", "failed")

    @property
    def waits_for_start(self) -> bool:
        """Everything is here but the beginning of its window."""
        here = self.image_here and not self.put_off
        return here and self.state == "starting" and self.domain == "none"


def ordered(launch: VmLaunch, boot: str) -> Vm:
    """Return the VM that ``launch`` asks for; its image is to be fetched next."""
    spec = DomainSpec(
        vm_id=launch.vm_id,
        lease_id=launch.lease_id,
        boot=boot,
        shape=launch.shape,
        image=launch.image,
        cmdline=launch.cmdline,
        user_data=launch.user_data,
        ports=tuple(launch.ports),
        allow_from=tuple(launch.allow_from),
        until_ms=launch.until_ms,
        born_ms=launch.born_ms,
    )
    vm = Vm(spec, Meter(boot), not_before_ms=launch.not_before_ms)
    remember(vm.launches, launch.instruction_id)
    return vm


def adopted(
    seen: ObservedDomain, endpoints: list[Endpoint], now_ms: int, ready_bound_ms: int
) -> tuple[Vm, list[Effect]]:
    """Return the VM behind a domain that an agent before us started."""
    until_ms = seen.notes.until_ms or seen.spec.until_ms
    born_ms = seen.spec.born_ms if seen.notes.born_ms is None else seen.notes.born_ms
    spec = replace(seen.spec, until_ms=until_ms, born_ms=born_ms)
    vm = Vm(spec, Meter(spec.boot, seen.reading), state="running", domain="up", up_ms=now_ms)
    vm.endpoints, vm.ready_ms = endpoints, seen.notes.ready_ms
    vm.usage_ms, vm.found_ms = now_ms + USAGE_EVERY_MS, now_ms
    return vm, _await_ready(vm, now_ms, ready_bound_ms)


def cut_off(vm: Vm, now_ms: int) -> None:
    """There is no exchange: a VM without an end may run on for a while, others to their end."""
    vm.connected = False
    if vm.spec.until_ms is None and vm.cutoff_ms is None and vm.state != "stopping":
        vm.cutoff_ms = now_ms + SPOT_CUTOFF_MS


def remember(instructions: list[str], instruction_id: str) -> None:
    """Keep an instruction to confirm; only the newest few, since unconfirmed ones come again."""
    if instruction_id and instruction_id not in instructions:
        instructions.append(instruction_id)
        del instructions[:-MAX_CONFIRMS]


def refused(vm: Vm, reason: str) -> list[Effect]:
    """The host will not run it: the VM has failed before anything was done."""
    _end(vm, "failed", reason)
    return []


def disown(vm: Vm, now_ms: int) -> list[Effect]:
    """Another VM has taken this one's id: end it without a report."""
    vm.disowned = True
    return stop(vm, now_ms, "stopped", "orphan")


def extended(vm: Vm, until_ms: int | None) -> list[Effect]:
    """Take a new end over, as when the buyer's next window follows on this one."""
    if until_ms == vm.spec.until_ms:
        return []
    vm.spec = replace(vm.spec, until_ms=until_ms)
    return [KeepNotes(vm.spec.vm_id, notes(vm))] if vm.domain == "up" else []


def image_ready(vm: Vm, now_ms: int) -> list[Effect]:
    """Start, or wait for the window to begin: until then the slot may be somebody else's."""
    vm.image_here = True
    begins_ms = _begins_ms(vm)
    return _start(vm) if begins_ms is None or begins_ms <= now_ms else []


def image_is_too_large(vm: Vm, mib: int) -> bool:
    return vm.image_max_mib is not None and mib > vm.image_max_mib


def image_failed(vm: Vm, reason: str) -> None:
    if vm.state == "starting" and vm.domain == "none":
        _end(vm, "failed", reason)


def started(vm: Vm, endpoints: list[Endpoint], now_ms: int, ready_bound_ms: int) -> list[Effect]:
    """The domain runs. A stop that was asked for meanwhile is carried out now."""
    if vm.domain != "creating":
        return []
    vm.domain, vm.endpoints, vm.up_ms = "up", endpoints, now_ms
    vm.usage_ms = now_ms + USAGE_EVERY_MS
    if vm.state == "stopping":
        return [_cut(vm, now_ms)]
    _enter(vm, "running")
    return _await_ready(vm, now_ms, ready_bound_ms)


def start_failed(vm: Vm, reason: str) -> None:
    if vm.domain != "creating":
        return
    vm.domain = "none"
    if vm.state == "stopping":
        _end(vm, vm.outcome, vm.outcome_reason)
    elif reason == HYPERVISOR_LOST:
        vm.put_off = True
    else:
        _end(vm, "failed", reason)


def guest_ready(vm: Vm, now_ms: int) -> list[Effect]:
    """The guest serves; said once, and kept with the domain for an agent after us."""
    if vm.state != "running" or vm.ready_ms is not None:
        return []
    vm.ready_ms = vm.clock.theirs(now_ms)
    vm.ready_at_ms = vm.ready_by_ms = None
    vm.unreported = True
    return [KeepNotes(vm.spec.vm_id, notes(vm))]


def guest_hangs(vm: Vm, now_ms: int) -> list[Effect]:
    """QEMU does not answer, which is not the guest's fault: keep watching, and remember it."""
    if vm.state != "running" or vm.ready_ms is not None:
        return []
    vm.hangs_ms = now_ms
    return [WatchGuest(vm.spec.vm_id)]


def stop(
    vm: Vm, now_ms: int, outcome: Outcome, reason: str | None, grace_ms: int = 0
) -> list[Effect]:
    """Begin to stop, or hurry a stop under way. With a grace the guest may power off by itself."""
    if vm.ended:
        return []
    if vm.state != "stopping":
        vm.outcome, vm.outcome_reason = outcome, reason
        vm.ready_at_ms = vm.ready_by_ms = vm.reap_ms = vm.cutoff_ms = None
        if vm.domain == "none":
            _end(vm, outcome, reason)
            return []
        _enter(vm, "stopping")
    if vm.domain == "creating":
        return []
    if grace_ms == 0:
        return [_cut(vm, now_ms)]
    cut_ms = now_ms + grace_ms
    vm.cut_ms = cut_ms if vm.cut_ms is None else min(vm.cut_ms, cut_ms)
    return [ShutdownDomain(vm.spec.vm_id)]


def looked_at(vm: Vm, state: DomainState, now_ms: int) -> list[Effect]:
    """The domain is found in ``state``. One that somebody holds may go on, within a while."""
    vm.held_ms = None if state != "held" else vm.held_ms or now_ms
    if vm.held_ms is not None and now_ms - vm.held_ms < HELD_MAX_MS:
        return []
    match state:
        case "running" | "unknown":
            return []
        case "stopped":
            return stop(vm, now_ms, "stopped", "guest_stopped")
        case "taken":
            return stop(vm, now_ms, "failed", "domain_lost")
        case "held":
            return stop(vm, now_ms, "failed", "paused")
        case "crashed" | "io_error":
            return stop(vm, now_ms, "failed", state)


def reach(vm: Vm, unreached: bool) -> None:
    """Tell its owner while a port of an adopted VM waits for somebody else to let go of it."""
    reason = "unreached" if unreached else None
    if vm.state == "running" and vm.reason != reason:
        vm.reason, vm.unreported = reason, True


def gone(vm: Vm, reading: Reading | None) -> None:
    """Nothing of the domain is left: the VM has ended."""
    if reading is not None:
        vm.meter.observe(reading)
    if vm.ended:
        return
    vm.domain = "none"
    if vm.state == "stopping":
        _end(vm, vm.outcome, vm.outcome_reason)
    else:
        _end(vm, "failed", "domain_lost")


def next_deadline_ms(vm: Vm) -> int | None:
    if vm.ended:
        return None
    times = (
        _ends_ms(vm) if vm.state != "stopping" else None,
        _begins_ms(vm) if vm.waits_for_start else None,
        vm.cutoff_ms,
        vm.reap_ms,
        vm.ready_at_ms,
        vm.ready_by_ms,
        vm.cut_ms,
        vm.usage_ms,
    )
    return min((time for time in times if time is not None), default=None)


def settle(vm: Vm, at_ms: int) -> list[Effect]:
    """Carry out what is due at ``at_ms``; the hourly usage report is the core's own affair."""
    if vm.state != "stopping":
        if _due(_ends_ms(vm), at_ms):
            return stop(vm, at_ms, "stopped", "lease_over")
        if _due(vm.cutoff_ms, at_ms):
            return stop(vm, at_ms, "stopped", "cut_off")
        if _due(vm.reap_ms, at_ms):
            return stop(vm, at_ms, "stopped", "orphan")
        if vm.waits_for_start and _due(_begins_ms(vm), at_ms):
            return _start(vm)
        if _due(vm.ready_at_ms, at_ms):
            return guest_ready(vm, at_ms)
        if _due(vm.ready_by_ms, at_ms):
            hangs = vm.hangs_ms is not None and at_ms - vm.hangs_ms < HANGS_RECENT_MS
            return stop(vm, at_ms, "failed", "hangs" if hangs else "not_ready")
    elif _due(vm.cut_ms, at_ms):
        return [_cut(vm, at_ms)]
    return []


def _begins_ms(vm: Vm) -> int | None:
    """When its window begins, in our time."""
    return None if vm.not_before_ms is None else vm.clock.ours(vm.not_before_ms)


def _ends_ms(vm: Vm) -> int | None:
    """When its lease ends, in our time. Our clock alone ends no VM that was found at the start
    before the exchange could have told its time."""
    if vm.spec.until_ms is None:
        return None
    ends_ms = vm.clock.ours(vm.spec.until_ms) + (WORD_MS if vm.connected else 0)
    if vm.found_ms is None or vm.clock.known:
        return ends_ms
    return max(ends_ms, vm.found_ms + FIRST_TOLD_MS)


def notes(vm: Vm) -> Notes:
    last = vm.meter.last
    return Notes(
        until_ms=vm.spec.until_ms,
        ready_ms=vm.ready_ms,
        net_rx_total=last.net_rx_total if last else 0,
        net_tx_total=last.net_tx_total if last else 0,
        born_ms=vm.spec.born_ms,
    )


def _start(vm: Vm) -> list[Effect]:
    if vm.state != "starting" or vm.domain != "none":
        return []
    vm.domain = "creating"
    return [StartDomain(vm.spec)]


def _await_ready(vm: Vm, now_ms: int, ready_bound_ms: int) -> list[Effect]:
    if vm.ready_ms is not None:
        return []
    if not vm.spec.ports:
        vm.ready_at_ms = now_ms + PORTLESS_READY_MS
        return []
    vm.ready_by_ms = now_ms + ready_bound_ms
    return [WatchGuest(vm.spec.vm_id)]


def _cut(vm: Vm, now_ms: int) -> Effect:
    vm.cut_ms = now_ms + CUT_AGAIN_MS
    return DestroyDomain(vm.spec.vm_id, vm.spec.boot)


def _end(vm: Vm, outcome: Outcome, reason: str | None) -> None:
    vm.cut_ms = vm.usage_ms = None
    _enter(vm, outcome, reason)


def _enter(vm: Vm, state: VmState, reason: str | None = None) -> None:
    vm.state, vm.reason, vm.unreported = state, reason, True


def _due(time_ms: int | None, at_ms: int) -> bool:
    return time_ms is not None and time_ms <= at_ms
