"""What a VM may use of its host beyond CPU, memory and disk: ports, and room for its image.

A host that announces limits is asked for no more than it can give, nor for a larger image than its
owner takes: what does not fit is refused to the buyer, before anything is started or charged to
anybody. Pure. Source: rules.md 5.9.
"""

from exchange.model.capacity import Host
from exchange.model.lease import Lease
from exchange.model.records import Image
from exchange.model.state import State
from exchange.units import MIB, ceil_div
from exchange.wire.requests import VmStart
from exchange.wire.results import Refused
from exchange.wire.terms import unit_image_mib, unit_ports


def beyond(state: State, lease: Lease, request: VmStart, image: Image) -> Refused | None:
    """Return why the VM asks for more than its unit's share; None when it fits."""
    limits, shape = lease.host.limits, lease.instrument.shape
    owners_mib = lease.host.image_max_mib
    if owners_mib is not None and ceil_div(image.size, MIB) > owners_mib:
        text = f"an image of {ceil_div(image.size, MIB)} MiB; the host takes at most {owners_mib}"
        return Refused("quota_exceeded", text, "image")
    if limits is None:
        return None
    if limits.image_mib is not None:
        most_mib, mib = unit_image_mib(limits.image_mib, shape), ceil_div(image.size, MIB)
        if mib > most_mib:
            text = f"an image of {mib} MiB; a unit here may have {most_mib}"
            return Refused("quota_exceeded", text, "image")
    ports = len(request.ports or [])
    if limits.ports is None or not ports:
        return None
    most = unit_ports(limits.ports, shape, lease.host.capacity)
    if ports > most:
        return Refused("quota_exceeded", f"a unit here may have {most} ports", "ports")
    if most == 1 and _ports_in_use(state, lease.host) + ports > limits.ports:
        return Refused("insufficient_capacity", "the host has no port left", "ports")
    return None


def _ports_in_use(state: State, host: Host) -> int:
    """Return what the host's VMs have; counted only where it has fewer ports than units."""
    state.looked_at += len(state.vms)
    vms = [vm for vm in state.vms.values() if vm.lease.host is host]
    return sum(len(vm.request.ports or []) for vm in vms)
