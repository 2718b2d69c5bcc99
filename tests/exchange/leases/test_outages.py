"""Scheduled releases after an outage of the exchange (rules.md 6.4), each case computed by hand.

Also what the account tells of a recall that came in an outage of its host.
"""

import pytest

from exchange.engine.engine import Engine
from exchange.model.commands import Started
from exchange.wire.requests import VmStart
from exchange.wire.types import SPOT, Recall
from tests.exchange.support.lease_market import HOUR, IMAGE, MINUTE, LeaseMarket

SECOND = 1_000


def restart(market: LeaseMarket, down_ms: int, *, older: bool = False) -> None:
    """The exchange is down for so long; ``older``: it is of a release that moved nothing."""
    since_ms = market.now_ms
    market.now_ms += down_ms
    market.must(Started(2) if older else Started(2, since_ms))


@pytest.mark.parametrize(
    ("left_ms", "down_ms", "runs_on_ms"),
    [
        pytest.param(30 * MINUTE, 31 * MINUTE, 31 * MINUTE, id="fell_due"),
        pytest.param(20 * MINUTE, 31 * MINUTE, 21 * MINUTE, id="what_was_left_is_left_again"),
        pytest.param(30 * MINUTE, 30 * MINUTE - SECOND, 31 * MINUTE, id="no_time_to_renew_it"),
        pytest.param(30 * MINUTE, 29 * MINUTE, MINUTE, id="still_a_minute_away"),
        pytest.param(30 * MINUTE, 10 * MINUTE, 20 * MINUTE, id="time_enough_to_renew_it"),
        pytest.param(SECOND, 5 * SECOND, 61 * SECOND, id="nearly_due"),
        pytest.param(50 * MINUTE, 55 * MINUTE, 31 * MINUTE, id="at_most_half_an_hour"),
    ],
)
def test_an_outage_moves_a_release_that_nobody_could_renew(
    left_ms: int, down_ms: int, runs_on_ms: int
) -> None:
    market = LeaseMarket()
    lease = market.lease(units=2)
    vm = market.start(lease)
    market.report(vm, "running", ready=True)
    market.release(lease, at_ms=market.now_ms + left_ms)
    restart(market, down_ms)
    market.advance(runs_on_ms - 1)
    assert market.last_lease(lease).state == "active"
    market.advance(1)
    assert market.last_lease(lease).reason == "released"


def test_a_release_of_some_units_moves_too() -> None:
    market = LeaseMarket()
    lease = market.lease(units=3)
    market.release(lease, units=2, at_ms=market.now_ms + 10 * MINUTE)
    restart(market, 15 * MINUTE)
    assert market.last_lease(lease).units == 3
    market.advance(11 * MINUTE)
    assert market.last_lease(lease).units == 1


def test_a_manager_that_comes_back_renews_in_time() -> None:
    """Down for 31 minutes in a burst: no VM ends, and the release is pushed on as before."""
    market = LeaseMarket()
    lease = market.lease()
    market.must(VmStart(req_id=1, lease_id=lease, name="web", image=IMAGE), "buyer")
    market.report("v-1", "running", ready=True)
    market.release(lease, at_ms=market.now_ms + 30 * MINUTE)
    restart(market, 31 * MINUTE)
    market.advance(10 * SECOND)
    market.release(lease, at_ms=market.now_ms + 30 * MINUTE)
    market.advance(30 * MINUTE - 1)
    assert market.last_lease(lease).state == "active"
    market.advance(1)
    assert market.last_lease(lease).state == "ended"


def test_a_window_that_ends_before_its_moved_release_ends_as_ever() -> None:
    market = LeaseMarket()
    window = next(name for name in market.engine.symbols() if not name.endswith(SPOT))
    lease = market.lease(symbol=window)
    ends_ms = market.last_lease(lease).ends_ms
    assert ends_ms is not None
    market.advance(ends_ms - market.now_ms - 20 * MINUTE)
    market.release(lease, at_ms=market.now_ms + 10 * MINUTE)
    restart(market, 15 * MINUTE)
    market.advance(HOUR)
    assert market.last_lease(lease).reason == "window_over"


def test_a_row_of_an_earlier_release_moves_nothing() -> None:
    """Old journals lead to the state that they always led to."""
    market = LeaseMarket()
    lease = market.lease()
    market.release(lease, at_ms=market.now_ms + 30 * MINUTE)
    restart(market, 31 * MINUTE, older=True)
    assert market.last_lease(lease).reason == "released"


def test_the_account_tells_that_a_recall_came_in_a_silence() -> None:
    def told(engine: Engine) -> list[Recall] | None:
        return engine.account_state("buyer").leases[0].recalls

    market = LeaseMarket()
    lease = market.lease(units=4)
    market.advance(MINUTE)
    ends_ms = [market.now_ms + after_ms + 2 * MINUTE for after_ms in (0, 20 * SECOND, 40 * SECOND)]
    market.recall(lease, units=1)
    market.advance(20 * SECOND)
    since_ms = market.now_ms - 15 * SECOND
    market.silent(since_ms)
    market.recall(lease, units=1)
    market.advance(20 * SECOND)
    market.back()
    market.recall(lease, units=1)
    silent = [None, since_ms, None]
    expected = [
        Recall(1, at_ms, silent_ms) for at_ms, silent_ms in zip(ends_ms, silent, strict=True)
    ]
    assert told(market.engine) == expected
    assert told(Engine.restore(market.engine.snapshot())) == expected
    market.advance(2 * MINUTE)
    [left] = market.engine.state.leases.values()
    assert left.units == 1 and not left.meter.story.silent_recalls
