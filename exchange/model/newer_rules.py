"""Rules that came after journals were written that break them: live they refuse, replay they pass.

A row is what happened. A rule that would refuse what an earlier release accepted stands here, and
only here, so that the start of an older journal does not fail on it. Every other rule holds for
live commands and rows alike. See docs/decisions/0063-rules-newer-than-rows.md. Pure.
"""

from exchange.model.state import State
from exchange.units import MAX_INT
from exchange.wire.requests import HostAnnounce, VmStart
from exchange.wire.results import Refused


def money_within_bounds(state: State, deposit_ucr: int) -> Refused | None:
    """All money together is at most what the wire can carry (rules.md 1.4)."""
    if state.replaying or not state.ledger.full(deposit_ucr):
        return None
    return Refused("invalid_field", f"all money together is at most {MAX_INT}", "amount_ucr")


def one_endpoint_a_port(state: State, request: VmStart) -> Refused | None:
    """A guest port is reached in one place, so a VM names it once (rules.md 5.9)."""
    ports = request.ports or []
    if state.replaying or len(dict.fromkeys(ports)) == len(ports):
        return None
    return Refused("invalid_field", "a port is there twice", "ports")


def offer_within_capacity(state: State, request: HostAnnounce) -> Refused | None:
    """A host sells no more than it has (rules.md 3.2)."""
    for name in () if state.replaying else request.capacity.__struct_fields__:
        most = getattr(request.capacity, name)
        if getattr(request.offered, name) > most:
            text = f"more than the host's capacity, {most}"
            return Refused("invalid_field", text, f"offered.{name}")
    return None
