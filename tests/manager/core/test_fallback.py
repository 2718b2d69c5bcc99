"""A rule whose own class is not to be had buys units of another one."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.wire.frames import Ack, ErrorReply
from exchange.wire.requests import OrderPlace
from manager.core.classes import fallback_mistakes
from manager.core.core import Manager
from manager.core.messages import Connected, LoadSample, Log, Out
from manager.core.rule_text import RuleError
from tests.manager.core.test_checks import SMALL, logged_in, named, state, told
from tests.manager.farm import BURST, CALM, MINUTE_MS, START_MS, Farm, new_manager, requests, rule

RULE: dict[str, Any] = BURST | {
    "when": "util > 70",
    "zones": ["eu-de", "eu-fr"],
    "fallback_class": "medium",
}
PLACES = [
    "small.eu-de.flat.spot",
    "small.eu-fr.flat.spot",
    "medium.eu-de.flat.spot",
    "medium.eu-fr.flat.spot",
]


def ordered(manager: Manager, outs: list[Out], filled: dict[str, int]) -> list[OrderPlace]:
    """Answer each order with what its symbol fills; return all that were placed."""
    placed = []
    while orders := requests(outs, OrderPlace):
        placed += orders
        outs = []
        for order in orders:
            if order.expire_ms is not None:
                continue
            units = min(order.qty, filled.get(order.symbol, 0))
            status = "filled" if units == order.qty else "canceled"
            result = {"filled_qty": units, "status": status}
            outs += manager.apply(Ack(order.req_id, result=result), START_MS + 1)
    return placed


def fired(fields: dict[str, Any]) -> tuple[Manager, list[Out]]:
    manager = new_manager(fields, CALM)
    manager.apply(Connected(0, [], [], []), START_MS)
    return manager, manager.apply(LoadSample(900.0, START_MS + 1), START_MS + 1)


def test_zones_come_first_then_the_fallback_and_the_rest_is_bid_for_in_its_own_class() -> None:
    placed = ordered(*fired(RULE), {"medium.eu-fr.flat.spot": 1})
    assert [order.symbol for order in placed] == [*PLACES, PLACES[0]]
    assert [order.qty for order in placed] == [4, 4, 4, 4, 3]
    assert {order.price_ucr for order in placed} == {100_000}
    assert [order.time_in_force for order in placed] == ["ioc"] * 4 + ["gtd"]


def test_several_classes_are_tried_in_their_order() -> None:
    fields = RULE | {"zones": ["eu-de"], "fallback_class": ["medium", "large"]}
    placed = ordered(*fired(fields), {"medium.eu-de.flat.spot": 1, "large.eu-de.flat.spot": 9})
    assert [(order.symbol.split(".")[0], order.qty) for order in placed] == [
        ("small", 4),
        ("medium", 4),
        ("large", 3),
    ]


def test_a_refusal_and_a_price_below_the_tick_lead_on_too() -> None:
    manager, _ = logged_in(RULE | {"zones": ["eu-de"]}, replace(SMALL, tick_ucr=200_000))
    manager.apply(named("medium.eu-de.flat.spot"), START_MS)
    outs = manager.apply(LoadSample(900.0, START_MS + 1), START_MS + 1)
    assert [order.symbol for order in requests(outs, OrderPlace)] == ["medium.eu-de.flat.spot"]
    manager, outs = fired(RULE | {"zones": ["eu-de"]})
    (order,) = requests(outs, OrderPlace)
    outs = manager.apply(ErrorReply(order.req_id, "market_not_open", "no"), START_MS + 1)
    assert [order.symbol for order in requests(outs, OrderPlace)] == ["medium.eu-de.flat.spot"]


def test_the_log_says_so_and_units_of_it_serve_and_go_like_others() -> None:
    farm = Farm(RULE, CALM)
    farm.paper.sold_out = ("small",)
    farm.load(90, for_ms=3 * MINUTE_MS)
    lines = [line for _, line, _ in farm.paper.log]
    assert "rule burst: 4 units of small not to be had in any zone: tries medium" in lines
    assert farm.counts() == (4, 0, 4)
    assert {lease.row.symbol for lease in farm.paper.leases.values()} == {PLACES[2]}
    farm.restart()
    farm.load(20)
    assert farm.counts() == (4, 0, 4)
    farm.load(10, for_ms=30 * MINUTE_MS)
    assert farm.counts() == (0, 0, 0)


def test_a_class_that_the_exchange_has_not_is_named_and_the_other_goes_on() -> None:
    fields = RULE | {"zones": ["eu-de"], "fallback_class": "big"}
    manager, outs = logged_in(fields, SMALL)
    problem = "class 'big' is not at the exchange, which has small"
    assert told(outs) == [f"rule burst: {problem}"]
    assert state(manager) == ("ready", ())


@pytest.mark.parametrize(
    ("own", "fallback", "mistakes"),
    [
        ("small", ("medium", "large"), []),
        ("small", ("meduim",), ["unknown class 'meduim'; there are nano, small, medium, large"]),
        ("small", ("small",), ["'small' is the class of the stored VM itself"]),
        ("small", ("large", "large"), ["'large' is named twice"]),
        ("small", ("nano",), ["'nano' is smaller than 'small', which the stored VM needs"]),
        ("gpu", ("gpu-big",), []),
    ],
)
def test_which_classes_can_stand_in(
    own: str, fallback: tuple[str, ...], mistakes: list[str]
) -> None:
    assert list(fallback_mistakes(own, fallback)) == mistakes


@pytest.mark.parametrize("wrong", [[], ["a"] * 9])
def test_a_list_has_bounds(wrong: list[str]) -> None:
    with pytest.raises(RuleError, match="fallback_class: a class, or a list of 1 to 8"):
        rule(**RULE | {"fallback_class": wrong})
    with pytest.raises(RuleError, match="fallback_class: belongs to a rule that buys"):
        rule(**CALM | {"fallback_class": "medium"})


STOCK = st.dictionaries(st.sampled_from(PLACES), st.integers(0, 4))


@settings(max_examples=60, deadline=None)
@given(STOCK, st.integers(1, 5), st.booleans())
def test_never_more_is_asked_for_than_is_needed(
    stock: dict[str, int], max_units: int, budget: bool
) -> None:
    """At each moment what is filled and what is asked for is no more than the need."""
    fields = RULE | {"max_units": max_units} | ({"budget_day": 0.25} if budget else {})
    need = min(4, max_units, 2 if budget else 4)
    placed = ordered(*fired(fields), stock)
    got = 0
    for order in placed:
        assert order.qty <= need - got
        assert order.price_ucr is not None and order.price_ucr <= 100_000
        got += 0 if order.expire_ms else min(order.qty, stock.get(order.symbol, 0))
    assert got == min(need, sum(stock.values()))


def test_a_fallback_is_told_as_one_line_of_the_log() -> None:
    manager, outs = fired(RULE | {"zones": ["eu-de"]})
    (order,) = requests(outs, OrderPlace)
    result = {"filled_qty": 1, "status": "canceled"}
    outs = manager.apply(Ack(order.req_id, result=result), START_MS + 1)
    assert [out.event for out in outs if isinstance(out, Log)] == ["falls_back"]
