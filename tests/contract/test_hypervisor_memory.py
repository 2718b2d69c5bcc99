"""The hypervisor in memory keeps the contract, and behaves as its caller plans."""

import threading
from typing import Any, cast, get_args

import pytest

from hostagent.core.memory_hypervisor import Boot, FaultPlan, MemoryHypervisor
from hostagent.core.ports import (
    BootFiles,
    DomainSpec,
    DomainState,
    Forward,
    Hypervisor,
    HypervisorError,
)
from hostagent.core.scripted_faults import Fault, Script, lost
from tests.contract.hypervisor_contract import HINT_S, HypervisorContract, spec, the

READY_MS = 4_000
STOP_MS = 1_500


class MemoryBench:
    prefix = "c"
    has_console = True
    states: tuple[DomainState, ...] = ("crashed", "io_error", "held", "taken", "unknown")

    def __init__(self, boot: Boot, fault: FaultPlan = lambda call, vm_id: None) -> None:
        self.now_ms = 1_000_000
        self.memory = MemoryHypervisor(lambda: self.now_ms, lambda spec: boot, fault)
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

    def bring(self, vm_id: str, state: DomainState) -> None:
        self.memory.show(vm_id, state)

    def reopen(self) -> None:
        """The domains are this process's own: an agent after us is this one again."""
        self.hypervisor.close()


@pytest.fixture
def bench() -> MemoryBench:
    return MemoryBench(Boot(ready_ms=READY_MS, stop_ms=STOP_MS))


class TestMemoryHypervisor(HypervisorContract):
    def test_all_states_but_that_of_a_guest_that_powered_off_are_tried(self) -> None:
        assert {*MemoryBench.states, "running", "stopped"} == {*get_args(DomainState)}


class Stubborn:
    """Asks again, as whoever looks anew does: a call that failed has done nothing."""

    def __init__(self, memory: MemoryHypervisor, faults: Script, fault: Fault) -> None:
        self._memory, self._faults, self._fault = memory, faults, fault

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._memory, name)

        def twice(*args: Any) -> Any:
            self._faults.clear()
            self._faults.add(self._fault)
            try:
                return call(*args)
            except HypervisorError as error:
                if str(error) != self._fault.error:
                    raise
            return call(*args)

        return twice


@pytest.mark.parametrize("after", [lost(1), Fault(error="slow, then lost", wait=lambda: None)])
class TestMemoryHypervisorWithFaults(HypervisorContract):
    """Every first call fails, and the second keeps the contract all the same."""

    @pytest.fixture
    def bench(self, after: Fault) -> MemoryBench:
        faults = Script()
        bench = MemoryBench(Boot(ready_ms=READY_MS, stop_ms=STOP_MS), faults)
        bench.hypervisor = cast(Hypervisor, Stubborn(bench.memory, faults, after))
        return bench


def test_faults_come_in_order_and_only_where_they_were_told_to() -> None:
    waits: list[str] = []
    faults = Script(
        Fault("start", "c2", error="no room", reason="no_room"),
        Fault("observe", times=2, error="away"),
        Fault("destroy", wait=lambda: waits.append("slow")),
    )
    bench = MemoryBench(Boot(), faults)
    bench.start(spec("c1"))
    with pytest.raises(HypervisorError, match="no room") as raised:
        bench.start(spec("c2"))
    assert raised.value.reason == "no_room"
    for _ in range(2):
        with pytest.raises(HypervisorError, match="away"):
            bench.hypervisor.observe()
    assert [seen.spec.vm_id for seen in bench.hypervisor.observe()] == ["c1"]
    bench.memory.vanish("c1")
    assert bench.hypervisor.observe() == []
    bench.hypervisor.destroy("c1")
    assert waits == ["slow"]


def test_a_call_that_hangs_is_given_up_by_its_caller() -> None:
    """A hung call waits for its event, whoever else calls meanwhile."""
    go_on = threading.Event()

    def wait() -> None:
        go_on.wait()

    bench = MemoryBench(Boot(), Script(Fault("console", "c1", wait=wait)))
    bench.start(spec("c1"))
    hung = threading.Thread(target=bench.hypervisor.console, args=("c1", 9))
    hung.start()
    assert [seen.spec.vm_id for seen in bench.hypervisor.observe()] == ["c1"]
    assert hung.is_alive()
    go_on.set()
    hung.join(HINT_S)
    assert not hung.is_alive()


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
