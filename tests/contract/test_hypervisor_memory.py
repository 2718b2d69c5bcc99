"""The hypervisor in memory keeps the contract, and behaves as its caller plans."""

import pytest

from hostagent.core.memory_hypervisor import Boot, MemoryHypervisor
from hostagent.core.ports import BootFiles, DomainSpec, Forward, Hypervisor, HypervisorError
from tests.contract.hypervisor_contract import HypervisorContract, spec, the

READY_MS = 4_000
STOP_MS = 1_500


class MemoryBench:
    prefix = "c"
    has_console = True

    def __init__(self, boot: Boot) -> None:
        self.now_ms = 1_000_000
        self.memory = MemoryHypervisor(lambda: self.now_ms, lambda spec: boot)
        self.hypervisor: Hypervisor = self.memory

    def start(self, wanted: DomainSpec) -> tuple[Forward, ...]:
        forwards = (Forward(80, 20_001),)
        self.hypervisor.start(wanted, BootFiles(), forwards)
        return forwards

    def until_ready(self, vm_id: str) -> None:
        assert not self.hypervisor.guest_accepts(vm_id)
        self.now_ms += READY_MS
        assert self.hypervisor.guest_accepts(vm_id)

    def until_stopped(self, vm_id: str) -> None:
        assert the(self, vm_id).state == "running"
        self.now_ms += STOP_MS
        assert the(self, vm_id).state == "stopped"

    def end(self, vm_id: str) -> None:
        self.memory.show(vm_id, "taken")

    def reopen(self) -> None:
        """The domains are this process's own: nothing to open again."""


@pytest.fixture
def bench() -> MemoryBench:
    return MemoryBench(Boot(ready_ms=READY_MS, stop_ms=STOP_MS))


class TestMemoryHypervisor(HypervisorContract):
    pass


def test_a_planned_failure_leaves_nothing() -> None:
    bench = MemoryBench(Boot(fail="no such machine"))
    with pytest.raises(HypervisorError, match="no such machine"):
        bench.start(spec("c1"))
    assert bench.hypervisor.observe() == []


def test_a_guest_may_ignore_its_power_button_and_never_serve() -> None:
    bench = MemoryBench(Boot(ready_ms=None, stop_ms=None))
    bench.start(spec("c1"))
    bench.hypervisor.shutdown("c1")
    bench.now_ms += 3_600_000
    assert the(bench, "c1").state == "running"
    assert not bench.hypervisor.guest_accepts("c1")


def test_cpu_is_the_planned_share_of_the_shape() -> None:
    bench = MemoryBench(Boot(busy_pct=25))
    bench.start(spec("c1"))
    bench.now_ms += 8_000
    reading = the(bench, "c1").reading
    assert reading is not None
    assert reading.cpu_ms_total == 2_000
