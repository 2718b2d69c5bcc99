"""Nobody gains by misbehaving: each case says who pays what, computed here.

The price is 36,000 ucr per unit-hour: 10 ucr a second; a spot bond is 6,000 a unit.
"""

import pytest

from exchange.session.liveness import Liveness
from exchange.wire.results import Refused
from tests.exchange.support.lease_market import HOUR, MINUTE, LeaseMarket
from tests.exchange.support.market import SYMBOL

FIRST_WINDOW = "small.eu-de.flat.2023-11-14T23"
START_OF_FIRST = 1_700_002_800_000
METERED = "small.eu-de.metered.spot"
RICH = 10**9


@pytest.fixture
def market() -> LeaseMarket:
    return LeaseMarket()


def gains(market: LeaseMarket) -> dict[str, int]:
    """Return what each side has more than it began with; the fees make the sum zero."""
    found = {name: sum(market.money(name)) - RICH for name in ("buyer", "seller")}
    assert sum(found.values()) + sum(market.money("fees")) == 0
    return found


def test_sweeping_the_book_and_leaving_at_once_costs_five_minutes_of_it(
    market: LeaseMarket,
) -> None:
    leases = [market.lease(units=10, price_ucr=36_000 + n) for n in range(3)]
    for lease in leases:
        market.release(lease)
    owed = sum(-(-10 * (36_000 + n) // 12) for n in range(3))
    assert gains(market)["buyer"] == -owed


def test_metered_capacity_that_is_only_sat_on_costs_a_tenth(market: LeaseMarket) -> None:
    lease = market.lease(units=5, symbol=METERED)
    market.advance(HOUR)
    market.release(lease)
    assert gains(market)["buyer"] == -5 * 3_600


def test_a_window_released_a_second_before_it_starts_is_paid(market: LeaseMarket) -> None:
    lease = market.lease(symbol=FIRST_WINDOW)
    market.advance(START_OF_FIRST - 1_000 - market.now_ms)
    market.release(lease)
    assert gains(market) == {"buyer": -36_000, "seller": 36_000 - 360}


def test_recalling_to_sell_dearer_pays_the_bond_and_the_slot_stays_off_the_market() -> None:
    market = LeaseMarket()
    small = market.add_host("seller", units=1)
    lease = market.lease(hosts=[small])
    market.advance(10 * MINUTE)
    market.recall(lease)
    market.advance(2 * MINUTE)
    assert gains(market)["buyer"] == -12 * 600 + 6_000

    def dearer(label: str) -> object:
        return market.place(label, "sell", 1, 72_000, hosts=[small])

    refused = dearer("seller.at_once")
    assert isinstance(refused, Refused) and refused.reason == "insufficient_capacity"
    market.advance(10 * MINUTE - 1)
    assert isinstance(dearer("seller.too_soon"), Refused)
    market.advance(1)
    assert not isinstance(dearer("seller.later"), Refused)


def test_a_broken_image_does_not_win_the_sellers_bond(market: LeaseMarket) -> None:
    lease = market.lease()
    for attempt in range(3):
        vm = market.start(lease, f"broken{attempt}")
        market.advance(MINUTE)
        market.report(vm, "failed", reason="image_invalid")
    market.advance(7 * MINUTE)
    market.release(lease)
    free_wait = 1
    assert gains(market)["buyer"] == -(10 - free_wait) * 600
    assert market.last_lease(lease).reason == "released"


def test_a_guest_that_never_gets_ready_is_the_buyers_affair(market: LeaseMarket) -> None:
    lease = market.lease()
    vm = market.start(lease)
    market.report(vm, "running")
    market.advance(10 * MINUTE)
    market.report(vm, "failed", reason="not_ready")
    market.release(lease)
    assert gains(market)["buyer"] == -8 * 600
    host = market.engine.hosts()[0]
    assert (host.evidence.not_ready, host.evidence.not_ready_buyers) == (1, 1)


def test_a_stop_and_start_loop_gets_one_free_boot_only(market: LeaseMarket) -> None:
    lease = market.lease()
    for turn in range(10):
        vm = market.start(lease, f"vm{turn}")
        market.report(vm, "running")
        market.advance(2 * MINUTE)
        market.report(vm, "running", ready=True)
        market.stop(vm)
    market.release(lease)
    assert gains(market)["buyer"] == -(20 - 2) * 600


def test_a_host_that_falls_silent_during_its_recall_pays_the_bond(market: LeaseMarket) -> None:
    lease = market.lease()
    market.advance(10 * MINUTE)
    market.recall(lease)
    market.silent(market.now_ms)
    market.advance(2 * MINUTE)
    assert market.last_lease(lease).reason == "recalled"
    assert gains(market)["buyer"] == -10 * 600 + 6_000


def test_a_host_that_falls_silent_instead_of_launching_pays_the_bond(market: LeaseMarket) -> None:
    lease = market.lease()
    vm = market.start(lease)
    market.silent(market.now_ms)
    market.advance(5 * MINUTE)
    assert market.vm_states(vm)[-1] == "failed"
    assert market.last_lease(lease).reason == "launch_failed"
    assert gains(market)["buyer"] == 6_000


def test_a_seller_cannot_offer_one_slot_twice() -> None:
    market = LeaseMarket()
    small = market.add_host("seller", units=1)
    market.place("seller.once", "sell", 1, 36_000, hosts=[small])
    twice = market.place("seller.twice", "sell", 1, 36_000, symbol=METERED, hosts=[small])
    assert isinstance(twice, Refused) and twice.reason == "insufficient_capacity"


def test_a_stalled_writer_declares_no_host_lost() -> None:
    """Our own outage of 61 s kills nothing: every host gets its full time again.

    Planted bug: without `Liveness.ran` noticing the stall the host is silent at once.
    """
    liveness = Liveness(lambda host: 60_000)
    liveness.watch("h-1", 0)
    liveness.ran(0)
    stalled_ms = 61_000
    careless = Liveness(lambda host: 60_000)
    careless.watch("h-1", 0)
    assert careless.due(stalled_ms), "without the guard the stall looks like silence"
    liveness.ran(stalled_ms)
    assert liveness.due(stalled_ms) == []
    assert liveness.due(stalled_ms + 14_999) == []
    assert liveness.due(stalled_ms + 15_000), "from then on its own silence counts"


def test_the_best_price_is_not_bought_with_money_that_is_not_there() -> None:
    market = LeaseMarket(money_ucr=36_000)
    market.place("seller.ask", "sell", 2, 36_000, symbol=SYMBOL)
    refused = market.place("buyer.bid", "buy", 2, 36_000, symbol=SYMBOL)
    assert isinstance(refused, Refused) and refused.reason == "insufficient_funds"
