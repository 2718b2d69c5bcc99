"""The host's decisions about one VM: launch, readiness, stop, end of its lease."""

import pytest

from exchange.wire.requests import VmStatus
from exchange.wire.terms import failure_fault
from exchange.wire.types import Capacity
from hostagent.core.looks import HINT_MS
from hostagent.core.memory_hypervisor import Boot
from hostagent.core.ports import GuestHangs, Hint, ImageFailed, Observe, WatchGuest
from hostagent.core.vm import WORD_MS
from tests.hostagent.rig import CONFIG, HOUR_MS, PROMPT, START_MS, Rig, kill, launch


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.connect()
    return rig


# --- launch ---


def test_a_launch_becomes_a_ready_guest_with_an_endpoint(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(20_000)
    assert rig.states() == ["starting", "running", "ready"]
    assert rig.done() == [("i-1", True)]
    status = rig.got(VmStatus)[-1]
    # Fetched in 3 s, up 1 s later, and the guest is watched from then on.
    assert status.ready_ms == START_MS + 3_000 + 1_000 + 5_000
    assert [(one.guest_port, one.address) for one in status.endpoints] == [(80, "127.0.0.1")]


def test_the_same_launch_again_starts_nothing_and_is_confirmed(rig: Rig) -> None:
    rig.tell(launch())
    rig.tell(launch())
    rig.tell(launch(instruction_id="i-2"))
    rig.run(10_000)
    rig.tell(launch(instruction_id="i-3"))
    assert rig.starts() == ["v-1"]
    assert rig.done() == [("i-1", True), ("i-2", True), ("i-3", True)]


def test_vms_of_one_image_share_its_download(rig: Rig) -> None:
    rig.tell(launch("v-1"))
    rig.tell(launch("v-2", "i-2"))
    rig.run(10_000)
    assert sum(type(effect).__name__ == "FetchImage" for effect in rig.effects) == 1
    assert rig.running() == ["v-1", "v-2"]


def test_a_guest_without_ports_counts_as_ready_after_ten_seconds(rig: Rig) -> None:
    rig.tell(launch(ports=[]))
    rig.run(30_000)
    assert rig.got(VmStatus)[-1].ready_ms == START_MS + 4_000 + 10_000


def test_an_image_that_is_not_fit_fails_the_vm(rig: Rig) -> None:
    rig.tell(launch(image="b" * 64))
    rig.tell(ImageFailed("b" * 64, "image_invalid"))
    assert rig.states() == ["starting", "failed(image_invalid)"]
    assert rig.done() == [("i-1", False)]


def test_a_domain_that_does_not_start_fails_the_vm() -> None:
    rig = Rig(lambda spec: Boot(fail="start_failed"))
    rig.connect()
    rig.tell(launch())
    rig.run(10_000)
    assert rig.states() == ["starting", "failed(start_failed)"]
    assert rig.done() == [("i-1", False)]


def test_a_guest_that_never_serves_is_the_buyers_affair() -> None:
    rig = Rig(lambda spec: Boot(ready_ms=None))
    rig.connect()
    rig.tell(launch())
    rig.run(CONFIG.ready_bound_ms + 10_000)
    assert rig.states() == ["starting", "running", "stopping", "failed(not_ready)"]
    assert rig.running() == []


@pytest.mark.parametrize(("before_ms", "reason"), [(1_000, "hangs"), (300_000, "not_ready")])
def test_a_guest_that_cannot_be_asked_is_not_the_buyers_affair(before_ms: int, reason: str) -> None:
    """A QEMU that hung is its host's fault; one that hung long before is asked again."""
    rig = Rig(lambda spec: Boot(ready_ms=None))
    rig.connect()
    rig.tell(launch())
    start_ms = 3_100
    rig.run(start_ms + max(0, CONFIG.ready_bound_ms - before_ms))
    rig.tell(GuestHangs("v-1"))
    assert rig.effects[-1] == WatchGuest("v-1")
    rig.run(before_ms + 20_000)
    assert rig.states() == ["starting", "running", "stopping", f"failed({reason})"]
    assert (failure_fault(reason) == "host") == (reason == "hangs")


def test_what_does_not_fit_is_refused_by_the_host_itself(rig: Rig) -> None:
    whole = Capacity(mvcpu=4000, mem_mib=8_192, disk_mib=10_240)
    rig.tell(launch("v-1", "i-1", shape=whole))
    rig.tell(launch("v-2", "i-2"))
    rig.run(10_000)
    assert rig.states("v-2") == ["failed(no_room)"]
    assert rig.running() == ["v-1"]


def test_a_vm_of_a_window_is_fetched_before_and_started_at_its_beginning(rig: Rig) -> None:
    rig.tell(launch(not_before_ms=START_MS + 120_000, until_ms=START_MS + HOUR_MS))
    rig.run(119_999)
    assert rig.starts() == []
    rig.run(1)
    assert rig.starts() == ["v-1"]


# --- stop ---


@pytest.mark.parametrize(
    ("boot", "grace_ms", "gone_after_ms"),
    [
        (PROMPT, 0, 0),
        (PROMPT, 30_000, 3_000),  # powers off in 2 s, seen by the look each second
        (Boot(stop_ms=None), 30_000, 30_000),  # ignores the button: cut at the end of its grace
    ],
)
def test_a_kill_waits_for_the_guest_no_longer_than_its_grace(
    boot: Boot, grace_ms: int, gone_after_ms: int
) -> None:
    rig = Rig(lambda spec: boot)
    rig.connect()
    rig.tell(launch())
    rig.run(60_000)
    rig.tell(kill(grace_ms=grace_ms))
    rig.run(max(0, gone_after_ms - 1_001))
    assert (rig.running() == []) == (gone_after_ms == 0)
    rig.run(1_001)
    assert rig.running() == []
    assert rig.states()[-2:] == ["stopping", "stopped"]
    assert rig.done()[-1] == ("i-9", True)


def test_a_second_kill_may_hurry_the_first(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(20_000)
    rig.tell(kill(instruction_id="i-2", grace_ms=60_000))
    rig.tell(kill(instruction_id="i-3", grace_ms=0))
    assert rig.running() == []
    assert rig.done()[-2:] == [("i-2", True), ("i-3", True)]


def test_a_kill_overtakes_the_download(rig: Rig) -> None:
    rig.tell(launch())
    rig.tell(kill())
    rig.run(10_000)
    assert rig.starts() == []
    assert rig.states() == ["starting", "stopped"]


def test_a_kill_while_the_domain_is_made_ends_it_once_it_is_there(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(3_500)
    rig.tell(kill())
    rig.run(10_000)
    assert (rig.starts(), rig.running()) == (["v-1"], [])
    assert rig.states() == ["starting", "stopping", "stopped"]


def test_a_kill_of_nobody_is_so_and_a_launch_that_comes_late_is_not_carried_out(rig: Rig) -> None:
    rig.tell(kill())
    rig.tell(launch())
    rig.run(10_000)
    assert rig.done() == [("i-9", True), ("i-1", True)]
    assert rig.starts() == []


def test_a_guest_that_powers_off_by_itself_has_stopped(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(20_000)
    rig.server.hypervisor.shutdown("v-1")
    rig.run(10_000)
    assert rig.states()[-1] == "stopped(guest_stopped)"
    assert rig.running() == []


def test_a_domain_that_somebody_removed_is_a_failure(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(20_000)
    rig.server.hypervisor.destroy("v-1")
    rig.run(10_000)
    assert rig.states()[-1] == "failed(domain_lost)"


def test_a_connected_host_ends_a_lease_that_nobody_ends_or_prolongs(rig: Rig) -> None:
    rig.tell(launch(until_ms=START_MS + 600_000))
    rig.run(600_000 + WORD_MS - 1)
    assert rig.running() == ["v-1"]
    rig.run(1)
    assert rig.running() == []
    assert rig.states()[-1] == "stopped(lease_over)"


@pytest.mark.parametrize("agent_restarts", [False, True])
def test_a_host_that_is_cut_off_ends_a_lease_on_time(rig: Rig, agent_restarts: bool) -> None:
    """Nothing can be under way to it, and the slot may be sold to somebody else from then on."""
    rig.tell(launch(until_ms=START_MS + 600_000))
    rig.run(300_000)
    rig.disconnect()
    if agent_restarts:
        rig.restart_agent()
    rig.run(299_999)
    assert rig.running() == ["v-1"]
    rig.run(1)
    assert rig.running() == []


def test_a_host_that_is_connected_again_waits_again(rig: Rig) -> None:
    order = launch(until_ms=START_MS + 600_000)
    rig.tell(order)
    rig.run(300_000)
    rig.disconnect()
    rig.connect(order)
    rig.run(300_000 + WORD_MS - 1)
    assert rig.running() == ["v-1"]
    rig.run(1)
    assert rig.running() == []


def test_the_next_window_of_the_same_buyer_carries_the_vm_on(rig: Rig) -> None:
    rig.tell(launch(until_ms=START_MS + 600_000))
    rig.run(500_000)
    rig.tell(launch(instruction_id="i-2", until_ms=START_MS + 1_200_000))
    rig.run(500_000)
    assert rig.running() == ["v-1"]
    rig.run(200_000 + WORD_MS)
    assert rig.running() == []


def test_the_word_that_the_next_window_follows_may_come_a_little_late(rig: Rig) -> None:
    """The exchange knows it at the hour, and its message is under way then."""
    rig.tell(launch(until_ms=START_MS + 600_000))
    rig.run(600_100)
    rig.tell(launch(instruction_id="i-2", until_ms=START_MS + 1_200_000))
    rig.run(500_000)
    assert rig.running() == ["v-1"]


def test_hints_bring_the_next_look_forward_once(rig: Rig) -> None:
    """Several hints are one look; one that was under way may have looked too early."""
    rig.tell(launch())
    rig.run(20_000)
    rig.tell(Hint())
    rig.run(HINT_MS - 1)
    rig.tell(Hint())
    rig.tell(rig.server.observed())
    looks = rig.effects.count(Observe())
    rig.run(1)
    assert rig.effects.count(Observe()) == looks + 1
    rig.run(HINT_MS)
    assert rig.effects.count(Observe()) == looks + 1


def test_a_vm_that_dies_is_reported_soon_after_a_hint(rig: Rig) -> None:
    """(Seen to fail: it was reported with the next regular look, seconds later.)"""
    rig.tell(launch())
    rig.run(20_000)
    rig.tell(rig.server.observed())
    rig.server.hypervisor.show("v-1", "crashed")
    rig.tell(Hint())
    rig.run(HINT_MS)
    assert rig.states()[-1] == "failed(crashed)"
