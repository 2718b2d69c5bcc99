"""Delivery windows and metered leases (rules.md 2.2, 5.2)."""

import pytest

from exchange.wire.requests import VmStart
from exchange.wire.results import Done, Refused
from tests.exchange.support.lease_market import HOUR, IMAGE, MINUTE, LeaseMarket
from tests.exchange.support.market import START_MS

FIRST = "small.eu-de.flat.2023-11-14T23"
SECOND = "small.eu-de.flat.2023-11-15T00"
METERED = "small.eu-de.metered.spot"
START_OF_FIRST = 1_700_002_800_000


@pytest.fixture
def market() -> LeaseMarket:
    return LeaseMarket()


def until(market: LeaseMarket, at_ms: int) -> None:
    market.advance(at_ms - market.now_ms)


def states(market: LeaseMarket) -> dict[str, str]:
    return {row.delivery: row.state for row in market.engine.instruments()}


def test_windows_open_a_day_ahead_and_roll_every_hour(market: LeaseMarket) -> None:
    windows = [row for row in market.engine.instruments() if row.delivery != "spot"]
    assert [row.symbol for row in windows][:2] == [FIRST, SECOND]
    assert len(windows) == 24
    assert windows[0].start_ms == START_OF_FIRST
    assert windows[-1].start_ms == START_OF_FIRST + 23 * HOUR
    until(market, START_OF_FIRST)
    assert states(market)["2023-11-15T23"] == "open"


@pytest.mark.parametrize(
    ("at_ms", "state"),
    [
        (START_OF_FIRST - 180_001, "open"),
        (START_OF_FIRST - 180_000, "gate_closed"),
        (START_OF_FIRST, "delivering"),
        (START_OF_FIRST + HOUR, "settled"),
    ],
)
def test_a_window_passes_gate_delivery_and_settlement(
    market: LeaseMarket, at_ms: int, state: str
) -> None:
    until(market, at_ms)
    assert states(market)["2023-11-14T23"] == state


def test_unmatched_orders_expire_at_the_gate_and_nothing_trades_after(
    market: LeaseMarket,
) -> None:
    market.place("buyer.bid", "buy", 2, 10_000, symbol=FIRST)
    until(market, START_OF_FIRST - 180_000)
    last = market.order_frames("buyer.bid")[-1]
    assert (last.exec, last.status, last.reason) == ("expired", "expired", "gate_closed")
    assert market.money("buyer") == (10**9, 0)
    late = market.place("buyer.late", "buy", 1, 10_000, symbol=FIRST)
    assert isinstance(late, Refused) and late.reason == "market_not_open"


def test_a_window_holds_its_price_and_half_its_value_as_bond(market: LeaseMarket) -> None:
    market.lease(units=2, symbol=FIRST)
    assert market.money("buyer")[1] == 72_000
    assert market.money("seller")[1] == 36_000


def test_a_window_is_owed_in_full_used_or_not(market: LeaseMarket) -> None:
    lease = market.lease(units=2, symbol=FIRST)
    assert market.last_lease(lease).state == "granted"
    until(market, START_OF_FIRST)
    assert market.last_lease(lease).state == "active"
    until(market, START_OF_FIRST + HOUR)
    row = market.last_lease(lease)
    assert (row.state, row.reason, row.charged_ucr) == ("ended", "window_over", 72_000)
    assert market.everything_ucr() == 0


@pytest.mark.parametrize("before_ms", [-1000, 30 * MINUTE], ids=["before_it", "in_the_middle"])
def test_giving_a_window_up_saves_nothing(market: LeaseMarket, before_ms: int) -> None:
    lease = market.lease(symbol=FIRST)
    until(market, START_OF_FIRST + before_ms)
    market.release(lease)
    row = market.last_lease(lease)
    assert (row.state, row.reason, row.charged_ucr) == ("ended", "released", 36_000)


def test_windows_cannot_be_recalled(market: LeaseMarket) -> None:
    reply = market.recall(market.lease(symbol=FIRST))
    assert isinstance(reply, Refused) and reply.reason == "not_recallable"


def test_vms_start_from_gate_closure_and_launch_at_the_start(market: LeaseMarket) -> None:
    lease = market.lease(symbol=FIRST)
    request = VmStart(req_id=1, lease_id=lease, name="web", image=IMAGE)
    early = market.send(request, "buyer")
    assert isinstance(early, Refused) and early.reason == "market_not_open"
    until(market, START_OF_FIRST - 180_000)
    vm = market.start(lease)
    until(market, START_OF_FIRST + 299_999)
    assert market.vm_states(vm)[-1] == "requested"
    market.advance(1)
    assert market.last_lease(lease).reason == "launch_failed"
    assert market.last_lease(lease).charged_ucr == 0


def test_a_hosts_silence_is_not_part_of_the_window_owed(market: LeaseMarket) -> None:
    lease = market.lease(symbol=FIRST)
    until(market, START_OF_FIRST + 10 * MINUTE)
    market.silent(market.now_ms)
    market.advance(5 * MINUTE)
    market.back(boot_id="new")
    until(market, START_OF_FIRST + HOUR)
    assert market.last_lease(lease).charged_ucr == 55 * 600


def test_vms_carry_over_into_the_next_hour_of_the_same_buyer(market: LeaseMarket) -> None:
    first, second = market.lease(symbol=FIRST), market.lease(symbol=SECOND)
    until(market, START_OF_FIRST)
    vm = market.start(first)
    market.report(vm, "running", ready=True)
    until(market, START_OF_FIRST + HOUR)
    state = market.engine.account_state("buyer")
    assert [(row.vm_id, row.lease_id, row.state) for row in state.vms] == [(vm, second, "running")]
    assert "stopping" not in market.vm_states(vm)
    until(market, START_OF_FIRST + 2 * HOUR)
    assert market.vm_states(vm)[-1] == "stopping"


def test_the_host_learns_the_new_end_of_a_carried_vm(market: LeaseMarket) -> None:
    first = market.lease(symbol=FIRST)
    market.lease(symbol=SECOND)
    until(market, START_OF_FIRST)
    market.report(market.start(first), "running", ready=True)
    market.advance(HOUR)
    sync = market.engine.host_sync("h-1", "s")
    assert [vm.until_ms for vm in sync.vms] == [START_OF_FIRST + 2 * HOUR]


def test_capacity_is_counted_per_hour() -> None:
    market = LeaseMarket()
    small = market.add_host("seller", units=1)
    on_it = {"hosts": [small]}
    assert isinstance(market.place("seller.a", "sell", 1, 100, symbol=FIRST, **on_it), Done)
    again = market.place("seller.b", "sell", 1, 100, symbol=FIRST, **on_it)
    assert isinstance(again, Refused) and again.reason == "insufficient_capacity"
    assert isinstance(market.place("seller.c", "sell", 1, 100, symbol=SECOND, **on_it), Done)
    spot = market.place("seller.d", "sell", 1, 100, **on_it)
    assert isinstance(spot, Refused) and spot.reason == "insufficient_capacity"


# --- metered ---


def metered(market: LeaseMarket, cpu_ms: int, minutes: int = 60) -> int:
    """Charge of a one-unit metered lease whose VM used ``cpu_ms`` in ``minutes``."""
    lease = market.lease(symbol=METERED)
    vm = market.start(lease)
    market.report(vm, "running", ready=True)
    market.advance(minutes * MINUTE - 1)
    market.use(vm, cpu_ms)
    market.advance(1)
    market.stop(vm)
    market.release(lease)
    return market.last_lease(lease).charged_ucr


@pytest.mark.parametrize(
    ("cpu_ms", "owed_ucr"),
    [
        pytest.param(0, 3_600, id="idle-a_tenth"),
        pytest.param(HOUR // 20, 3_600, id="below_a_tenth"),
        pytest.param(HOUR // 4, 9_000, id="a_quarter"),
        pytest.param(HOUR - 1, 36_000, id="all"),
        pytest.param(10 * HOUR, 36_000, id="more_than_there_is"),
    ],
)
def test_metered_owes_the_cpu_used_and_at_least_a_tenth(
    market: LeaseMarket, cpu_ms: int, owed_ucr: int
) -> None:
    assert metered(market, cpu_ms) == owed_ucr
    assert market.everything_ucr() == 0


def test_metered_without_a_vm_owes_the_tenth(market: LeaseMarket) -> None:
    lease = market.lease(symbol=METERED, units=2)
    market.advance(2 * HOUR)
    market.release(lease)
    assert market.charges(lease) == [7_200, 7_200]


def test_metered_released_early_owes_five_minutes(market: LeaseMarket) -> None:
    lease = market.lease(symbol=METERED, units=2)
    market.advance(MINUTE)
    market.release(lease)
    assert market.last_lease(lease).charged_ucr == 6_000


def test_the_final_charge_waits_for_the_last_usage(market: LeaseMarket) -> None:
    """Otherwise a buyer who ran at full load for 50 minutes and left would pay a tenth."""
    lease = market.lease(symbol=METERED)
    vm = market.start(lease)
    market.report(vm, "running", ready=True)
    market.advance(50 * MINUTE)
    market.release(lease)
    assert market.last_lease(lease).state == "ending"
    market.use(vm, 50 * MINUTE)
    market.report(vm, "stopped")
    row = market.last_lease(lease)
    assert (row.state, row.reason, row.charged_ucr) == ("ended", "released", 30_000)


def test_a_host_that_never_reports_the_last_usage_gets_a_tenth(market: LeaseMarket) -> None:
    lease = market.lease(symbol=METERED)
    vm = market.start(lease)
    market.report(vm, "running", ready=True)
    market.advance(50 * MINUTE)
    market.release(lease)
    market.advance(MINUTE)
    row = market.last_lease(lease)
    assert (row.state, row.charged_ucr) == ("ended", 3_000)


def test_a_reading_that_goes_back_is_refused(market: LeaseMarket) -> None:
    vm = market.start(market.lease(symbol=METERED))
    market.report(vm, "running", ready=True)
    market.advance(MINUTE)
    assert isinstance(market.use(vm, 30_000), Done)
    back = market.use(vm, 29_999)
    assert isinstance(back, Refused) and back.field == "cpu_ms_total"
    assert isinstance(market.use(vm, 10, boot="b2"), Done)


def test_the_test_market_starts_where_the_windows_expect_it() -> None:
    assert START_OF_FIRST - HOUR < START_MS < START_OF_FIRST - 3 * MINUTE
