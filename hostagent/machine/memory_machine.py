"""An in-memory server under the live agent: `headroom host run --hypervisor memory`. Shell module.

For trying an exchange out without any real VM. Guests exist only in this process: they start and
become ready after a moment, and end with the agent.
"""

import asyncio
from collections.abc import Callable

from hostagent.core.memory_hypervisor import Boot, FaultPlan, MemoryServer
from hostagent.core.ports import Clock, DomainSpec, Effect, Observed, Result
from hostagent.machine.facts import LoadMeter

START_MS = 200
READY_MS = 1_000


class MemoryMachine:
    """As `machine.Machine`, with nothing behind it. ``fault``: what goes wrong with it."""

    def __init__(
        self,
        clock: Clock,
        address: str,
        ports: range,
        fault: FaultPlan = lambda call, vm_id: None,
    ) -> None:
        self._clock = clock
        load = LoadMeter()
        self._server = MemoryServer(
            clock, _boot, load.read, address=address, ports=ports, fault=fault
        )

    async def carry_out(self, effect: Effect) -> Result | None:
        """Do ``effect`` and return its result when its time has come."""
        for at_ms, result in self._server.carry_out(effect):
            await asyncio.sleep(max(0, at_ms - self._clock()) / 1000)
            return result
        return None

    async def own(self, owner: str) -> bool:
        return self._server.hypervisor.own(owner)

    def watch(self, tell: Callable[[], None]) -> None:
        self._server.hypervisor.watch(tell)

    async def observe(self) -> Observed:
        return self._server.observed()

    async def close(self) -> None:
        """Nothing to let go of."""


def _boot(spec: DomainSpec) -> Boot:
    return Boot(start_ms=START_MS, ready_ms=READY_MS)
