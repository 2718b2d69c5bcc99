"""Compare what the exchange wants, what we know and what the hypervisor shows.

Pure, and only about sets of VM ids: what follows from a difference is in `vm`. Two rules matter.
An agent that has restarted adopts what runs before it believes anybody; and it reaps only domains
that carry our metadata, after a grace, never anybody else's (a hypervisor shows no others).
"""

from msgspec import Struct

from exchange.wire.instructions import HostSync, VmLaunch
from hostagent.core.identity import Tombs, is_meant
from hostagent.core.ports import DomainSpec, ObservedDomain
from hostagent.core.vm import Vm


class Wanted(Struct, frozen=True):
    """What follows from a `HostSync`: each list in the order of the sync, or of our own VMs."""

    launch: list[VmLaunch]
    """What is not here, or only as another VM of the same id."""
    keep: list[VmLaunch]
    orphans: list[str]


class Seen(Struct, frozen=True):
    """What follows from an observation."""

    adopt: list[ObservedDomain]
    """Run before us: take them over."""
    known: list[ObservedDomain]
    missing: list[str]
    """VMs of ours whose domain somebody removed."""
    leftovers: list[DomainSpec]
    """Domains of VMs that have ended: remove what is left."""


def joined(before: HostSync | None, part: HostSync) -> HostSync:
    """Return the sync as far as it is here; ``before``: the parts of it that came already."""
    if before is None or before.instruction_id != part.instruction_id:
        return part
    leases, vms = [*before.leases, *part.leases], [*before.vms, *part.vms]
    return HostSync(part.instruction_id, part.epoch, leases, vms, part.more)


def compare_wanted(sync: HostSync, vms: dict[str, Vm], ended: Tombs) -> Wanted:
    """Sort the VMs of ``sync`` and ours into launch, keep and orphans."""
    wanted = {launch.vm_id: launch for launch in sync.vms}
    meant = {vm_id for vm_id, vm in vms.items() if vm_id in wanted and _meant(wanted[vm_id], vm)}
    return Wanted(
        launch=[
            order
            for vm_id, order in wanted.items()
            if vm_id not in meant and not ended.hold(vm_id, order.born_ms)
        ],
        keep=[order for vm_id, order in wanted.items() if vm_id in meant],
        orphans=[vm_id for vm_id, vm in vms.items() if vm_id not in wanted and not vm.ended],
    )


def compare_seen(
    domains: list[ObservedDomain], at_ms: int, vms: dict[str, Vm], ended: Tombs
) -> Seen:
    """Sort the domains seen at ``at_ms``.

    A VM whose domain came up after ``at_ms`` is not missing: the look was simply too early.
    """
    new = [seen for seen in domains if seen.spec.vm_id not in vms]
    up = {vm_id: vm for vm_id, vm in vms.items() if vm.domain == "up"}
    here = {(seen.spec.vm_id, seen.spec.boot) for seen in domains}
    return Seen(
        adopt=[seen for seen in new if not _buried(seen, ended)],
        known=[seen for seen in domains if _is_of(seen, up.get(seen.spec.vm_id))],
        missing=[
            vm_id
            for vm_id, vm in up.items()
            if (vm_id, vm.spec.boot) not in here and vm.up_ms < at_ms
        ],
        leftovers=[seen.spec for seen in new if _buried(seen, ended)],
    )


def _is_of(seen: ObservedDomain, vm: Vm | None) -> bool:
    """Tell whether this is the domain of ``vm``: one that had its id before may look the same."""
    return vm is not None and seen.spec.boot == vm.spec.boot


def _meant(order: VmLaunch, vm: Vm) -> bool:
    return not vm.disowned and is_meant(order, vm.spec)


def _buried(seen: ObservedDomain, ended: Tombs) -> bool:
    born_ms = seen.spec.born_ms if seen.notes.born_ms is None else seen.notes.born_ms
    return ended.hold(seen.spec.vm_id, born_ms)
