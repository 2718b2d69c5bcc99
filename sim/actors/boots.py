"""Boot times and failures of simulated VMs: scenario.md, ``[boot]``, changed by faults."""

from collections.abc import Callable
from random import Random

from exchange.units import MIB, MS_PER_SECOND
from hostagent.core.memory_hypervisor import Boot, BootPlan
from hostagent.core.ports import DomainSpec
from sim.scenario.tables import Boot as BootTimes

START_MS = MS_PER_SECOND
"""From the order to start until the domain runs; part of the boot time."""
STOP_MS = 2 * MS_PER_SECOND
BUSY_PCT = 50
BITS_PER_MBIT = 1_000_000


class BootFault:
    """What a fault changes about boots: their time times ``factor``, the share that fails.

    ``fail`` None leaves the scenario's share."""

    def __init__(self) -> None:
        self.factor = 1.0
        self.fail: float | None = None


class Boots:
    """Boot plans of all hosts; each host has its own random stream, each seller its own fault."""

    def __init__(self, times: BootTimes, stream: Callable[[str], Random]) -> None:
        self._times = times
        self._stream = stream
        self._faults: dict[str, BootFault] = {}

    def fault_of(self, seller: str) -> BootFault:
        """Return what a fault may change: it holds for every boot of ``seller`` from then on."""
        return self._faults.setdefault(seller, BootFault())

    def fetch_ms(self, link_mbit: float | None) -> int:
        """Return how long a host needs for the image, by its own link or that of the scenario."""
        bits = self._times.image_mib * MIB * 8
        return round(bits / ((link_mbit or self._times.link_mbit) * BITS_PER_MBIT) * MS_PER_SECOND)

    def plan(self, seller: str, host: str) -> BootPlan:
        """Return the plan of one host of ``seller``."""
        random = self._stream(f"boot/{host}")
        fault = self.fault_of(seller)

        def boot(spec: DomainSpec) -> Boot:
            # Both are drawn every time, so that a fault does not shift the draws behind it.
            seconds, chance = random.gauss(self._times.mean_s, self._times.sd_s), random.random()
            seconds = max(self._times.min_s, seconds) * fault.factor
            fail = self._times.fail if fault.fail is None else fault.fail
            return Boot(
                start_ms=START_MS,
                ready_ms=max(0, round(seconds * MS_PER_SECOND) - START_MS),
                stop_ms=STOP_MS,
                fail="boot_failed" if chance < fail else None,
                busy_pct=BUSY_PCT,
            )

        return boot
