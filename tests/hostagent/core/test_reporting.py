"""What a host tells of itself: announcement, heartbeat, the owner's limit, residual, usage."""

import pytest

from exchange.wire.frames import Ack, ErrorReply
from exchange.wire.instructions import HostLimit
from exchange.wire.requests import HostAnnounce, HostHeartbeat, HostSynced, UsageReport
from exchange.wire.types import Capacity
from hostagent.core.memory_hypervisor import Boot
from hostagent.core.ports import Load
from tests.hostagent.rig import CONFIG, HOUR_MS, SMALL, START_MS, Rig, kill, launch


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.connect()
    return rig


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


def test_usage_is_reported_when_the_next_window_takes_a_vm_over(rig: Rig) -> None:
    rig.tell(launch(until_ms=START_MS + 600_000))
    rig.run(599_000)
    rig.tell(launch(instruction_id="i-2", until_ms=START_MS + 1_200_000))
    (report,) = rig.got(UsageReport)
    assert report.cpu_ms_total > 500_000 // 10
    rig.tell(launch(instruction_id="i-2", until_ms=START_MS + 1_200_000))
    assert rig.got(UsageReport) == [report], "the same order again brings nothing new"


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
