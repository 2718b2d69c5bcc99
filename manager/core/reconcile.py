"""Compares the balancer with what should serve, and puts right what differs.

A balancer that restarts forgets our servers, somebody may set one by hand, and a Manager that died
may have left some behind. Pure. Source: manager.md, "When something fails".
"""

from manager.core.burst import Bursts
from manager.core.messages import BackendsSeen, DrainBackend, ServerState
from manager.core.outgoing import Outgoing
from manager.core.rented import RentedUnits
from manager.core.unit import IN_BALANCER, Lease, Unit


class Reconcile:
    """Acts on `BackendsSeen`; does nothing while the account is not known."""

    def __init__(self, outgoing: Outgoing, rented: RentedUnits, bursts: Bursts) -> None:
        self._outgoing = outgoing
        self._rented = rented
        self._bursts = bursts
        self._leaving: set[str] = set()
        """Strange servers that drain."""
        self._draining: set[str] = set()
        """What drained before the account was known for the first time."""
        self._resumed = False

    def seen(self, seen: BackendsSeen) -> None:
        if not self._outgoing.online:
            if not self._resumed:
                self._draining = {
                    name for name, state in seen.servers.items() if state == "draining"
                }
            return
        for lease, unit in self._rented.units():
            # A look from before the server joined says nothing about it.
            if unit.state == "ready" and unit.port and unit.joined_ms < seen.at_ms:
                self._in_service(lease, unit, seen.servers.get(unit.server))
        self._leaving &= set(seen.servers)
        for server, state in seen.servers.items():
            unit_here = self._rented.unit(server)
            if unit_here is None or unit_here.state not in IN_BALANCER:
                self._strange(server, state)

    def resume(self) -> None:
        """The account is known: what drained when the Manager before us ended goes on draining."""
        self._resumed = True
        for server in self._draining:
            unit = self._rented.unit(server)
            if unit is not None and unit.state == "joining":
                self._bursts.leave(unit, give_back=True)
        self._draining = set()

    def _in_service(self, lease: Lease, unit: Unit, state: ServerState | None) -> None:
        if state == "ready":
            return
        how = "is not in the balancer" if state is None else "gets no traffic"
        self._outgoing.log(
            "balancer_differs", f"{unit.server} {how}, though it serves: joins again"
        )
        self._bursts.join(lease, unit)

    def _strange(self, server: str, state: ServerState) -> None:
        """Nothing of ours serves there: let what is open end, then remove it (`Bursts.drained`)."""
        if server not in self._leaving:
            self._leaving.add(server)
            self._outgoing.log("balancer_differs", f"{server} is {state} and no unit: it leaves")
            self._outgoing.emit(DrainBackend(server))
