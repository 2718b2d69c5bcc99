"""A charge of a metered lease counts for the time in which the CPU was used, also if it came late.

A unit of one vCPU uses all of it in the first hour and nothing in the second; the host reports the
first hour's CPU a minute after that hour was charged, and the run ends ten minutes into the third.
"""

from collections import Counter

import pytest

from exchange.model.commands import AdvanceTime, Command
from exchange.units import UCR_PER_CREDIT
from exchange.wire.frames import Charge
from sim.results.best_ask import BestAsk
from sim.results.metered import Slots
from sim.results.metrics import Accounts, Metrics, Prices
from sim.results.recording import Recorder
from sim.results.service import Quality, Service
from tests.exchange.support.lease_market import HOUR, MINUTE, LeaseMarket

PRICE_UCR = 36_000_000
SYMBOL = "small.eu-de.metered.spot"
TENTH = PRICE_UCR // 10
"""What an hour costs in which less is used."""


def charges(symbol: str = SYMBOL) -> tuple[int, list[Charge]]:
    """Return when the lease began and what was charged for it."""
    market = LeaseMarket(money_ucr=10**12)
    lease = market.lease(price_ucr=PRICE_UCR, symbol=symbol)
    vm = market.start(lease)
    market.report(vm, "running", ready=True)
    began_ms = market.now_ms
    market.advance(61 * MINUTE)
    market.use(vm, 61 * MINUTE)
    market.advance(69 * MINUTE)
    market.stop(vm)
    market.release(lease)
    return began_ms, [one for one in market.frames["buyer"] if isinstance(one, Charge)]


def by_hour(began_ms: int, found: list[Charge]) -> dict[int, int]:
    slots, hours = Slots(), Counter[int]()
    for charge in found:
        for from_ms, _, amount_ucr in slots.of(charge):
            hours[(from_ms - began_ms) // HOUR] += amount_ucr
    return dict(hours)


def test_each_hour_costs_what_was_metered_in_it() -> None:
    began_ms, found = charges()
    posted = [one.amount_ucr for one in found]
    assert posted[0] == TENTH, "when it is charged nothing is known of its CPU"
    assert posted[1] > PRICE_UCR * 0.9, "and then the second one pays for it"
    hours = by_hour(began_ms, found)
    assert hours == pytest.approx({0: PRICE_UCR, 1: TENTH, 2: TENTH / 6}, abs=2)
    assert sum(hours.values()) == sum(posted)


def test_a_flat_lease_costs_the_same_in_every_hour() -> None:
    began_ms, found = charges("small.eu-de.flat.spot")
    assert by_hour(began_ms, found) == {0: PRICE_UCR, 1: PRICE_UCR, 2: PRICE_UCR // 6}


@pytest.mark.parametrize("end_min", [60, 63, 130])
def test_the_course_of_the_cost_is_what_was_metered(end_min: int) -> None:
    began_ms, found = charges()
    recorder = Recorder("buyer", SYMBOL, began_ms, end_min * MINUTE)
    command = Command("", "", 0, AdvanceTime())
    for charge in found:
        recorder.observe(command, [("buyer", charge)], charge.ts_ms)
    recording = recorder.recording(Service(1, 1, 1, MINUTE), [0.0], [(0, 1)], None, [])
    first, second = recording.costs_ucr([HOUR, 2 * HOUR])
    assert (first, second - first) == pytest.approx((PRICE_UCR, TENTH), abs=2)


@pytest.mark.parametrize(
    ("end_min", "cost"),
    [
        (60, PRICE_UCR),
        (90, PRICE_UCR + TENTH / 2),
        (120, PRICE_UCR + TENTH),
        (125, PRICE_UCR + TENTH + TENTH / 12),
    ],
)
def test_what_was_used_before_the_end_of_a_run_is_its_cost(end_min: int, cost: float) -> None:
    """(Seen to fail: at 90 minutes half of the first hour's CPU counted behind the end.)"""
    began_ms, found = charges()
    metrics = Metrics(began_ms, began_ms + end_min * MINUTE, BestAsk())
    for charge in found:
        metrics.event(Command("", "", 0, AdvanceTime()), charge, False)
    told = metrics.values(Quality(0, 0, 0, 0, 0, 0, 0), Accounts(0, 0, 0, 0, 0), Prices(0, 0, 0))
    assert told["cost"] * UCR_PER_CREDIT == pytest.approx(cost, abs=3)
    both = (told["cost"] + told["wind_down_cost"]) * UCR_PER_CREDIT
    assert both == pytest.approx(sum(one.amount_ucr for one in found))
