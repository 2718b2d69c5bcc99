"""What a server offers beside its own work, and why. Pure.

Own work takes from the server's reserve first. What it takes beyond that leaves the offer in whole
units of the smallest served class, so that a little more load does not move it.
"""

from msgspec import Struct

from exchange.wire.terms import need_of
from exchange.wire.types import Capacity, ToldCapacity
from hostagent.core.inventory import fitting_classes
from hostagent.core.own_use import Used


class Offering(Struct, frozen=True):
    """What is offered and why. ``own``: what is left to the server's own work, measured within
    ``hours``; ``below_pct`` None: not a residual offer. ``paused``: nothing more is sold for
    now, since the hypervisor does not answer."""

    offered: Capacity
    capacity: Capacity
    total: Used
    own: Used
    hours: float
    limit: ToldCapacity | None = None
    below_pct: int | None = None
    open: bool = True
    paused: bool = False


def smallest_unit(capacity: Capacity, classes: dict[str, Capacity]) -> Used:
    """Return the least CPU and the least memory that a VM of a served class takes."""
    served = [need_of(classes[name]) for name in fitting_classes(capacity, classes)]
    if not served:
        return Used(1, 1)
    return Used(min(mvcpu for mvcpu, _, _ in served), min(mem_mib for _, mem_mib, _ in served))


def left_beside(own: Used, total: Used, capacity: Capacity, unit: Used) -> Capacity:
    """Return what ``own`` use leaves of ``capacity``; a ``total`` of 0 is not to be shared."""
    return Capacity(
        mvcpu=_left(own.mvcpu, total.mvcpu, capacity.mvcpu, unit.mvcpu),
        mem_mib=_left(own.mem_mib, total.mem_mib, capacity.mem_mib, unit.mem_mib),
        disk_mib=capacity.disk_mib,
    )


def _left(own: int, total: int, most: int, unit: int) -> int:
    left = max(0, total - own)
    if total == 0 or left >= most:
        return most
    return left // unit * unit
