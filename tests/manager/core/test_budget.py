"""Budgets by day and month, of a rule and of the whole account, also over a restart."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.wire.requests import OrderPlace
from manager.core.budget import Budget, Spend, Sums, month_start_ms
from manager.core.messages import PastCharge, PastCharges
from tests.manager.farm import (
    BOOT_MS,
    BURST,
    MINUTE_MS,
    PRICE_UCR,
    START_MS,
    Farm,
    new_manager,
    requests,
)

DAY_MS = 24 * 60 * MINUTE_MS
SYMBOL = "small.eu-de.flat.spot"
# The farm starts on 18 November 2026.


def past(amount_ucr: int, ts_ms: int, symbol: str = SYMBOL, lease_id: str = "l-old") -> PastCharge:
    return PastCharge(lease_id, symbol, amount_ucr, ts_ms)


def bought(rule: dict[str, Any], spend: Spend, *rows: PastCharge) -> int:
    """Return how many of 4 units a farm under load buys that was charged ``rows`` before."""
    farm = Farm()
    farm.paper.manager = manager = new_manager(rule)
    manager.rules.spend = spend
    farm.paper.feed(PastCharges(list(rows)), START_MS)
    farm.paper.feed(farm.paper.connected(), START_MS)
    farm.load(90, for_ms=2 * MINUTE_MS)
    return sum(order.qty for order in requests(farm.paper.outs, OrderPlace))


DAY = BURST | {"budget_day": 0.4}
MONTH = BURST | {"budget_month": 0.4}
"""Four units for one hour at 0.10 each."""
NONE = Spend()


@pytest.mark.parametrize(
    ("rule", "spend", "rows", "units"),
    [
        (BURST, NONE, [past(10**9, START_MS)], 4),
        (DAY, NONE, [], 4),
        (DAY, NONE, [past(200_000, START_MS)], 2),
        (DAY, NONE, [past(200_000, START_MS - DAY_MS)], 4),
        (DAY, NONE, [past(200_000, START_MS, symbol="large.eu-de.flat.spot")], 4),
        (MONTH, NONE, [past(200_000, START_MS - DAY_MS)], 2),
        (MONTH, NONE, [past(200_000, START_MS - 30 * DAY_MS)], 4),
        (BURST, Spend(day_ucr=400_000), [past(300_000, START_MS)], 1),
        (BURST, Spend(day_ucr=400_000), [past(300_000, START_MS, "nano.eu-fr.flat.spot")], 1),
        (BURST, Spend(day_ucr=400_000), [past(300_000, START_MS - DAY_MS)], 4),
        (BURST, Spend(month_ucr=400_000), [past(500_000, START_MS - DAY_MS)], 0),
    ],
)
def test_what_was_charged_before_the_start_counts(
    rule: dict[str, Any], spend: Spend, rows: list[PastCharge], units: int
) -> None:
    assert bought(rule, spend, *rows) == units


def test_max_spend_lowers_both_and_a_new_configuration_does_not_lift_it() -> None:
    farm = Farm(BURST)
    farm.manager.rules.most_ucr = 200_000
    config = replace(farm.manager.config, spend=Spend(day_ucr=10**9))
    farm.manager.reconfigure(config, farm.now_ms)
    farm.load(90, for_ms=2 * MINUTE_MS)
    assert [order.qty for order in requests(farm.paper.outs, OrderPlace)] == [2]


def test_a_used_up_account_gives_units_back_the_most_expensive_first() -> None:
    farm = Farm(BURST)
    farm.load(90, for_ms=2 * MINUTE_MS + BOOT_MS)
    farm.manager.rules.spend = Spend(day_ucr=6 * PRICE_UCR)
    farm.load(90, for_ms=60 * MINUTE_MS)  # each of four units posts an hour
    assert farm.counts()[2] == 2


def test_a_living_lease_is_counted_once() -> None:
    budget = Budget()
    budget.symbols_of = lambda rule: [SYMBOL]
    rows = [past(30, START_MS - DAY_MS, lease_id="l-1"), past(20, START_MS, lease_id="l-1")]
    budget.past(rows, START_MS)
    assert budget.sums("other", START_MS) == Sums(20, 50), "whose it was is not known yet"
    budget.lease("l-1", "burst", 50, START_MS)
    assert budget.sums("burst", START_MS) == budget.sums(None, START_MS) == Sums(20, 50)
    assert budget.sums("other", START_MS) == Sums()
    budget.charged("l-1", 7, START_MS)
    assert budget.sums("burst", START_MS) == Sums(27, 57)
    assert budget.sums("burst", START_MS + DAY_MS) == Sums(0, 57)
    assert budget.sums(None, START_MS + 30 * DAY_MS) == Sums()


charges = st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 10**6))


@settings(max_examples=200, deadline=None)
@given(plan=st.lists(charges, max_size=40), cut=st.integers(0, 40))
def test_a_restart_anywhere_forgets_nothing(plan: list[tuple[int, int, int]], cut: int) -> None:
    """Of leases that still live: by rule and altogether as if there had been no restart."""
    whole, again = Budget(), Budget()
    for lease in range(4):
        whole.lease(f"l-{lease}", f"rule-{lease % 2}", 0, START_MS)
    now_ms = START_MS
    rows: list[PastCharge] = []
    totals = dict.fromkeys(range(4), 0)
    for number, (lease, hours, amount_ucr) in enumerate(plan):
        now_ms += hours * 60 * MINUTE_MS
        if number == cut:
            again.past([row for row in rows if row.ts_ms >= month_start_ms(now_ms)], now_ms)
            for known, total in totals.items():
                if any(row.lease_id == f"l-{known}" for row in rows):
                    again.lease(f"l-{known}", f"rule-{known % 2}", total, now_ms)
        whole.charged(f"l-{lease}", amount_ucr, now_ms)
        if number >= cut:
            if not any(row.lease_id == f"l-{lease}" for row in rows):
                again.lease(f"l-{lease}", f"rule-{lease % 2}", 0, now_ms)
            again.charged(f"l-{lease}", amount_ucr, now_ms)
        totals[lease] += amount_ucr
        rows.append(past(amount_ucr, now_ms, lease_id=f"l-{lease}"))
    if cut < len(plan):
        for rule in ("rule-0", "rule-1", None):
            assert again.sums(rule, now_ms).day_ucr >= whole.sums(rule, now_ms).day_ucr
            assert again.sums(rule, now_ms).month_ucr >= whole.sums(rule, now_ms).month_ucr
