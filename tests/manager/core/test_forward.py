"""Windows of scheduled hours are bought when they are listed, used, and handed on."""

from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.units import MAX_QTY
from exchange.wire.frames import Charge, InstrumentUpdate, LeaseUpdate
from exchange.wire.requests import OrderPlace
from manager.core.messages import Connected
from manager.core.rule_text import RuleError
from manager.core.windows import window_ms, window_symbol
from tests.manager.farm import new_manager, requests, rule
from tests.manager.hours import (
    BOOT_MS,
    FIRST_MS,
    HOUR,
    MINUTE,
    NIGHT,
    START_MS,
    SYMBOL,
    Hours,
    window,
)

FIRST, SECOND = window(FIRST_MS), window(FIRST_MS + HOUR)


def test_listed_windows_are_bought_at_once_and_serve_without_a_hole_until_their_end() -> None:
    farm = Hours(NIGHT, spots=2)
    farm.ask(3, FIRST)
    farm.ask(3, SECOND)
    farm.until(farm.now_ms + 11 * MINUTE)
    assert farm.had() == {FIRST: 2, SECOND: 2}
    farm.until(FIRST_MS + BOOT_MS)
    assert list(farm.servers.values()) == ["ready", "ready"]
    farm.until(FIRST_MS + 2 * HOUR - MINUTE)
    assert farm.least(FIRST_MS + BOOT_MS, FIRST_MS + 2 * HOUR - MINUTE) == 2
    assert farm.had() == {SECOND: 2}
    bought = [f.symbol for f in farm.market.frames["buyer"] if isinstance(f, LeaseUpdate)]
    assert SYMBOL not in bought, "the VMs went on, and nothing bridged"
    farm.until(FIRST_MS + 2 * HOUR)
    assert farm.servers == {}
    assert farm.had() == {}
    assert farm.market.notices() == []


def most_at_once(farm: Hours) -> int:
    """Return the most units that the buyer had at one moment: spot, and windows in their hour."""
    rows: dict[str, Any] = {}
    most = 0
    for frame in farm.market.frames["buyer"]:
        if isinstance(frame, LeaseUpdate):
            rows[frame.lease_id] = frame
            rows = {key: row for key, row in rows.items() if row.state != "ended"}
            units = [r.units for r in rows.values() if begins(r) <= frame.ts_ms < ends(r)]
            most = max(most, sum(units))
    return most


def begins(row: LeaseUpdate) -> int:
    return window_ms(row.symbol) or row.start_ms


def ends(row: LeaseUpdate) -> int:
    return window_ms(row.symbol) + HOUR if window_ms(row.symbol) else MAX_QTY**3


def test_an_hour_on_another_host_is_bridged_by_spot_which_goes_when_it_serves() -> None:
    farm = Hours(NIGHT, spots=3)
    other = farm.add_host()
    farm.ask(2, FIRST)
    farm.ask(2, SECOND, host=other)
    farm.until(FIRST_MS + 2 * HOUR - MINUTE)
    assert farm.least(FIRST_MS + BOOT_MS, FIRST_MS + 2 * HOUR - MINUTE) == 2
    assert farm.had() == {SECOND: 2}, "spot went when the second hour's units served"
    farm.until(FIRST_MS + 2 * HOUR)
    assert farm.had() == {} and farm.servers == {}


def test_max_units_holds_also_while_one_hour_hands_over_to_the_next() -> None:
    farm = Hours(NIGHT | {"max_units": 2}, spots=3)
    other = farm.add_host()
    farm.ask(2, FIRST)
    farm.ask(1, SECOND, host=other)
    farm.until(FIRST_MS + 2 * HOUR)
    assert most_at_once(farm) == 2
    assert farm.had() == {}


def test_spot_before_a_whole_hour_makes_room_for_its_windows() -> None:
    """Hours that are not whole are bought on spot; with room for no more the spot units go."""
    farm = Hours(NIGHT | {"at": "Tue 23:30-01:00", "max_units": 2}, spots=3)
    farm.ask(2, FIRST)
    farm.ask(2, SECOND)
    farm.until(FIRST_MS + 35 * MINUTE)
    assert farm.had() == {SYMBOL: 2, SECOND: 2}
    farm.until(FIRST_MS + 2 * HOUR - MINUTE)
    assert farm.had() == {SECOND: 2}
    assert most_at_once(farm) == 2


def test_what_is_not_had_by_the_hour_is_bought_on_spot() -> None:
    farm = Hours(NIGHT, spots=3)
    farm.ask(1, FIRST)
    farm.until(FIRST_MS + BOOT_MS)
    assert farm.had() == {FIRST: 1, SYMBOL: 1}
    assert list(farm.servers.values()) == ["ready", "ready"]
    farm.until(FIRST_MS + HOUR + MINUTE)
    assert farm.had() == {SYMBOL: 2}
    assert farm.least(FIRST_MS + BOOT_MS, FIRST_MS + 2 * HOUR) == 2
    farm.until(FIRST_MS + 2 * HOUR + MINUTE)
    assert farm.had() == {}


def test_a_dearer_window_is_left_and_a_bid_rests_at_the_rules_price() -> None:
    farm = Hours(NIGHT)
    farm.ask(2, FIRST, price_ucr=110_000)
    farm.until(farm.now_ms + 5 * MINUTE)
    assert farm.had() == {}
    bids = [row for row in farm.market.engine.order_list("buyer") if row.leaves_qty]
    assert {(row.symbol, row.price_ucr, row.leaves_qty) for row in bids} == {
        (FIRST, 100_000, 2),
        (SECOND, 100_000, 2),
    }
    farm.until(farm.now_ms + 10 * MINUTE)
    assert len([row for row in farm.market.engine.order_list("buyer") if row.leaves_qty]) == 2


@pytest.mark.parametrize(
    ("limits", "first", "second"),
    [
        ({"budget_day": 0.1}, 1, 1),  # the second hour begins after midnight
        ({"budget_month": 0.3}, 2, 1),
        ({"budget_day": 0.05}, 0, 0),
    ],
)
def test_what_is_committed_counts_against_the_budget_of_its_day(
    limits: dict[str, float], first: int, second: int
) -> None:
    farm = Hours(NIGHT | limits)
    farm.ask(3, FIRST, price_ucr=100_000)
    farm.ask(3, SECOND, price_ucr=100_000)
    farm.until(FIRST_MS - MINUTE)
    assert (farm.had().get(FIRST, 0), farm.had().get(SECOND, 0)) == (first, second)
    farm.until(FIRST_MS + HOUR + MINUTE)
    charged = farm.manager.budget.sums("night", farm.now_ms)
    posted = [f.amount_ucr for f in farm.market.frames["buyer"] if isinstance(f, Charge)]
    assert len(posted) == bool(first)
    assert (charged.day_ucr, charged.month_ucr) == (0, sum(posted)), "it was yesterday's"


def test_a_lost_host_costs_the_hour_to_come_and_the_one_that_runs() -> None:
    farm = Hours(NIGHT, spots=0)
    other = farm.add_host()
    farm.ask(2, FIRST)
    farm.ask(2, SECOND)
    farm.until(START_MS + MINUTE)
    assert farm.had() == {FIRST: 2, SECOND: 2}
    farm.lose(0)
    farm.ask(2, FIRST, host=other)
    farm.ask(2, SECOND, host=other)
    farm.until(START_MS + 12 * MINUTE)
    assert farm.had() == {FIRST: 2, SECOND: 2}, "bought again elsewhere"
    third = farm.add_host()
    farm.ask(2, host=third)
    farm.until(FIRST_MS + 10 * MINUTE)
    farm.lose(other)
    farm.until(FIRST_MS + 15 * MINUTE)
    assert farm.had() == {SYMBOL: 2}
    assert list(farm.servers.values()) == ["ready", "ready"]


def test_a_window_of_a_fallback_class_counts_as_one_unit_each() -> None:
    farm = Hours(NIGHT | {"fallback_class": "medium"})
    farm.market.announce("seller", farm.hosts[0], 100, ("small", "medium"))
    farm.ask(1, FIRST)
    farm.ask(3, window(FIRST_MS, "medium"))
    farm.start()
    farm.until(FIRST_MS + BOOT_MS)
    assert farm.had() == {FIRST: 1, window(FIRST_MS, "medium"): 1}
    assert list(farm.servers.values()) == ["ready", "ready"]


def test_a_rule_that_may_not_buy_takes_its_bids_back() -> None:
    farm = Hours(NIGHT)
    farm.until(START_MS + MINUTE)
    config = replace(farm.manager.config, buying=False)
    farm.do(farm.manager.reconfigure(config, farm.now_ms))
    farm.until(START_MS + 2 * MINUTE)
    assert [row for row in farm.market.engine.order_list("buyer") if row.leaves_qty] == []


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    restarts=st.lists(st.integers(0, 180), max_size=5),
    first=st.integers(0, 3),
    second=st.integers(0, 3),
    spots=st.integers(0, 4),
    elsewhere=st.booleans(),
    max_units=st.sampled_from([None, 2, 3]),
    budget=st.sampled_from([None, 0.2, 0.5]),
)
@example(restarts=[126, 149], first=1, second=3, spots=4, elsewhere=False, max_units=3, budget=None)
def test_laws_over_any_restart(
    restarts: list[int],
    first: int,
    second: int,
    spots: int,
    elsewhere: bool,
    max_units: int | None,
    budget: float | None,
) -> None:
    """Never more than wanted of an hour, more than ``max_units``, above price or budget; no unit
    outlives its hour; and what was had is what is had without a restart."""
    limits: dict[str, Any] = {} if max_units is None else {"max_units": max_units}
    limits |= {} if budget is None else {"budget_day": budget}
    farm = Hours(NIGHT | limits, spots=spots)
    other = farm.add_host() if elsewhere else 0
    farm.ask(first, FIRST) if first else None
    farm.ask(second, SECOND, host=other) if second else None
    farm.until(START_MS + MINUTE)
    had = farm.had()
    assert had.get(FIRST, 0) <= 2 and had.get(SECOND, 0) <= 2
    for minute in sorted(restarts):
        farm.until(max(farm.now_ms, START_MS + minute * MINUTE))
        farm.start()
        for symbol, units in had.items():
            assert farm.had().get(symbol, 0) in (0, units)
    farm.until(FIRST_MS + 2 * HOUR + 10 * MINUTE)
    assert farm.had() == {}
    assert farm.servers == {}
    frames = [f for f in farm.market.frames["buyer"] if isinstance(f, LeaseUpdate)]
    for symbol in (FIRST, SECOND):
        granted = {f.lease_id: f.units for f in frames if f.symbol == symbol}
        assert sum(granted.values()) == had.get(symbol, 0)
    assert all(frame.price_ucr <= 100_000 for frame in frames)
    if max_units is not None:
        assert most_at_once(farm) <= max_units
    if budget is not None:
        spent = Counter[int]()
        for f in farm.market.frames["buyer"]:
            if isinstance(f, Charge):
                spent[f.from_ms // (24 * HOUR)] += f.amount_ucr
        assert all(ucr <= budget * 1_000_000 for ucr in spent.values())


def listed(start_ms: int) -> InstrumentUpdate:
    symbol = window_symbol("small", "eu-de", "flat", start_ms)
    times = (start_ms, start_ms + HOUR, start_ms - 3 * MINUTE)
    return InstrumentUpdate(
        symbol, "open", 1, "small", "eu-de", "DE", "flat", symbol.split(".")[3], *times
    )


@pytest.mark.parametrize(
    ("at", "day", "hours"),
    [
        ("Sat 18:00-20:00", "2026-10-24", [16, 17]),  # summer time
        ("Sun 18:00-20:00", "2026-10-25", [17, 18]),  # winter time
        ("Sun 02:00-03:00", "2026-10-25", [0, 1]),  # the hour that comes twice
        ("Sun 02:00-03:00", "2026-03-29", []),  # the hour that is missing
        ("Sun 01:00-04:00", "2026-03-29", [0, 1]),
    ],
)
def test_hours_are_those_of_the_local_clock(at: str, day: str, hours: list[int]) -> None:
    fields = NIGHT | {"at": at, "timezone": "Europe/Berlin"}
    manager = new_manager(fields)
    midnight_ms = int(datetime.fromisoformat(f"{day}T00:00+00:00").timestamp()) * 1000
    now_ms = midnight_ms - 12 * HOUR
    manager.apply(Connected(0, [], [], [], now_ms), now_ms)
    outs = [manager.apply(listed(midnight_ms + hour * HOUR), now_ms) for hour in range(24)]
    placed = [order.symbol for out in outs for order in requests(out, OrderPlace)]
    assert [int(symbol[-2:]) for symbol in placed] == hours


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"do": "release all", "price_max": None}, "forward: belongs to a rule that buys"),
        ({"at": None, "when": "util > 70"}, "forward: belongs to at"),
    ],
)
def test_where_forward_belongs(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(RuleError, match=why):
        rule(**NIGHT | fields)
