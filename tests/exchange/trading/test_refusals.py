"""A refusal is an error, never an order (rules.md 3.6): no id, no frame, no trace in the state.

Every refusal of every table is checked for that by `Market.send`; here are the ones with no table
of their own, and what the next order finds afterwards.
"""

import pytest

from exchange.wire.admin_requests import AdminKillSwitch
from exchange.wire.requests import OrderCancel, OrderReplace
from tests.exchange.support.case import (
    Case,
    buy,
    cancel,
    no,
    play,
    replace,
    says,
    scene,
    sell,
    tell,
    wait,
)
from tests.exchange.support.market import START_MS

PAST = START_MS - 1

TERMS = [
    Case(
        "refused-unknown_instrument",
        [no("unknown_instrument", buy("ann.a", 1, 100, symbol="small.eu-de.flat.spo"), "symbol")],
    ),
    Case(
        "refused-a_limit_order_without_price",
        [no("invalid_price", buy("ann.a", 1, None, order_type="limit"), "price_ucr")],
    ),
    Case(
        "refused-gtd_without_its_time",
        [
            no("invalid_field", buy("ann.a", 1, 100, time_in_force="gtd"), "expire_ms"),
            no(
                "invalid_field",
                buy("ann.a", 1, 100, time_in_force="gtd", expire_ms=PAST),
                "expire_ms",
            ),
            no(
                "invalid_field",
                buy("ann.a", 1, 100, time_in_force="gtd", expire_ms=START_MS),
                "expire_ms",
            ),
        ],
    ),
    Case(
        "refused-expire_ms_without_gtd",
        [no("invalid_field", buy("ann.a", 1, 100, expire_ms=START_MS + 1), "expire_ms")],
    ),
    Case(
        "refused-min_qty_above_qty",
        [no("invalid_qty", buy("ann.a", 5, 100, min_qty=6), "min_qty")],
    ),
    Case(
        "refused-post_only_with_what_never_rests",
        [
            no("invalid_field", buy("ann.a", 5, 100, post_only=True, time_in_force="ioc")),
            no("invalid_field", buy("ann.a", 5, 100, post_only=True, time_in_force="fok")),
            no("invalid_field", buy("ann.a", 5, post_only=True), "post_only"),
        ],
    ),
    Case(
        "refused-a_market_order_is_always_ioc",
        [
            no("invalid_field", buy("ann.a", 5, time_in_force="fok"), "time_in_force"),
            no(
                "invalid_field",
                buy("ann.a", 5, time_in_force="gtd", expire_ms=START_MS + 1),
                "time_in_force",
            ),
        ],
    ),
    Case(
        "refused-a_cancel_that_names_nothing",
        [
            no("invalid_field", tell(OrderCancel(req_id=1), "ann")),
            no("invalid_field", tell(OrderReplace(req_id=1, qty=1), "ann")),
        ],
    ),
    Case(
        "refused-what_is_done_is_done",
        [
            sell("ann.a", 1, 100),
            buy("cat.c", 1, 100),
            no("order_done", cancel("ann.a")),
            no("order_done", replace("ann.a", qty=5)),
            no("order_done", tell(OrderCancel(req_id=1, order_id="o-2"), "cat")),
        ],
        trades="1@100 ann.a cat.c",
        orders="ann.a filled 1/1; cat.c filled 1/1",
    ),
    Case(
        "refused-a_done_order_is_forgotten_after_24_h",
        [
            buy("ann.a", 1, 100),
            cancel("ann.a"),
            wait(24 * 3_600_000 + 1),
            buy("ann.b", 1, 100),
            no("unknown_order", cancel("ann.a")),
        ],
        book="ann.b 1@100 |",
        orders="ann.a canceled 0/1 user",
    ),
]

NO_TRACE = [
    Case(
        "no_trace-ids_count_on_as_if_it_had_never_been",
        [
            says(buy("ann.a", 1, 100), order_id="o-1"),
            no("insufficient_funds", buy("ann.b", 10**6, 10**9)),
            no("insufficient_capacity", sell("ann.b", 10**6, 1)),
            no("unknown_instrument", buy("ann.b", 1, 1, symbol="x")),
            says(buy("ann.b", 1, 100), order_id="o-2"),
        ],
        book="ann.a 1@100 ann.b 1@100 |",
    ),
    Case(
        "no_trace-the_client_order_id_is_free_for_any_body",
        [
            no("insufficient_funds", buy("ann.a", 10**6, 10**9)),
            no("invalid_qty", buy("ann.a", 5, 100, min_qty=6)),
            says(sell("ann.a", 7, 103), duplicate=False),
        ],
        book="| ann.a 7@103",
    ),
    Case(
        "no_trace-a_refused_replace_can_be_made_again",
        [
            buy("ann.a", 1, 100),
            tell(AdminKillSwitch(req_id=1, account="bob", enabled=True)),
            no("insufficient_funds", replace("ann.a", price=10**9, qty=10**6)),
            no("kill_switch_active", buy("bob.b", 1, 100)),
            replace("ann.a", price=99),
        ],
        book="ann.a 1@99 |",
        frames={"ann.a": "new replaced"},
    ),
]


@pytest.mark.parametrize("case", [*TERMS, *NO_TRACE], ids=lambda case: case.name)
def test_refusals(case: Case) -> None:
    play(case)


def test_two_markets_one_of_which_refused_much_are_the_same() -> None:
    plain, troubled = scene(), scene()
    for market in (plain, troubled):
        buy("ann.a", 5, 100)(market)
    for step in (
        no("duplicate_client_order_id", buy("ann.a", 6, 100)),
        no("unknown_order", cancel("bob.a")),
        no("insufficient_capacity", sell("bob.b", 101, 100)),
        no("unknown_order", replace("ann.x", qty=1)),
        says(buy("ann.a", 5, 100), duplicate=True),
    ):
        step(troubled)
    for market in (plain, troubled):
        sell("bob.b", 5, 100)(market)
    assert plain.engine.state_hash() == troubled.engine.state_hash()
    assert plain.journal == troubled.journal
    assert plain.frames == troubled.frames
