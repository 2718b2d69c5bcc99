"""VMs on leases: start, stop, what their host reports of them, and launches that are overdue.

Source: rules.md 5.8, 5.9; protocol.md, "Leases and VMs".
"""

from ipaddress import ip_network

import msgspec

from exchange.leases import billing, host_limits, images, leasing, vm_life, vm_units
from exchange.model import emit, newer_rules
from exchange.model.account import Account
from exchange.model.commands import Command
from exchange.model.lease import Vm
from exchange.model.meter import cpu_before
from exchange.model.state import State
from exchange.units import MIB
from exchange.wire.requests import UsageReport, VmStart, VmStatus, VmStop
from exchange.wire.results import Done, Refused
from exchange.wire.terms import failure_fault

LAUNCH_MS = 300_000
IMAGE_MIB_PER_S = 10
RELAUNCH_MS = 60_000
"""After a restart of the exchange every launch has at least this long."""
STOP_GRACE_MS = 10_000


def start(state: State, command: Command, request: VmStart) -> Done | Refused:
    """The buyer wants a VM on a lease (protocol.md, "Leases and VMs")."""
    refused = newer_rules.one_endpoint_a_port(state, request)
    if refused is not None:
        return refused
    account = state.ledger.accounts[command.account]
    known = _started_before(state, account, request)
    if known is not None:
        asked = known.request  # it may have moved to the buyer's next lease since
        request = msgspec.structs.replace(request, req_id=asked.req_id, lease_id=asked.lease_id)
        if request == asked:
            return Done({"vm_id": known.vm_id, "duplicate": True}, duplicate=True)
        return Refused("vm_exists", f"{request.name!r} names another VM of this lease", "name")
    lease = leasing.find_for(state, account, request.lease_id, "buy")
    if isinstance(lease, Refused):
        return lease
    image = state.images.get(request.image)
    if image is None or not images.may_use(image, command.account):
        return Refused("image_unknown", "you have no image with this digest", "image")
    for source in request.allow_from or ():
        if not _is_network(source):
            return Refused("invalid_field", f"{source!r} is no address range", "allow_from")
    gate_ms = lease.instrument.gate_ms
    if gate_ms is not None and state.now_ms < gate_ms:
        return Refused("market_not_open", f"VMs start from gate closure, {gate_ms}", "lease_id")
    if len(lease.live_vms()) >= lease.units:
        return Refused("lease_full", f"all {lease.units} units run a VM", "lease_id")
    if (beyond := host_limits.beyond(state, lease, request, image)) is not None:
        return beyond
    state.counters.vm += 1
    billing.accrue(lease, state.now_ms)
    vm = Vm(state.counters.vm, lease, request, state.now_ms)
    vm_units.assign_unit(vm, state.now_ms)
    lease.vms[vm.name] = vm
    state.vms[vm.number] = vm
    image_s = image.size // (IMAGE_MIB_PER_S * MIB)
    from_ms = max(state.now_ms, lease.start_ms)
    vm_life.launch_by(state, vm, from_ms + LAUNCH_MS + image_s * 1000)
    emit.vm(state, vm)
    launch = vm_life.launch_order(vm, emit.instruction_id(state, lease.host), state.epoch)
    state.outs.append((lease.host.host_id, launch))
    return Done({"vm_id": vm.vm_id, "duplicate": False})


def _started_before(state: State, account: Account, request: VmStart) -> Vm | None:
    """Return the VM of that lease and name, also 24 h after the lease ended (rules.md 4.6)."""
    lease = leasing.find(state, request.lease_id)
    if lease is None or lease.buyer is not account:
        return None
    return lease.vms.get(request.name)


def _is_network(text: str) -> bool:
    """Return whether it is an IPv4 or IPv6 address, or a range of them."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def stop(state: State, command: Command, request: VmStop) -> Done | Refused:
    """The buyer ends a VM; its unit stays his."""
    vm = find_for(state, command.account, request.vm_id)
    if isinstance(vm, Refused):
        return vm
    if vm.state == "stopping":
        return Done({"vm_id": vm.vm_id, "state": vm.state}, duplicate=True)
    vm_life.kill(state, vm, STOP_GRACE_MS if request.grace_ms is None else request.grace_ms)
    return Done({"vm_id": vm.vm_id, "state": vm.state})


def find_for(state: State, buyer: str, vm_id: str) -> Vm | Refused:
    """Return the buyer's VM that has not ended; another buyer's VM is refused as unknown."""
    vm = _find(state, vm_id)
    if vm is None or vm.lease.buyer.account_id != buyer:
        return Refused("unknown_vm", f"you have no VM {vm_id!r}", "vm_id")
    return vm


def status(state: State, command: Command, report: VmStatus) -> Done | Refused:
    """A host reports the state of a VM."""
    vm = _find(state, report.vm_id)
    if vm is None or vm.lease.host.host_id != command.host:
        return Refused("unknown_vm", f"no VM {report.vm_id!r} on this host", "vm_id")
    if report.state == "requested":
        return Refused("invalid_field", "only a buyer requests a VM", "state")
    if (refused := newer_rules.guests_can_be_reached(state, report)) is not None:
        return refused
    if _says_nothing_new(vm, report):
        return Done({"state": vm.state}, duplicate=True)
    if report.state in ("stopped", "failed"):
        _ended(state, vm, report)
    else:
        _moved(state, vm, report)
    return Done({"state": vm.state})


def _says_nothing_new(vm: Vm, report: VmStatus) -> bool:
    """Late reports of a VM that is being stopped, and repeats, change nothing."""
    if vm.state == "stopping" and report.state in ("starting", "running", "stopping"):
        return True
    same = (report.state, report.reason) == (vm.state, vm.reason)
    return same and report.ready_ms == vm.ready_ms and report.endpoints == vm.endpoints


def _moved(state: State, vm: Vm, report: VmStatus) -> None:
    """Starting, running or stopping; a reboot may take a VM back to starting."""
    now_ms = state.now_ms
    vm.state, vm.reason = report.state, report.reason
    vm.endpoints = list(report.endpoints)
    if report.state == "running" and vm.launched_ms is None:
        vm.launched_ms, vm.launch_by_ms = now_ms, None
        wait = vm_units.open_wait(vm)
        if wait is not None:
            wait.launched_ms = now_ms
    if report.ready_ms is not None and not vm.booted and vm.launched_ms is not None:
        vm.booted = True
        vm.lease.host.evidence.booted(now_ms - vm.launched_ms)
        vm_units.end_wait(vm, now_ms)
    vm.ready_ms = report.ready_ms
    emit.vm(state, vm)


def _ended(state: State, vm: Vm, report: VmStatus) -> None:
    """A VM stopped or failed; one that never ran is a failed launch unless it was stopped."""
    if report.reason == "not_ready":
        vm.lease.host.evidence.never_ready(vm.lease.buyer.account_id)
    never_ran = vm.launched_ms is None and vm.launch_by_ms is not None
    leasing.vm_ended(state, vm, report.state, report.reason)
    if never_ran and failure_fault(report.reason) == "host":
        leasing.launch_failed(state, vm)


def launch_overdue(state: State, number: int) -> None:
    """No launch in time: the VM fails and its unit ends with the bond paid."""
    vm = state.vms[number]
    vm_life.kill(state, vm, grace_ms=0)
    leasing.vm_ended(state, vm, "failed", "launch_failed")
    leasing.launch_failed(state, vm)


def extend_launches(state: State, now_ms: int) -> None:
    """Extend launch deadlines after a restart: our own outage must not fail a launch (rules.md
    6.4)."""
    for vm in state.vms.values():
        if vm.launch_by_ms is not None:
            vm_life.launch_by(state, vm, max(vm.launch_by_ms, now_ms + RELAUNCH_MS))


def usage(state: State, command: Command, report: UsageReport) -> Done | Refused:
    """Cumulative counters of a VM; CPU is clamped to what its vCPUs can use in the time."""
    vm = _find(state, report.vm_id)
    if vm is None or vm.lease.host.host_id != command.host:
        return Refused("unknown_vm", f"no VM {report.vm_id!r} on this host", "vm_id")
    seen_ms = vm.cpu_ms_seen if report.boot == vm.boot else 0
    if report.cpu_ms_total < seen_ms:
        return Refused("invalid_field", "a reading cannot go back", "cpu_ms_total")
    elapsed_ms = state.now_ms - vm.used_at_ms
    most_ms = elapsed_ms * vm.lease.instrument.shape.mvcpu // 1000
    cpu_ms = min(report.cpu_ms_total - seen_ms, most_ms)
    vm.cpu_ms += cpu_ms
    from_ms, now_ms = vm.used_at_ms, state.now_ms
    vm.lease.meter.use_cpu(cpu_ms, from_ms, now_ms)
    leasing.usage_reported(state, vm, cpu_before(vm.lease.start_ms, cpu_ms, from_ms, now_ms))
    vm.boot, vm.cpu_ms_seen, vm.used_at_ms = report.boot, report.cpu_ms_total, state.now_ms
    vm.net_rx, vm.net_tx = report.net_rx_total, report.net_tx_total
    return Done({"cpu_ms": vm.cpu_ms})


def _find(state: State, vm_id: str) -> Vm | None:
    number = vm_id.removeprefix("v-")
    vm = state.vms.get(int(number)) if number.isdecimal() else None
    return vm if vm is not None and vm.vm_id == vm_id else None
