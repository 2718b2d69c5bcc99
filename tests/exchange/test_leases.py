"""Leases and what is owed for them: domain.md, "Leases", each case computed by hand here.

Prices are 36,000 ucr per unit-hour unless said otherwise: 10 ucr a second, 600 a minute.
"""

import pytest

from exchange.commands import Done, Refused
from exchange.protocol import LeaseRelease, VmStart, VmStop
from tests.exchange.lease_market import HOUR, IMAGE, MINUTE, LeaseMarket

SECOND = 1000


@pytest.fixture
def market() -> LeaseMarket:
    return LeaseMarket()


def ended(market: LeaseMarket, lease_id: str) -> tuple[str | None, int]:
    """Return why a lease ended and all that was charged for it."""
    row = market.last_lease(lease_id)
    assert row.state == "ended"
    assert sum(market.charges(lease_id)) == row.charged_ucr
    assert market.everything_ucr() == 0
    return row.reason, row.charged_ucr


@pytest.mark.parametrize(
    ("after_ms", "owed_ucr"),
    [
        pytest.param(0, 3_000, id="at_once-owes_5_min"),
        pytest.param(4 * MINUTE, 3_000, id="4_min-owes_5"),
        pytest.param(5 * MINUTE, 3_000, id="5_min"),
        pytest.param(5 * MINUTE + 1, 3_001, id="a_ms_more-rounded_up"),
        pytest.param(59 * MINUTE, 35_400, id="within_the_hour"),
        pytest.param(HOUR, 36_000, id="the_hour"),
        pytest.param(150 * MINUTE, 90_000, id="two_and_a_half_hours"),
    ],
)
def test_a_released_spot_lease_owes_its_time(
    market: LeaseMarket, after_ms: int, owed_ucr: int
) -> None:
    lease = market.lease()
    market.advance(after_ms)
    market.release(lease)
    assert ended(market, lease) == ("released", owed_ucr)
    assert market.money("buyer") == (10**9 - owed_ucr, 0)
    fees = sum(charge * 1 // 100 for charge in market.charges(lease))
    assert market.money("seller") == (10**9 + owed_ucr - fees, 0)
    assert market.money("fees") == (fees, 0)


@pytest.mark.parametrize("price_ucr", [1, 7, 11, 12, 13, 35_999, 10**9])
def test_five_minutes_are_a_twelfth_of_the_hour_rounded_up(price_ucr: int) -> None:
    market = LeaseMarket(money_ucr=10**12)
    lease = market.lease(units=3, price_ucr=price_ucr)
    market.release(lease)
    assert ended(market, lease) == ("released", -(-3 * price_ucr // 12))


def test_charges_post_every_hour_and_at_the_end(market: LeaseMarket) -> None:
    lease = market.lease(units=2)
    market.advance(2 * HOUR + 10 * MINUTE)
    market.release(lease)
    assert market.charges(lease) == [72_000, 72_000, 12_000]


def test_the_next_hour_is_held_ten_minutes_ahead(market: LeaseMarket) -> None:
    market.lease()
    market.advance(50 * MINUTE - 1)
    assert market.money("buyer")[1] == 36_000
    market.advance(1)
    assert market.money("buyer")[1] == 72_000
    market.advance(10 * MINUTE)
    assert market.money("buyer")[1] == 36_000


def test_a_lease_ends_with_the_paid_time_when_funds_run_out() -> None:
    market = LeaseMarket(money_ucr=40_000)
    lease = market.lease()
    market.advance(50 * MINUTE)
    assert market.notices() == ["funds_low"]
    assert market.last_lease(lease).ends_ms == market.now_ms + 10 * MINUTE
    market.advance(10 * MINUTE)
    assert ended(market, lease) == ("funds_exhausted", 36_000)
    assert market.money("buyer") == (4_000, 0)


# --- partial release ---


def test_some_units_go_back_and_the_rest_runs_on(market: LeaseMarket) -> None:
    lease = market.lease(units=3)
    market.advance(10 * MINUTE)
    market.release(lease, units=2)
    row = market.last_lease(lease)
    assert (row.state, row.units) == ("active", 1)
    market.advance(20 * MINUTE)
    market.release(lease)
    assert ended(market, lease) == ("released", (3 * 10 + 20) * 600)


def test_each_released_unit_owes_five_minutes(market: LeaseMarket) -> None:
    lease = market.lease(units=3)
    market.advance(MINUTE)
    market.release(lease, units=1)
    market.advance(9 * MINUTE)
    market.release(lease)
    assert ended(market, lease) == ("released", (5 + 2 * 10) * 600)


def test_a_partial_release_frees_money_and_bond_at_once(market: LeaseMarket) -> None:
    lease = market.lease(units=2)
    assert market.money("seller")[1] == 2 * 6_000
    market.advance(30 * MINUTE)
    market.release(lease, units=1)
    assert market.money("buyer")[1] == 18_000 + 36_000
    assert market.money("seller")[1] == 6_000


def test_units_with_a_vm_cannot_be_released_in_part(market: LeaseMarket) -> None:
    lease = market.lease(units=2)
    first = market.start(lease, "one")
    market.start(lease, "two")
    reply = market.release(lease, units=1)
    assert isinstance(reply, Refused) and reply.reason == "units_in_use"
    market.stop(first)
    assert isinstance(market.release(lease, units=1), Done)


def test_a_scheduled_release_comes_at_its_time_and_can_be_moved(market: LeaseMarket) -> None:
    lease = market.lease()
    market.release(lease, at_ms=market.now_ms + 30 * MINUTE)
    market.advance(10 * MINUTE)
    market.release(lease, at_ms=market.now_ms + 30 * MINUTE)
    market.advance(29 * MINUTE)
    assert market.last_lease(lease).state == "active"
    market.advance(MINUTE)
    assert ended(market, lease) == ("released", 40 * 600)


@pytest.mark.parametrize("terms", [{"units": 4}, {"units": 1_000_000}])
def test_more_units_than_there_are_cannot_be_released(
    market: LeaseMarket, terms: dict[str, int]
) -> None:
    reply = market.release(market.lease(units=3), **terms)
    assert isinstance(reply, Refused) and reply.reason == "invalid_qty"


def test_only_the_buyer_releases_and_only_once(market: LeaseMarket) -> None:
    lease = market.lease()
    wrong = market.send(LeaseRelease(req_id=1, lease_id=lease), "seller")
    assert isinstance(wrong, Refused) and wrong.reason == "unknown_lease"
    market.release(lease)
    again = market.release(lease)
    assert isinstance(again, Refused) and again.reason == "lease_ended"


# --- recall ---


def test_a_recall_has_two_minutes_notice_and_pays_the_bond_in_the_first_hour(
    market: LeaseMarket,
) -> None:
    lease = market.lease(units=2)
    market.advance(30 * MINUTE)
    market.recall(lease)
    assert market.last_lease(lease).state == "ending"
    assert market.notices() == ["recall"]
    market.advance(2 * MINUTE)
    assert ended(market, lease) == ("recalled", 2 * 32 * 600)
    assert market.money("buyer") == (10**9 - 2 * 32 * 600 + 2 * 6_000, 0)


def test_a_recall_after_the_first_hour_pays_no_bond(market: LeaseMarket) -> None:
    lease = market.lease()
    market.advance(HOUR)
    market.recall(lease)
    market.advance(2 * MINUTE)
    assert ended(market, lease) == ("recalled", 62 * 600)
    assert market.money("buyer") == (10**9 - 62 * 600, 0)


def test_a_partial_recall_kills_the_newest_vms_too_many(market: LeaseMarket) -> None:
    lease = market.lease(units=2)
    old, new = market.start(lease, "old"), market.start(lease, "new")
    for vm in (old, new):
        market.report(vm, "running", ready=True)
    market.recall(lease, units=1)
    market.advance(2 * MINUTE)
    assert market.vm_states(new)[-1] == "stopping"
    assert market.vm_states(old)[-1] == "running"
    row = market.last_lease(lease)
    assert (row.state, row.units) == ("active", 1)


def test_no_more_units_are_recalled_than_are_left(market: LeaseMarket) -> None:
    lease = market.lease(units=2)
    market.recall(lease, units=1)
    too_many = market.recall(lease, units=2)
    assert isinstance(too_many, Refused) and too_many.reason == "invalid_qty"
    market.recall(lease, units=1)
    none_left = market.recall(lease)
    assert isinstance(none_left, Refused) and none_left.reason == "not_recallable"


def test_the_buyer_may_release_during_the_notice(market: LeaseMarket) -> None:
    lease = market.lease()
    market.advance(30 * MINUTE)
    market.recall(lease)
    market.advance(MINUTE)
    market.release(lease)
    assert ended(market, lease) == ("released", 31 * 600)


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


def test_the_same_vm_start_again_is_the_same_vm(market: LeaseMarket) -> None:
    lease = market.lease()
    vm = market.start(lease)
    request = VmStart(req_id=9, lease_id=lease, name="web", image=IMAGE)
    assert market.must(request, "buyer") == {"vm_id": vm, "duplicate": True}
    other = VmStart(req_id=9, lease_id=lease, name="web", image=IMAGE, ports=[80])
    reply = market.send(other, "buyer")
    assert isinstance(reply, Refused) and reply.reason == "vm_exists"


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
    assert market.notices() == ["host_silent"]


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
