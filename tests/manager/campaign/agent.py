"""`headroom`, whose VMs in memory really serve: a web server of this process is each one's guest.

As `python -m tests.manager.campaign.agent host run --hypervisor memory ...`. A guest ends with its
VM, and with the agent.
"""

from hostagent import setup
from hostagent.core.ports import (
    Clock,
    DestroyDomain,
    DomainStarted,
    Effect,
    GuestReady,
    Result,
    ShutdownDomain,
)
from hostagent.machine.memory_machine import MemoryMachine
from tests.manager.website import Website


class ServingMachine(MemoryMachine):
    """A `MemoryMachine` with something behind its endpoints."""

    def __init__(self, clock: Clock, address: str, ports: range) -> None:
        super().__init__(clock, address, ports)
        self._places: dict[str, list[tuple[str, int]]] = {}
        self._sites: dict[str, list[Website]] = {}

    async def carry_out(self, effect: Effect) -> Result | None:
        if isinstance(effect, ShutdownDomain | DestroyDomain):
            for site in self._sites.pop(effect.vm_id, []):
                await site.stop()
        result = await super().carry_out(effect)
        if isinstance(result, DomainStarted):
            places = [(one.address, one.port) for one in result.endpoints]
            self._places[result.vm_id] = places
        if isinstance(result, GuestReady) and self._server.hypervisor.guest_accepts(result.vm_id):
            for place in self._places.pop(result.vm_id, []):
                site = Website(b"<h1>rented</h1>")
                self._sites.setdefault(result.vm_id, []).append(site)
                await site.start(*place)
        return result


if __name__ == "__main__":
    setattr(setup, "MemoryMachine", ServingMachine)  # noqa: B010 it is another class to mypy
    from headroom import main

    main()
