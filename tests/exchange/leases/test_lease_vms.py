"""VMs on leases, what is not billed, and sellers who let buyers down (rules.md 5.3, 5.7, 5.8).

Prices are 36,000 ucr per unit-hour: 10 ucr a second, 600 a minute.
"""

import pytest

from exchange.model.commands import HostBack
from exchange.wire.requests import LeaseRelease, VmStart, VmStatus, VmStop
from exchange.wire.results import Refused
from exchange.wire.types import Endpoint, IdleUnit
from tests.exchange.support.lease_market import HOUR, IMAGE, MINUTE, LeaseMarket, ended

SECOND = 1000


@pytest.fixture
def market() -> LeaseMarket:
    return LeaseMarket()


# --- VMs ---


def test_a_vm_goes_from_requested_to_stopped(market: LeaseMarket) -> None:
    lease = market.lease()
    vm = market.start(lease)
    market.report(vm, "starting")
    market.report(vm, "running")
    market.report(vm, "running", ready=True)
    market.must(VmStop(req_id=1, vm_id=vm), "buyer")
    market.report(vm, "stopped")
    assert market.vm_states(vm) == [
        "requested",
        "starting",
        "running",
        "running",
        "stopping",
        "stopped",
    ]


@pytest.mark.parametrize("address", ["169.254.169.254", "ff02::1", "1.2.3.4\r\nset x", ""])
def test_an_address_that_is_no_machines_is_refused_to_its_host(
    market: LeaseMarket, address: str
) -> None:
    """Buyers connect to it. Rows of before this rule are replayed all the same."""
    vm = market.start(market.lease())
    endpoints = [Endpoint(80, "192.0.2.1", 40_000), Endpoint(81, address, 40_001)]
    report = VmStatus(req_id=1, vm_id=vm, state="running", endpoints=endpoints)
    reply = market.send(report, "seller", market.host)
    assert isinstance(reply, Refused)
    assert (reply.reason, reply.field) == ("invalid_field", "endpoints[1].address")
    market.engine.state.replaying = True
    assert not isinstance(market.send(report, "seller", market.host), Refused)


def test_the_same_vm_start_again_is_the_same_vm(market: LeaseMarket) -> None:
    lease = market.lease()
    vm = market.start(lease)
    request = VmStart(req_id=9, lease_id=lease, name="web", image=IMAGE)
    assert market.must(request, "buyer") == {"vm_id": vm, "duplicate": True}
    other = VmStart(req_id=9, lease_id=lease, name="web", image=IMAGE, ports=[80])
    reply = market.send(other, "buyer")
    assert isinstance(reply, Refused) and reply.reason == "vm_exists"


def test_the_account_tells_how_the_last_vm_of_each_idle_unit_ended(market: LeaseMarket) -> None:
    def idle() -> list[IdleUnit] | None:
        [row] = market.engine.account_state("buyer").leases
        return row.idle

    lease = market.lease(4)
    stopped, failed, alive = (market.start(lease, name) for name in ("a", "b", "c"))
    for vm in (stopped, failed, alive):
        market.report(vm, "running")
    assert idle() is None
    market.must(VmStop(req_id=1, vm_id=stopped), "buyer")
    market.report(stopped, "stopped")
    market.report(failed, "failed", reason="crashed" * 20)
    last = IdleUnit("b", "failed", ("crashed" * 20)[:64])
    assert idle() == [IdleUnit("a", "stopped"), last]
    assert market.engine.account_state("seller").leases[0].idle is None
    market.must(LeaseRelease(req_id=1, lease_id=lease, units=2), "buyer")
    assert idle() == [last]  # the unit that never had a VM went first, then the older idle one
    market.start(lease, "d")
    assert idle() is None


def test_a_lease_runs_no_more_vms_than_units(market: LeaseMarket) -> None:
    lease = market.lease()
    market.start(lease, "one")
    reply = market.send(VmStart(req_id=1, lease_id=lease, name="two", image=IMAGE), "buyer")
    assert isinstance(reply, Refused) and reply.reason == "lease_full"


def test_only_known_images_start(market: LeaseMarket) -> None:
    lease = market.lease()
    reply = market.send(VmStart(req_id=1, lease_id=lease, name="x", image="b" * 64), "buyer")
    assert isinstance(reply, Refused) and reply.reason == "image_unknown"


def test_releasing_a_lease_kills_its_vms(market: LeaseMarket) -> None:
    lease = market.lease()
    vm = market.start(lease)
    market.report(vm, "running", ready=True)
    market.release(lease)
    assert market.vm_states(vm)[-1] == "stopping"
    market.report(vm, "stopped")
    assert market.vm_states(vm)[-1] == "stopped"


def test_another_host_cannot_report_a_vm(market: LeaseMarket) -> None:
    other = market.add_host("seller")
    vm = market.start(market.lease(hosts=["h-1"]))
    reply = market.report(vm, "running", host=other)
    assert isinstance(reply, Refused) and reply.reason == "unknown_vm"


# --- what is not billed ---


def test_the_first_launch_and_two_minutes_of_boot_are_free(market: LeaseMarket) -> None:
    lease = market.lease()
    market.advance(5 * MINUTE)
    vm = market.start(lease)
    market.advance(40 * SECOND)
    market.report(vm, "running")
    market.advance(3 * MINUTE)
    market.report(vm, "running", ready=True)
    market.advance(30 * MINUTE)
    market.release(lease)
    free_s = 40 + 120
    total_s = 5 * 60 + 40 + 180 + 30 * 60
    assert ended(market, lease) == ("released", (total_s - free_s) * 10)


def test_a_quick_boot_is_free_to_its_end(market: LeaseMarket) -> None:
    lease = market.lease()
    vm = market.start(lease)
    market.advance(10 * SECOND)
    market.report(vm, "running")
    market.advance(15 * SECOND)
    market.report(vm, "running", ready=True)
    market.advance(HOUR)
    market.release(lease)
    assert ended(market, lease) == ("released", 36_000)


def test_a_second_vm_on_the_unit_is_billed_while_it_boots(market: LeaseMarket) -> None:
    lease = market.lease()
    first = market.start(lease, "first")
    market.report(first, "running", ready=True)
    market.stop(first)
    second = market.start(lease, "second")
    market.advance(MINUTE)
    market.report(second, "running")
    market.advance(9 * MINUTE)
    market.release(lease)
    assert ended(market, lease) == ("released", 6_000)


def test_a_silent_hosts_time_is_not_billed(market: LeaseMarket) -> None:
    lease = market.lease()
    market.advance(10 * MINUTE)
    silent_from = market.now_ms
    market.advance(15 * SECOND)
    market.silent(silent_from)
    market.advance(2 * MINUTE)
    market.back(boot_id="another boot")
    market.advance(10 * MINUTE)
    market.release(lease)
    assert ended(market, lease) == ("released", 20 * 600)
    assert market.notices() == ["host_silent", "host_back"]


def test_silence_is_billed_when_the_unchanged_boot_proves_that_the_vms_ran(
    market: LeaseMarket,
) -> None:
    lease = market.lease()
    market.advance(10 * MINUTE)
    market.silent(market.now_ms - 15 * SECOND)
    market.advance(2 * MINUTE)
    market.back()
    market.advance(10 * MINUTE)
    market.release(lease)
    assert ended(market, lease) == ("released", 22 * 600)


def test_a_buyer_who_leaves_a_silent_host_owes_no_minimum(market: LeaseMarket) -> None:
    lease = market.lease()
    market.advance(MINUTE)
    market.silent(market.now_ms - 15 * SECOND)
    market.advance(MINUTE)
    market.release(lease)
    assert ended(market, lease) == ("released", 45 * 10)


# --- the seller lets the buyer down ---


def test_a_lost_host_ends_its_leases_and_pays_the_bonds(market: LeaseMarket) -> None:
    lease = market.lease(units=2)
    vm = market.start(lease)
    market.report(vm, "running", ready=True)
    market.advance(10 * MINUTE)
    market.silent(market.now_ms - 15 * SECOND)
    market.advance(285 * SECOND)
    market.lost()
    owed = 2 * (10 * 60 - 15) * 10
    assert ended(market, lease) == ("host_lost", owed)
    assert market.vm_states(vm)[-1] == "failed"
    assert market.money("buyer") == (10**9 - owed + 2 * 6_000, 0)


@pytest.mark.parametrize("said", [None, "boot_failed"], ids=["no_word", "host_says_so"])
def test_a_launch_that_does_not_come_pays_the_bond(market: LeaseMarket, said: str | None) -> None:
    lease = market.lease()
    vm = market.start(lease)
    if said is None:
        market.advance(300 * SECOND)
    else:
        market.report(vm, "failed", reason=said)
    assert ended(market, lease) == ("launch_failed", 0)
    assert market.vm_states(vm)[-1] == "failed"
    assert market.money("buyer") == (10**9 + 6_000, 0)


def test_a_failed_launch_costs_only_its_unit(market: LeaseMarket) -> None:
    lease = market.lease(units=2)
    good, bad = market.start(lease, "good"), market.start(lease, "bad")
    market.report(good, "running", ready=True)
    market.report(bad, "failed", reason="boot_failed")
    row = market.last_lease(lease)
    assert (row.state, row.units) == ("active", 1)
    assert market.money("buyer")[0] == 10**9 - 36_000 + 6_000


@pytest.mark.parametrize("reason", ["image_invalid", "not_ready"])
def test_the_buyers_own_faults_leave_the_lease_alone(market: LeaseMarket, reason: str) -> None:
    lease = market.lease()
    vm = market.start(lease)
    market.report(vm, "failed", reason=reason)
    assert market.last_lease(lease).state == "active"
    assert market.money("seller")[1] == 6_000


# --- doubts and corners ---


def test_an_agent_that_announces_its_new_boot_first_proves_nothing(market: LeaseMarket) -> None:
    lease = market.lease()
    market.advance(20 * MINUTE)
    market.silent(market.now_ms - 15 * SECOND)
    market.advance(2 * MINUTE)
    market.back(boot_id="boot 2", announce_first=True)
    market.release(lease)
    assert ended(market, lease) == ("released", (20 * 60 - 15) * 10)


def test_silent_twice_before_it_is_synced_counts_as_one_silence(market: LeaseMarket) -> None:
    lease = market.lease()
    market.advance(20 * MINUTE)
    market.silent(market.now_ms - 15 * SECOND)
    market.advance(MINUTE)
    market.must(HostBack(market.host))
    market.silent(market.now_ms - 15 * SECOND)
    market.advance(MINUTE)
    market.back()
    market.release(lease)
    assert ended(market, lease) == ("released", 22 * 600)


def test_what_a_silent_host_may_yet_be_owed_stays_held() -> None:
    """Money for two hours exactly: after the proof every second of them can be charged."""
    market = LeaseMarket(money_ucr=72_000)
    lease = market.lease()
    market.advance(49 * MINUTE)
    market.silent(market.now_ms - 15 * SECOND)
    market.advance(5 * MINUTE)
    assert market.money("buyer") == (0, 72_000)
    market.back()
    market.advance(HOUR)
    market.advance(HOUR)
    assert ended(market, lease) == ("funds_exhausted", 72_000)


def test_a_release_under_notice_leaves_no_more_recalled_than_there_is(market: LeaseMarket) -> None:
    lease = market.lease(units=3)
    market.recall(lease, units=2)
    market.release(lease, units=2)
    row = market.last_lease(lease)
    assert (row.state, row.units, row.ends_ms) == ("ending", 1, market.now_ms + 2 * MINUTE)
    reply = market.recall(lease)
    assert isinstance(reply, Refused) and reply.reason == "not_recallable"
    market.advance(2 * MINUTE)
    assert market.last_lease(lease).reason == "recalled"


def test_a_recall_does_not_extend_a_lease_that_runs_out_of_money() -> None:
    market = LeaseMarket(money_ucr=40_000)
    lease = market.lease()
    market.advance(59 * MINUTE)
    ends_ms = market.last_lease(lease).ends_ms
    market.recall(lease)
    assert market.last_lease(lease).ends_ms == ends_ms
    market.advance(MINUTE)
    assert ended(market, lease) == ("funds_exhausted", 36_000)


@pytest.mark.parametrize("source", ["rubbish", "10.0.0.0/33", "1.2.3", ""])
def test_an_address_range_that_is_none_is_refused_before_it_costs_a_bond(
    market: LeaseMarket, source: str
) -> None:
    lease = market.lease()
    start = VmStart(req_id=1, lease_id=lease, name="x", image=IMAGE, allow_from=[source])
    reply = market.send(start, "buyer")
    assert isinstance(reply, Refused)
    assert (reply.reason, reply.field) == ("invalid_field", "allow_from")


@pytest.mark.parametrize("reason", ["allow_from_invalid", "cmdline_invalid"])
def test_what_a_host_cannot_launch_by_the_buyers_words_does_not_win_the_bond(
    market: LeaseMarket, reason: str
) -> None:
    lease = market.lease()
    market.report(market.start(lease), "failed", reason=reason)
    assert market.last_lease(lease).state == "active"


def test_the_sync_says_which_vms_have_run(market: LeaseMarket) -> None:
    """A host that has lost one must not start an empty one in its place."""
    vm = market.start(market.lease())
    told = [market.engine.host_sync(market.host, "s").vms[0].ran]
    for state in ("starting", "running"):
        market.report(vm, state)
        told.append(market.engine.host_sync(market.host, "s").vms[0].ran)
    assert told == [False, False, True]


def test_a_host_that_missed_a_kill_hears_it_again_at_its_login(market: LeaseMarket) -> None:
    lease = market.lease()
    vm = market.start(lease)
    market.report(vm, "running", ready=True)
    market.release(lease)
    assert [kill.vm_id for kill in market.engine.host_kills(market.host, "s")] == [vm]
    assert market.engine.host_sync(market.host, "s").vms == []
    market.report(vm, "stopped")
    assert market.engine.host_kills(market.host, "s") == []
