"""Identifies a VM: its id alone is not enough, since an exchange may reuse ids. Pure.

An exchange that was restored from a backup gives the numbers behind it a second time, to other
buyers. So a VM is its id and the time at which it was asked for (`VmLaunch.born_ms`). A domain of
an older agent, which did not keep that time, is taken by what it says it boots.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from exchange.wire.instructions import VmLaunch
from hostagent.core.ports import DomainSpec
from hostagent.core.vm import Vm

MAX_TOMBS = 10_000


def is_meant(order: VmLaunch, spec: DomainSpec) -> bool:
    """Tell whether ``order`` speaks of the VM that was started as ``spec``."""
    if order.born_ms is None:
        return True  # an exchange of an older release
    if spec.born_ms is not None:
        return order.born_ms == spec.born_ms
    said = order.image, order.cmdline, tuple(order.ports), tuple(order.allow_from)
    return said == (spec.image, spec.cmdline, spec.ports, spec.allow_from)


def is_born(spec: DomainSpec, born_ms: int | None) -> bool:
    """Tell whether the VM was asked for at ``born_ms``; an unknown time agrees with any."""
    return born_ms is None or spec.born_ms is None or born_ms == spec.born_ms


def stamped(vm: Vm, order: VmLaunch) -> bool:
    """Give a VM of an older agent the time of ``order``, which means it. Whether that is new."""
    if order.born_ms is None or vm.spec.born_ms is not None:
        return False
    vm.spec = replace(vm.spec, born_ms=order.born_ms)
    return True


class Tombs:
    """VMs that have ended here and must not start again; the oldest are forgotten."""

    def __init__(self) -> None:
        self._born: dict[str, int | None] = {}

    def bury(self, vm_id: str, born_ms: int | None) -> None:
        self._born[vm_id] = born_ms
        if len(self._born) > MAX_TOMBS:
            del self._born[next(iter(self._born))]

    def hold(self, vm_id: str, born_ms: int | None) -> bool:
        """Return whether this very VM has ended; an unknown time matches any."""
        if vm_id not in self._born:
            return False
        known_ms = self._born[vm_id]
        return known_ms is None or born_ms is None or known_ms == born_ms


class Successors:
    """Launches that wait until another VM with their id, which nobody means any more, is gone."""

    def __init__(self) -> None:
        self._orders: dict[str, VmLaunch] = {}

    def add(self, order: VmLaunch) -> None:
        self._orders[order.vm_id] = order

    def drop(self, vm_id: str, born_ms: int | None) -> None:
        """Forget a launch, if it is of the VM that was asked for at ``born_ms``."""
        order = self._orders.get(vm_id)
        if order is not None and born_ms in (None, order.born_ms):
            del self._orders[vm_id]

    def due(self, vms: dict[str, Vm]) -> Iterator[VmLaunch]:
        """Take out the VM that can start now; its predecessor leaves ``vms`` without a report."""
        for vm_id in [one for one in self._orders if one not in vms or vms[one].ended]:
            vms.pop(vm_id, None)
            yield self._orders.pop(vm_id)
