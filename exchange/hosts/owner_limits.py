"""What a host's owner allows it to offer: a limit, a threshold of the owner's own load, and the
size of the images of its VMs. Pure.

A request changes what it names and keeps the rest; ``lift`` takes a limit away (rules.md 8.3).
"""

from typing import Any

from exchange.hosts import presence
from exchange.hosts.enrollment import owned
from exchange.model import emit
from exchange.model.capacity import Host
from exchange.model.commands import Command
from exchange.model.state import State
from exchange.wire.instructions import HostLimit
from exchange.wire.requests import HostOffer
from exchange.wire.results import Done, Refused
from exchange.wire.types import Capacity


def offer(state: State, command: Command, request: HostOffer) -> Done | Refused:
    """The owner limits what a host offers; its agent is sent all limits that then hold."""
    host = owned(state, command, request.host)
    if isinstance(host, Refused):
        return host
    for name in request.lift or ():
        if getattr(request, name) is not None:
            return Refused("invalid_field", f"{name} is set and lifted", "lift")
    offered, below_pct = _then(host, request)
    image_max_mib = _image_then(host, request)
    said, known = (offered, below_pct, image_max_mib), _limits(host)
    if request.lift is not None and said == known:
        return Done(_in_force(host), duplicate=True)
    host.residual_below_pct, host.image_max_mib = below_pct, image_max_mib
    host.set_offer(host.announced, offered)
    order = limit_order(state, host, emit.instruction_id(state, host))
    state.outs.append((host.host_id, order))
    presence.fit_to_offer(state, host)
    return Done(_in_force(host))


def _then(host: Host, request: HostOffer) -> tuple[Capacity | None, int | None]:
    """Return both limits as they are after ``request``.

    A row of an earlier release has no ``lift``: it lifted whatever it did not name.
    """
    offered, below_pct = request.offered, request.residual_below_pct
    if request.lift is None:
        return offered, below_pct
    if offered is None and "offered" not in request.lift:
        offered = host.limit
    if below_pct is None and "residual_below_pct" not in request.lift:
        below_pct = host.residual_below_pct
    return offered, below_pct


def _image_then(host: Host, request: HostOffer) -> int | None:
    """Return the limit on images as it is after ``request``."""
    if request.image_max_mib is not None or "image_max_mib" in (request.lift or ()):
        return request.image_max_mib
    return host.image_max_mib


def _limits(host: Host) -> tuple[Capacity | None, int | None, int | None]:
    return host.limit, host.residual_below_pct, host.image_max_mib


def _in_force(host: Host) -> dict[str, Any]:
    """Return the answer: the limits that hold now, null or absent for none."""
    told: dict[str, Any] = {"host": host.host_id, "offered": host.limit}
    told["residual_below_pct"] = host.residual_below_pct
    return told if host.image_max_mib is None else {**told, "image_max_mib": host.image_max_mib}


def limit_order(state: State, host: Host, instruction_id: str) -> HostLimit:
    """Return the instruction that carries its owner's limits to an agent. A read."""
    return HostLimit(instruction_id, state.epoch, *_limits(host))
