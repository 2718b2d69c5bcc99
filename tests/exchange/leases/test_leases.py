"""Leases and what is owed for them (rules.md 5.1 and 5.2), each case computed by hand here.

Prices are 36,000 ucr per unit-hour unless said otherwise: 10 ucr a second, 600 a minute.
"""

import pytest

from exchange.wire.requests import LeaseRelease
from exchange.wire.results import Done, Refused
from tests.exchange.support.lease_market import HOUR, MINUTE, LeaseMarket, ended


@pytest.fixture
def market() -> LeaseMarket:
    return LeaseMarket()


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
