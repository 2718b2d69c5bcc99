"""What the administrator does while it runs: bursts by hand, new rules, everything off."""

from typing import Any

import pytest
from msgspec.structs import replace

from exchange.wire.requests import LeaseRelease, OrderCancel
from manager.core.core import Manager
from manager.core.hand import hand_rule
from manager.core.messages import Out
from tests.manager.farm import BURST, CALM, MINUTE_MS, Farm, new_manager, requests, rule

PRICE_UCR = 100_000
HAND = hand_rule("web", 1, PRICE_UCR, ("eu-de",))


def carried_out(farm: Farm, outs: list[Out]) -> list[Out]:
    farm.paper._carry_out(outs)
    return outs


def start(farm: Farm, units: int = 2) -> tuple[str, ...]:
    by_hand = hand_rule("web", units, PRICE_UCR, ("eu-de",))
    outs, why = farm.manager.administer(lambda hand: hand.buy(by_hand, units), farm.now_ms)
    farm.paper._carry_out(outs)
    farm.paper.advance(farm.now_ms + 3 * MINUTE_MS)
    return why


def reconfigured(farm: Farm, *rules: dict[str, Any], **changes: Any) -> list[Out]:
    texts = tuple(rule(**fields) for fields in rules)
    config = replace(farm.manager.config, rules=texts, **changes)
    return carried_out(farm, farm.manager.reconfigure(config, farm.now_ms))


def names(farm: Farm) -> set[str]:
    return {lease.rule for lease in farm.manager.rented.leases.values()}


def test_a_burst_by_hand_runs_until_it_is_ended_by_hand() -> None:
    farm = Farm(CALM)
    assert start(farm) == ()
    assert farm.counts() == (2, 0, 2)
    farm.load(10, 15 * MINUTE_MS)
    assert farm.counts() == (2, 0, 2), "a rule leaves alone what it did not buy"
    outs, units = farm.manager.administer(lambda hand: hand.end("+web"), farm.now_ms)
    farm.paper._carry_out(outs)
    farm.paper.advance(farm.now_ms + 3 * MINUTE_MS)
    assert units == 2
    assert farm.counts() == (0, 0, 0)


def test_a_burst_by_hand_is_known_after_a_restart() -> None:
    farm = Farm(CALM)
    start(farm)
    farm.restart()
    farm.paper.advance(farm.now_ms + MINUTE_MS)
    assert farm.counts() == (2, 0, 2)
    for lease in farm.manager.rented.leases.values():
        assert lease.rule == "+web" and lease.vm is not None and lease.vm.name == "web"


def test_nothing_is_bought_by_hand_while_buying_is_stopped() -> None:
    farm = Farm(BURST)
    reconfigured(farm, BURST, buying=False)
    assert start(farm) == ("buying is stopped by the administrator",)
    farm.load(90, 5 * MINUTE_MS)
    assert farm.counts() == (0, 0, 0)
    reconfigured(farm, BURST, buying=True)
    farm.load(90, 10_000)
    farm.paper.advance(farm.now_ms + 2 * MINUTE_MS)
    assert farm.counts()[2] == 4


def test_stopping_cancels_the_bids_that_rest() -> None:
    farm = Farm(BURST, supply=1)
    farm.load(90, 2 * MINUTE_MS + 10_000)
    outs = reconfigured(farm, BURST, buying=False)
    assert len(requests(outs, OrderCancel)) == 1


def test_release_all_gives_everything_back() -> None:
    farm = Farm(BURST)
    start(farm)
    farm.load(140, 4 * MINUTE_MS)
    farm.load(20)
    outs, units = farm.manager.administer(lambda hand: hand.end_all(), farm.now_ms)
    farm.paper._carry_out(outs)
    farm.paper.advance(farm.now_ms + 2 * MINUTE_MS)
    assert units == 6
    assert farm.counts() == (0, 0, 0)


def test_what_a_rule_that_is_gone_has_bought_is_drained_and_released() -> None:
    farm = Farm(BURST, {**BURST, "name": "other"})
    farm.load(90, 5 * MINUTE_MS)
    assert names(farm) >= {"burst"}
    bought = farm.counts()[0]
    outs = reconfigured(farm, {**BURST, "name": "other"})
    farm.paper.advance(farm.now_ms + 2 * MINUTE_MS)
    assert "burst" not in names(farm)
    assert requests(outs, LeaseRelease) == [], "it drains first"
    assert farm.counts()[0] < bought


@pytest.mark.parametrize("again", [BURST, {**BURST, "max_units": 20}, {**BURST, "vm": "web"}])
def test_units_cool_downs_and_held_time_outlive_new_rules(again: dict[str, Any]) -> None:
    """Reconfigured at any step, the Manager decides as one that was not."""
    farm, same = Farm(BURST, CALM), Farm(BURST, CALM)
    for util, for_ms in [(90, 90_000), (90, 60_000), (90, 120_000), (10, 400_000), (10, 400_000)]:
        reconfigured(farm, again, CALM)
        farm.load(util, for_ms)
        same.load(util, for_ms)
        assert farm.counts() == same.counts()


def test_a_changed_condition_starts_anew_and_the_cool_down_goes_on() -> None:
    farm = Farm(BURST)
    farm.load(90, 119_000)
    reconfigured(farm, {**BURST, "when": "util > 60 for 2m"})
    farm.load(90, 119_000)
    assert farm.counts() == (0, 0, 0)
    farm.load(90, 10_000)
    assert farm.counts()[2] == 4


def test_the_budget_goes_on() -> None:
    small = {**BURST, "budget_day": 0.4}
    farm, same = Farm(small), Farm(small)
    for one in (farm, same):
        one.load(90, 70 * MINUTE_MS)
    reconfigured(farm, {**small, "max_units": 20})
    for one in (farm, same):
        one.load(200, 70 * MINUTE_MS)
    assert farm.counts() == same.counts()
    assert farm.manager.budget.spent_ucr("burst", farm.now_ms) > 0


def test_a_manager_without_connection_says_so() -> None:
    manager: Manager = new_manager(BURST)
    _, why = manager.administer(lambda hand: hand.buy(HAND, 1), 1)
    assert why and "connection" in why[0]
