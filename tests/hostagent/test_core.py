"""The host's decisions: launch, stop, end of lease, cut-off, restart, announcing, metering."""

import pytest

from exchange.frames import Ack, ErrorReply, HostLimit
from exchange.protocol import (
    HostAnnounce,
    HostHeartbeat,
    HostSynced,
    UsageReport,
    VmStatus,
)
from exchange.wire import Capacity
from hostagent.core import HostCore
from hostagent.memory_hypervisor import Boot
from hostagent.ports import GuestReady, ImageFailed, Load, Observed
from tests.hostagent.rig import (
    CONFIG,
    HOUR_MS,
    PROMPT,
    SMALL,
    START_MS,
    Rig,
    kill,
    launch,
    sync,
)


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


def test_a_lease_ends_on_time_without_being_told(rig: Rig) -> None:
    rig.tell(launch(until_ms=START_MS + 600_000))
    rig.run(599_999)
    assert rig.running() == ["v-1"]
    rig.run(1)
    assert rig.running() == []
    assert rig.states()[-1] == "stopped(lease_over)"


def test_the_next_window_of_the_same_buyer_carries_the_vm_on(rig: Rig) -> None:
    rig.tell(launch(until_ms=START_MS + 600_000))
    rig.run(500_000)
    rig.tell(launch(instruction_id="i-2", until_ms=START_MS + 1_200_000))
    rig.run(500_000)
    assert rig.running() == ["v-1"]
    rig.run(200_000)
    assert rig.running() == []


# --- cut off, back, restarted ---


def test_a_cut_off_host_keeps_spot_vms_two_hours_and_windows_to_their_end(rig: Rig) -> None:
    rig.tell(launch("v-1"))
    rig.tell(launch("v-2", "i-2", until_ms=START_MS + 3 * HOUR_MS))
    rig.run(60_000)
    rig.disconnect()
    rig.run(2 * HOUR_MS - 1)
    assert rig.running() == ["v-1", "v-2"]
    rig.run(1)
    assert rig.running() == ["v-2"]
    rig.run(HOUR_MS)
    assert rig.running() == []


def test_a_host_that_is_back_in_time_keeps_everything(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(60_000)
    rig.disconnect()
    rig.run(HOUR_MS)
    rig.connect(launch(instruction_id=""))
    rig.run(3 * HOUR_MS)
    assert rig.running() == ["v-1"]
    assert rig.starts() == ["v-1"]


def test_what_was_not_acknowledged_is_told_after_the_next_login(rig: Rig) -> None:
    rig.answers = False
    rig.tell(launch())
    rig.run(60_000)
    rig.tell(kill())
    rig.disconnect()
    rig.sent.clear()
    rig.answers = True
    rig.connect()
    rig.run(60_000)
    assert rig.states() == ["stopped"]
    assert len(rig.got(UsageReport)) == 1
    assert rig.core.vms == {}


def test_a_vm_that_nobody_wants_is_reaped_after_a_grace(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(20_000)
    rig.disconnect()
    rig.connect()
    rig.run(CONFIG.orphan_grace_ms - 1)
    assert rig.running() == ["v-1"]
    rig.run(1)
    assert rig.running() == []


def test_a_vm_wanted_again_within_the_grace_lives_on(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(20_000)
    rig.disconnect()
    rig.connect()
    rig.run(10_000)
    rig.tell(launch(instruction_id="i-2"))
    rig.run(HOUR_MS)
    assert rig.running() == ["v-1"]


def test_a_restarted_agent_adopts_and_starts_nothing_twice(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(60_000)
    ready = rig.got(VmStatus)[-1]
    rig.restart_agent()
    rig.connect(launch(instruction_id=""))
    rig.run(60_000)
    assert rig.starts() == ["v-1"]
    told = rig.got(VmStatus)[-1]
    assert (told.state, told.ready_ms, told.endpoints) == (
        "running",
        ready.ready_ms,
        ready.endpoints,
    )


def test_a_sync_that_comes_before_the_first_look_is_held_back() -> None:
    """Launching at once would run a VM twice that an agent before us has started.

    Shown to fail with the check of ``_seen`` taken out of `HostCore._sync`.
    """
    rig = Rig()
    rig.connect()
    rig.tell(launch())
    rig.run(60_000)
    core = HostCore(CONFIG)
    assert core.apply(sync(launch()), START_MS) == []
    out = core.apply(rig.server.observed(), rig.now_ms)
    assert "StartDomain" not in {type(one).__name__ for one in out}
    assert core.vms["v-1"].state == "running"


def test_the_sync_answers_with_the_boot_and_every_vm(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(20_000)
    rig.tell(sync(launch(instruction_id=""), instruction_id="s-2"))
    answer = rig.got(HostSynced)[-1]
    assert (answer.instruction_id, answer.boot_id) == ("s-2", "boot-1")
    assert [(vm.vm_id, vm.state) for vm in answer.vms] == [("v-1", "running")]


def test_an_instruction_of_an_exchange_that_is_over_is_ignored(rig: Rig) -> None:
    rig.tell(sync(epoch=2))
    rig.tell(launch())
    rig.run(10_000)
    assert rig.starts() == []


def test_an_old_observation_does_not_take_a_new_vm_for_lost(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(3_900)
    early = Observed(rig.now_ms, [])
    rig.run(200)
    rig.tell(early)
    assert rig.states()[-1] == "running"


def test_ready_is_said_once(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(20_000)
    before = rig.got(VmStatus)[-1].ready_ms
    rig.tell(GuestReady("v-1"))
    rig.run(20_000)
    assert rig.got(VmStatus)[-1].ready_ms == before


# --- announcing, load, counters ---


def test_a_host_that_waits_for_approval_says_everything_again_when_it_has_it() -> None:
    rig = Rig()
    rig.answers = False
    rig.connect()
    asked = rig.got(HostAnnounce)[-1].req_id
    rig.tell(ErrorReply(asked, "not_approved", "the owner has not approved this host"))
    rig.run(5_000)
    again = rig.got(HostAnnounce)[-1].req_id
    assert again != asked
    assert len(rig.got(HostSynced)) == 1
    rig.tell(Ack(again))
    assert [one.instruction_id for one in rig.got(HostSynced)] == ["s-1", "s-1"]


def test_it_announces_once_and_beats_every_five_seconds(rig: Rig) -> None:
    rig.load = Load(cpu_pct=12.5, mem_pct=50.0)
    rig.run(60_000)
    assert [one.offered for one in rig.got(HostAnnounce)] == [CONFIG.capacity]
    assert rig.got(HostAnnounce)[0].classes == ["small"]
    assert len(rig.got(HostHeartbeat)) == 12
    assert rig.got(HostHeartbeat)[-1].load.cpu_pct == 12.5


def test_the_owners_limit_is_announced_and_lifted(rig: Rig) -> None:
    limit = Capacity(mvcpu=2000, mem_mib=99_999, disk_mib=20_000)
    rig.tell(HostLimit(instruction_id="i-1", epoch=1, offered=limit))
    rig.tell(HostLimit(instruction_id="i-2", epoch=1))
    offered = [one.offered for one in rig.got(HostAnnounce)]
    least = Capacity(mvcpu=2000, mem_mib=16_384, disk_mib=20_000)
    assert offered == [CONFIG.capacity, least, CONFIG.capacity]


def test_a_residual_host_offers_only_while_its_own_work_is_light(rig: Rig) -> None:
    rig.tell(HostLimit(instruction_id="i-1", epoch=1, residual_below_pct=10))
    nothing = Capacity(mvcpu=0, mem_mib=0, disk_mib=0)
    assert rig.got(HostAnnounce)[-1].offered == nothing
    rig.run(6 * 60_000)
    assert rig.got(HostAnnounce)[-1].offered == CONFIG.capacity
    rig.load = Load(cpu_pct=40.0)
    rig.run(2 * 60_000)
    assert rig.got(HostAnnounce)[-1].offered == nothing


def test_leased_vms_are_not_the_owners_own_load() -> None:
    """Two VMs at full CPU are a quarter of the server; the rest is the owner's."""
    rig = Rig(lambda spec: Boot(busy_pct=100))
    rig.connect()
    rig.tell(HostLimit(instruction_id="i-0", epoch=1, residual_below_pct=10))
    rig.run(6 * 60_000)
    rig.tell(launch("v-1"))
    rig.tell(launch("v-2", "i-2"))
    rig.run(60_000)
    rig.load = Load(cpu_pct=30.0)
    rig.run(10 * 60_000)
    assert rig.got(HostAnnounce)[-1].offered == CONFIG.capacity
    rig.load = Load(cpu_pct=40.0)
    rig.run(2 * 60_000)
    assert rig.got(HostAnnounce)[-1].offered.mvcpu == 0


def test_usage_is_reported_hourly_and_at_the_end(rig: Rig) -> None:
    rig.tell(launch())
    rig.run(2 * HOUR_MS + 60_000)
    rig.tell(kill())
    rig.run(1_000)
    reports = rig.got(UsageReport)
    assert [one.boot for one in reports] == [f"boot-1-{START_MS}"] * 3
    # A tenth of one vCPU; the last reading is taken at the very end.
    ran_ms = rig.now_ms - 1_000 - (START_MS + 3_000)
    assert reports[-1].cpu_ms_total == ran_ms // 10
    assert [one.cpu_ms_total for one in reports] == sorted(one.cpu_ms_total for one in reports)
    assert reports[-1].mem_mib == SMALL.mem_mib
