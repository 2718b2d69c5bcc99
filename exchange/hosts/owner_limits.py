"""What a host's owner allows it to offer: a limit, and a threshold of the owner's own load. Pure.

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
    if request.lift is not None and (offered, below_pct) == (host.limit, host.residual_below_pct):
        return Done(_in_force(host), duplicate=True)
    host.residual_below_pct = below_pct
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


def _in_force(host: Host) -> dict[str, Any]:
    """Return the answer: the limits that hold now, null for none."""
    limits = {"offered": host.limit, "residual_below_pct": host.residual_below_pct}
    return {"host": host.host_id, **limits}


def limit_order(state: State, host: Host, instruction_id: str) -> HostLimit:
    """Return the instruction that carries its owner's limits to an agent. A read."""
    return HostLimit(instruction_id, state.epoch, host.limit, host.residual_below_pct)
