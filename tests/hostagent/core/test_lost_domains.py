"""A VM that has run and whose domain is gone has failed: no empty one is started in its place.

(Seen to fail: started again on a new disk, as if nothing had happened.)
"""

from collections.abc import Callable

import pytest

from exchange.wire.terms import failure_fault
from hostagent.core.memory_hypervisor import MemoryServer
from hostagent.core.ports import DomainState
from tests.hostagent.rig import Rig, launch


def running(cut_off: bool = True) -> Rig:
    rig = Rig()
    rig.connect()
    rig.tell(launch(born_ms=1_000))
    rig.run(60_000)
    assert rig.states() == ["starting", "running", "ready"]
    if cut_off:
        rig.disconnect()
    rig.sent.clear()
    return rig


def removed(rig: Rig) -> None:
    """By somebody with `virsh`, while no agent runs."""
    rig.server.hypervisor.vanish("v-1")
    rig.restart_agent()


def installed_anew(rig: Rig) -> None:
    rig.server = MemoryServer(lambda: rig.now_ms)
    rig.restart_agent()


def undefined_under_the_agent(rig: Rig) -> None:
    rig.server.hypervisor.vanish("v-1")
    rig.run(10_000)


@pytest.mark.parametrize("gone", [removed, installed_anew, undefined_under_the_agent])
def test_a_vm_that_has_run_and_is_gone_has_failed(gone: Callable[[Rig], None]) -> None:
    rig = running()
    gone(rig)
    rig.connect(launch(instruction_id="", born_ms=1_000, ran=True))
    rig.run(60_000)
    assert rig.states() == ["failed(domain_lost)"]
    assert (rig.starts(), rig.running(), rig.core.vms) == (["v-1"], [], {})
    assert failure_fault("domain_lost") == "host"


def test_a_vm_that_never_ran_is_started() -> None:
    rig = running()
    removed(rig)
    rig.connect(launch(instruction_id="", born_ms=1_000))
    rig.run(60_000)
    assert (rig.states(), rig.running()) == (["starting", "running", "ready"], ["v-1"])


@pytest.mark.parametrize("state", ["running", "held", "unknown"])
def test_a_vm_whose_domain_is_here_runs_on(state: DomainState) -> None:
    rig = running()
    rig.server.hypervisor.show("v-1", state)
    rig.restart_agent()
    rig.connect(launch(instruction_id="", born_ms=1_000, ran=True))
    rig.run(30_000)
    assert (rig.states(), rig.starts(), rig.running()) == (["ready"], ["v-1"], ["v-1"])


@pytest.mark.parametrize("state", ["crashed", "taken"])
def test_a_domain_that_a_power_cut_or_somebodys_save_left_off_is_told_and_removed(
    state: DomainState,
) -> None:
    rig = running()
    rig.server.hypervisor.show("v-1", state)
    rig.restart_agent()
    rig.connect(launch(instruction_id="", born_ms=1_000, ran=True))
    rig.run(60_000)
    word = {"crashed": "crashed", "taken": "domain_lost"}[state]
    assert rig.states()[-1] == f"failed({word})"
    assert (rig.starts(), rig.running()) == (["v-1"], [])


def test_a_vm_in_whose_place_another_of_its_id_runs_is_lost_too() -> None:
    rig = running()
    rig.connect(launch(instruction_id="", born_ms=2_000, ran=True))
    rig.run(60_000)
    assert (rig.states()[-1], rig.starts(), rig.running()) == ("failed(domain_lost)", ["v-1"], [])


def test_a_move_to_the_next_lease_starts_no_lost_vm() -> None:
    rig = running(cut_off=False)
    removed(rig)
    rig.connect()
    rig.tell(launch(instruction_id="i-2", born_ms=1_000, lease_id="l-2", ran=True))
    rig.run(60_000)
    assert (rig.states(), rig.starts()) == (["failed(domain_lost)"], ["v-1"])
    assert rig.done()[-1] == ("i-2", False)
