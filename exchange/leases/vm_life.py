"""The life of a VM: its launch, its move to the buyer's next lease, its stop and its end.

``leasing.py`` decides what a VM's end means for its lease, and calls this module. Source: rules.md
5.8, 5.9, 5.10.
"""

import msgspec

from exchange.leases import vm_units
from exchange.model import emit
from exchange.model.lease import Lease, Vm
from exchange.model.state import State
from exchange.model.timers import TimerKind
from exchange.wire.instructions import VmKill, VmLaunch
from exchange.wire.types import VmState


def launch_by(state: State, vm: Vm, at_ms: int) -> None:
    """The VM fails at ``at_ms`` unless its host launches it before."""
    vm.launch_by_ms = at_ms
    state.timers.set(at_ms, TimerKind.VM, vm.number)


def launch_order(vm: Vm, instruction_id: str, epoch: int) -> VmLaunch:
    """Return all a host needs to launch a VM."""
    request, lease = vm.request, vm.lease
    return VmLaunch(
        instruction_id,
        epoch,
        vm.vm_id,
        lease.lease_id,
        lease.instrument.class_name,
        lease.instrument.shape,
        request.image,
        request.cmdline or "",
        request.user_data or "",
        request.ports or [],
        request.allow_from or [],
        lease.instrument.end_ms,
        lease.instrument.start_ms,
        born_ms=vm.requested_ms,
        ran=vm.launched_ms is not None,
    )


def move(state: State, vm: Vm, other: Lease) -> None:
    """A VM goes on under another lease; its host learns the new end.

    It counts as the first VM of its unit there too, so the rest of its launch wait is not billed.
    """
    now_ms = state.now_ms
    vm_units.end_wait(vm, now_ms)
    vm.lease = other
    vm.request = msgspec.structs.replace(vm.request, lease_id=other.lease_id)
    other.vms[vm.name] = vm
    other.vms = dict(sorted(other.vms.items(), key=lambda item: item[1].number))
    vm_units.assign_unit(vm, now_ms)
    if vm.booted:
        vm_units.end_wait(vm, now_ms)
    emit.vm(state, vm)
    order = launch_order(vm, emit.instruction_id(state, other.host), state.epoch)
    state.outs.append((other.host.host_id, order))


def kill(state: State, vm: Vm, grace_ms: int) -> None:
    """Have the host stop a VM: ACPI first when there is a grace, then by force."""
    if vm.state != "stopping":
        vm_units.end_wait(vm, state.now_ms)
        vm.state, vm.launch_by_ms = "stopping", None
        emit.vm(state, vm)
    host = vm.lease.host
    name = emit.instruction_id(state, host)
    order = VmKill(name, state.epoch, vm.vm_id, grace_ms, vm.requested_ms)
    state.outs.append((host.host_id, order))


def end(state: State, vm: Vm, final: VmState, reason: str | None) -> None:
    """The VM is gone for good: stopped or failed. Its unit may have another."""
    vm_units.end_wait(vm, state.now_ms)
    vm_units.free_unit(vm)
    vm.state, vm.reason, vm.launch_by_ms = final, reason, None
    vm.endpoints = []
    del state.vms[vm.number]
    emit.vm(state, vm)
