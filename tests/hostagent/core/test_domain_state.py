"""Every state of a domain and its reason: what it means, and what becomes of the VM."""

import pytest

from exchange.wire.terms import failure_fault
from hostagent.core.domain_state import meaning
from hostagent.core.ports import DomainState
from hostagent.core.vm import HELD_MAX_MS
from tests.hostagent.rig import Rig, launch

TABLE: list[tuple[str, int, int, DomainState]] = [
    ("no state", 0, 0, "held"),
    ("running, booted", 1, 1, "running"),
    ("running, unpaused", 1, 5, "running"),
    ("blocked", 2, 0, "running"),
    ("paused, unknown", 3, 0, "held"),
    ("paused, by somebody", 3, 1, "held"),
    ("paused, migration", 3, 2, "held"),
    ("paused, save", 3, 3, "held"),
    ("paused, dump", 3, 4, "held"),
    ("paused, I/O error", 3, 5, "io_error"),
    ("paused, watchdog", 3, 6, "crashed"),
    ("paused, from snapshot", 3, 7, "held"),
    ("paused, shutting down", 3, 8, "running"),
    ("paused, snapshot", 3, 9, "held"),
    ("paused, crashed", 3, 10, "crashed"),
    ("paused, starting up", 3, 11, "running"),
    ("paused, postcopy", 3, 12, "held"),
    ("paused, postcopy failed", 3, 13, "crashed"),
    ("paused, a later reason", 3, 99, "held"),
    ("in shutdown", 4, 1, "running"),
    ("shut off, unknown", 5, 0, "crashed"),
    ("shut off, shutdown", 5, 1, "stopped"),
    ("shut off, destroyed", 5, 2, "taken"),
    ("shut off, crashed", 5, 3, "crashed"),
    ("shut off, migrated", 5, 4, "taken"),
    ("shut off, saved", 5, 5, "taken"),
    ("shut off, failed", 5, 6, "crashed"),
    ("shut off, from snapshot", 5, 7, "taken"),
    ("shut off, daemon", 5, 8, "crashed"),
    ("shut off, a later reason", 5, 99, "held"),
    ("crashed, panicked", 6, 1, "crashed"),
    ("asleep", 7, 0, "running"),
    ("a later state", 8, 0, "held"),
]


@pytest.mark.parametrize(("state", "reason", "means"), [row[1:] for row in TABLE])
def test_each_state_means(state: int, reason: int, means: DomainState) -> None:
    assert meaning(state, reason) == means


@pytest.mark.parametrize(
    ("state", "ends"),
    [
        ("stopped", "stopped(guest_stopped)"),
        ("crashed", "failed(crashed)"),
        ("io_error", "failed(io_error)"),
        ("taken", "failed(domain_lost)"),
    ],
)
def test_a_vm_that_does_not_run_ends_with_its_reason(state: DomainState, ends: str) -> None:
    rig = seen_as(state)
    rig.run(10_000)
    assert rig.states()[-1] == ends
    assert rig.running() == []


def test_who_pauses_a_vm_may_let_it_go_on_within_a_minute() -> None:
    rig = seen_as("held")
    rig.run(HELD_MAX_MS - 10_000)
    assert rig.states()[-1] == "ready"
    rig.server.hypervisor.show("v-1", "running")
    rig.run(HELD_MAX_MS * 2)
    rig.server.hypervisor.show("v-1", "held")
    rig.run(HELD_MAX_MS - 10_000)
    assert rig.states()[-1] == "ready", "each pause counts by itself"
    rig.run(30_000)
    assert rig.states()[-1] == "failed(paused)"


def test_a_vm_that_nobody_can_look_at_is_not_judged() -> None:
    rig = seen_as("unknown")
    rig.run(HELD_MAX_MS * 10)
    assert rig.states()[-1] == "ready"


@pytest.mark.parametrize("reason", ["crashed", "io_error", "domain_lost", "paused"])
def test_the_server_is_to_blame(reason: str) -> None:
    assert failure_fault(reason) == "host"


def seen_as(state: DomainState) -> Rig:
    rig = Rig()
    rig.connect()
    rig.tell(launch())
    rig.run(60_000)
    rig.server.hypervisor.show("v-1", state)
    return rig
