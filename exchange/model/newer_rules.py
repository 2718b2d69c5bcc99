"""Rules newer than some journals: they refuse live commands, but let a replay pass.

A row is a fact. A rule that would refuse what an earlier release accepted is defined here, and only
here, so that an older journal can still be replayed. Every other rule holds for live commands and
rows alike. See docs/decisions/0063-rules-newer-than-rows.md. Pure.
"""

from exchange.model.capacity import Host
from exchange.model.commands import EnrollHost
from exchange.model.state import State
from exchange.units import MAX_INT
from exchange.wire import hardware
from exchange.wire.address import can_be_dialed
from exchange.wire.requests import HostAnnounce, VmStart, VmStatus
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


def guests_can_be_reached(state: State, report: VmStatus) -> Refused | None:
    """Buyers connect to what a host tells, so it is an address or a name (rules.md 5.9)."""
    for number, endpoint in enumerate(() if state.replaying else report.endpoints):
        if not can_be_dialed(endpoint.address):
            text = "neither an IP address of one machine nor a name"
            return Refused("invalid_field", text, f"endpoints[{number}].address")
    return None


def offer_within_capacity(state: State, request: HostAnnounce) -> Refused | None:
    """A host sells no more than it has (rules.md 3.2)."""
    for name in () if state.replaying else request.capacity.__struct_fields__:
        most = getattr(request.capacity, name)
        if getattr(request.offered, name) > most:
            text = f"more than the host's capacity, {most}"
            return Refused("invalid_field", text, f"offered.{name}")
    return None


def hardware_is_known(state: State, request: EnrollHost) -> Refused | None:
    """A hardware id that many servers share identifies none of them (rules.md 6.2)."""
    if state.replaying or not hardware.is_none(request.hardware_id):
        return None
    text = "a maker's default, which many servers have; send the machine's id"
    return Refused("invalid_field", text, "hardware_id")


def live_host_stays(state: State, host: Host, request: EnrollHost) -> Refused | None:
    """A host that serves is not handed over because another server shows its hardware id."""
    if state.replaying or host.status != "live" or request.take_over:
        return None
    text = f"{host.host_id} has this hardware and is live; stop its agent first, or take_over"
    return Refused("invalid_field", text, "hardware_id")
