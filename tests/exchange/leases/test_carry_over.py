"""What a VM takes along when its buyer's next window begins (rules.md 5.10).

Prices are 36,000 ucr per unit-hour: 10 ucr a second. The model of ``oracle.py`` found these
cases, and each failed before the engine was fixed.
"""

import pytest

from exchange.engine.engine import Engine
from exchange.model.config import ExchangeConfig, WindowConfig, default_config
from exchange.wire.requests import HostOffer, VmStart
from exchange.wire.types import Capacity
from tests.exchange.support import laws
from tests.exchange.support.lease_market import HOUR, IMAGE, MINUTE, LeaseMarket, ended
from tests.exchange.support.market import SMALL_UNIT

SECOND = 1_000
HOURS = ("2023-11-14T23", "2023-11-15T00", "2023-11-15T01")
START_OF_FIRST = 1_700_002_800_000


def config() -> ExchangeConfig:
    """Windows of class small, flat and metered."""
    default = default_config()
    windows = [
        WindowConfig(class_="small", zone="eu-de", pricing=pricing)
        for pricing in ("flat", "metered")
    ]
    return ExchangeConfig(
        classes=default.classes,
        zones=default.zones,
        instruments=default.instruments,
        windows=windows,
    )


@pytest.fixture
def market() -> LeaseMarket:
    return LeaseMarket(config())


def window(hour: int, pricing: str = "flat") -> str:
    return f"small.eu-de.{pricing}.{HOURS[hour]}"


def until(market: LeaseMarket, at_ms: int) -> None:
    market.advance(at_ms - market.now_ms)


def test_a_vm_that_is_still_awaited_is_not_billed_in_the_next_window_either(
    market: LeaseMarket,
) -> None:
    first, second = market.lease(symbol=window(0)), market.lease(symbol=window(1))
    until(market, START_OF_FIRST + HOUR - 30 * SECOND)
    vm = market.start(first)
    market.advance(2 * MINUTE)
    market.report(vm, "running")
    market.advance(3 * MINUTE)
    market.report(vm, "running", ready=True)
    until(market, START_OF_FIRST + 2 * HOUR)
    assert ended(market, first) == ("window_over", (3600 - 30) * 10)
    assert ended(market, second) == ("window_over", (3600 - 90 - 120) * 10)


def test_cpu_of_the_hour_before_counts_in_the_hour_before(market: LeaseMarket) -> None:
    """Full load for 50 minutes, told 10 s into the next hour and spread over its time."""
    first = market.lease(symbol=window(0, "metered"))
    second = market.lease(symbol=window(1, "metered"))
    until(market, START_OF_FIRST)
    vm = market.start(first)
    market.report(vm, "running", ready=True)
    until(market, START_OF_FIRST + HOUR + 10 * SECOND)
    assert market.last_lease(first).state == "ending"
    market.use(vm, 3610 * SECOND)
    assert ended(market, first) == ("window_over", 36_000)
    until(market, START_OF_FIRST + 2 * HOUR)
    market.report(vm, "stopped")
    assert ended(market, second) == ("window_over", 3_600)


def test_cpu_of_the_next_hour_stays_there_also_when_that_lease_is_over_already(
    market: LeaseMarket,
) -> None:
    """Half load; the next window is given up after 20 s and told of after 40 s."""
    first = market.lease(symbol=window(0, "metered"))
    second = market.lease(symbol=window(1))
    until(market, START_OF_FIRST)
    vm = market.start(first)
    market.report(vm, "running", ready=True)
    until(market, START_OF_FIRST + HOUR + 20 * SECOND)
    market.release(second)
    market.advance(20 * SECOND)
    market.use(vm, 1820 * SECOND)
    assert ended(market, first) == ("window_over", 18_000)


@pytest.mark.parametrize("word", ["nothing", "gone"])
def test_the_hour_before_waits_a_minute_for_its_cpu_and_for_vms_that_live(
    market: LeaseMarket, word: str
) -> None:
    first = market.lease(symbol=window(0, "metered"))
    market.lease(symbol=window(1))
    until(market, START_OF_FIRST)
    vm = market.start(first)
    market.report(vm, "running", ready=True)
    until(market, START_OF_FIRST + HOUR)
    if word == "gone":
        market.report(vm, "failed", "crashed")
    else:
        market.advance(MINUTE - 1)
        assert market.last_lease(first).state == "ending"
        market.advance(1)
    assert ended(market, first) == ("window_over", 3_600)


def test_a_closing_window_and_its_carried_vms_come_back_from_a_snapshot(
    market: LeaseMarket,
) -> None:
    first = market.lease(symbol=window(0, "metered"))
    market.lease(symbol=window(1, "metered"))
    until(market, START_OF_FIRST)
    vm = market.start(first)
    market.report(vm, "running", ready=True)
    until(market, START_OF_FIRST + HOUR)
    market.engine = Engine.restore(market.engine.snapshot())
    market.advance(10 * SECOND)
    market.use(vm, 3610 * SECOND)
    assert ended(market, first) == ("window_over", 36_000)
    laws.check(market)


def test_a_vm_start_is_answered_alike_after_its_vm_went_on(market: LeaseMarket) -> None:
    first, second = market.lease(symbol=window(0)), market.lease(symbol=window(1))
    until(market, START_OF_FIRST)
    vm = market.start(first)
    market.report(vm, "running", ready=True)
    until(market, START_OF_FIRST + HOUR)
    market.engine = Engine.restore(market.engine.snapshot())
    for lease in (first, second):
        again = VmStart(req_id=7, lease_id=lease, name="web", image=IMAGE)
        assert market.must(again, "buyer") == {"vm_id": vm, "duplicate": True}


def test_the_youngest_vm_goes_first_also_when_older_ones_came_later(market: LeaseMarket) -> None:
    """Two units: the VM of the hour before comes to the one asked for at gate closure."""
    first, second = market.lease(symbol=window(0)), market.lease(2, symbol=window(1))
    until(market, START_OF_FIRST)
    old = market.start(first, "old")
    market.report(old, "running", ready=True)
    until(market, START_OF_FIRST + HOUR - 2 * MINUTE)
    young = market.start(second, "young")
    until(market, START_OF_FIRST + HOUR)
    market.release(second, units=1, at_ms=market.now_ms + MINUTE)
    market.advance(MINUTE)
    assert (market.vm_states(old)[-1], market.vm_states(young)[-1]) == ("running", "stopping")


def test_a_host_that_offers_less_in_one_hour_keeps_its_asks_in_the_others(
    market: LeaseMarket,
) -> None:
    """Sold for one hour, asked for in the next: the ask has room and stays."""
    market.lease(10, symbol=window(0))
    market.place("seller.next", "sell", 4, 36_000, symbol=window(1))
    room = Capacity(*(4 * need for need in SMALL_UNIT))
    market.must(HostOffer(req_id=1, host=market.host, offered=room), "seller")
    assert market.order_frames("seller.next")[-1].status == "new"
    laws.check(market)
