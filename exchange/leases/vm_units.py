"""Which unit of its lease a VM runs on, and which units go when some are released."""

from exchange.model.lease import Lease, Vm
from exchange.model.waits import Wait


def assign_unit(vm: Vm, from_ms: int) -> None:
    """Assign a unit to a VM, preferably one that had no VM yet: its launch wait begins."""
    vm.unit = vm.lease.meter.units.assign(vm.number, from_ms, vm.launched_ms is not None)


def free_unit(vm: Vm) -> None:
    """A VM is gone; its unit, if that is still leased, may have another."""
    if vm.unit is not None:
        vm.lease.meter.units.free(vm.unit)


def open_wait(vm: Vm) -> Wait | None:
    """Return the unbilled wait for this VM if it is its unit's first and the wait is not over."""
    return vm.lease.meter.units.open_wait(vm.number) if vm.unit == vm.number else None


def end_wait(vm: Vm, now_ms: int) -> None:
    """The first VM of a unit is ready, told to stop or gone: its unbilled wait is over."""
    wait = open_wait(vm)
    if wait is not None:
        wait.until_ms = now_ms


def units_to_release(lease: Lease, units: int) -> list[int]:
    """Choose ``units`` to release; returns the keys of those of them that had a VM.

    First those that never had one, then those without one for longest, then those whose VM is
    stopping or, failing that, the youngest.
    """
    held = lease.meter.units
    live = [vm for vm in lease.live_vms() if vm.unit is not None]
    stopping = [vm.unit for vm in live if vm.state == "stopping"]
    others = [vm.unit for vm in reversed(live) if vm.state != "stopping"]
    keys = [key for key in (*held.idle, *stopping, *others) if key is not None]
    return keys[: max(0, units - held.fresh_units)]


def release_units(lease: Lease, units: int, keys: list[int]) -> None:
    """``units`` leave the lease, ``keys`` those of them that had a VM (`units_to_release`)."""
    lease.meter.release_units(units, keys)
    for vm in lease.live_vms() if keys else ():
        if vm.unit in keys:
            vm.unit = None
