"""What is left of ioc, fok and market orders, and what counts for all or nothing (rules.md 4.4,
4.5)."""

import pytest

from tests.exchange.support.case import Case, buy, money, play, sell, wait
from tests.exchange.support.market import START_MS

REMAINDERS = [
    Case(
        "rest-an_ioc_rest_is_canceled",
        [sell("ann.a", 3, 100), buy("cat.c", 5, 100, time_in_force="ioc")],
        trades="3@100 ann.a cat.c",
        orders="ann.a filled 3/3; cat.c canceled 3/5 ioc_remainder",
        frames={"cat.c": "new trade canceled"},
    ),
    Case(
        "rest-an_ioc_that_meets_nothing_is_canceled",
        [buy("cat.c", 5, 100, time_in_force="ioc"), money("cat", held=0, spent=0)],
        orders="cat.c canceled 0/5 ioc_remainder",
        frames={"cat.c": "new canceled"},
    ),
    Case(
        "rest-a_whole_ioc_is_filled",
        [sell("ann.a", 5, 100), buy("cat.c", 5, 100, time_in_force="ioc")],
        trades="5@100 ann.a cat.c",
        orders="ann.a filled 5/5; cat.c filled 5/5",
    ),
    Case(
        "rest-a_fok_that_cannot_fill_is_canceled",
        [sell("ann.a", 3, 100), buy("cat.c", 5, 100, time_in_force="fok")],
        book="| ann.a 3@100",
        orders="cat.c canceled 0/5 fok_not_filled",
        frames={"cat.c": "new canceled"},
    ),
    Case(
        "rest-a_market_rest_never_rests",
        [sell("ann.a", 3, 100), buy("cat.c", 5)],
        trades="3@100 ann.a cat.c",
        orders="ann.a filled 3/3; cat.c canceled 3/5 no_liquidity",
        frames={"cat.c": "new trade canceled"},
    ),
    Case(
        "rest-a_market_order_in_an_empty_book",
        [buy("cat.c", 5), sell("dan.d", 5)],
        orders="cat.c canceled 0/5 no_liquidity; dan.d canceled 0/5 no_liquidity",
        frames={"cat.c": "new canceled", "dan.d": "new canceled"},
    ),
    Case(
        "rest-a_market_order_goes_ten_percent_beyond_the_best",
        [sell("ann.a", 1, 100), sell("bob.b", 1, 110), sell("bob.e", 1, 111), buy("cat.c", 3)],
        trades="1@100 ann.a cat.c; 1@110 bob.b cat.c",
        book="| bob.e 1@111",
        orders="ann.a filled 1/1; bob.b filled 1/1; cat.c canceled 2/3 no_liquidity",
    ),
    Case(
        "rest-a_market_sale_goes_ten_percent_below_the_best",
        [buy("ann.a", 1, 100), buy("bob.b", 1, 90), buy("bob.e", 1, 89), sell("cat.c", 3)],
        trades="1@100 ann.a cat.c; 1@90 bob.b cat.c",
        book="bob.e 1@89 |",
        orders="ann.a filled 1/1; bob.b filled 1/1; cat.c canceled 2/3 no_liquidity",
    ),
    Case(
        "rest-a_market_order_with_a_protection_price",
        [
            sell("ann.a", 1, 100),
            sell("bob.b", 1, 102),
            buy("cat.c", 3, 101, order_type="market"),
        ],
        trades="1@100 ann.a cat.c",
        book="| bob.b 1@102",
        orders="ann.a filled 1/1; cat.c canceled 1/3 no_liquidity",
    ),
    Case(
        "rest-a_canceled_rest_holds_nothing",
        [
            sell("ann.a", 3, 100),
            buy("cat.c", 5, 120, time_in_force="ioc"),
            money("cat", held=300),
            money("ann", held=48),
        ],
        trades="3@100 ann.a cat.c",
        orders="ann.a filled 3/3; cat.c canceled 3/5 ioc_remainder",
    ),
    Case(
        "rest-a_gtd_order_expires_at_its_time",
        [
            buy("cat.c", 5, 100, time_in_force="gtd", expire_ms=START_MS + 1000),
            wait(999),
            sell("ann.a", 1, 100),
            wait(1),
            sell("ann.b", 1, 100),
            money("cat", held=100),
        ],
        trades="1@100 cat.c ann.a",
        book="| ann.b 1@100",
        orders="cat.c expired 1/5; ann.a filled 1/1",
        frames={"cat.c": "new trade expired"},
    ),
]

AT_ONCE = [
    Case(
        "at_once-fok_counts_several_levels",
        [sell("ann.a", 3, 100), sell("bob.b", 3, 101), buy("cat.c", 5, 101, time_in_force="fok")],
        trades="3@100 ann.a cat.c; 2@101 bob.b cat.c",
        book="| bob.b 1@101",
        orders="ann.a filled 3/3; bob.b partially_filled 2/3; cat.c filled 5/5",
    ),
    Case(
        "at_once-fok_counts_only_up_to_its_limit",
        [sell("ann.a", 3, 100), sell("bob.b", 3, 101), buy("cat.c", 5, 100, time_in_force="fok")],
        book="| ann.a 3@100 bob.b 3@101",
        orders="cat.c canceled 0/5 fok_not_filled",
    ),
    Case(
        "at_once-fok_of_exactly_what_is_there",
        [buy("ann.a", 5, 100), sell("cat.c", 5, 100, time_in_force="fok")],
        trades="5@100 ann.a cat.c",
        orders="ann.a filled 5/5; cat.c filled 5/5",
    ),
    Case(
        "at_once-fok_does_not_count_own_orders",
        [sell("cat.s", 5, 101), sell("ann.a", 3, 100), buy("cat.c", 5, 101, time_in_force="fok")],
        book="| ann.a 3@100 cat.s 5@101",
        orders="cat.c canceled 0/5 fok_not_filled",
    ),
    Case(
        "at_once-fok_does_not_look_behind_an_own_order",
        [
            sell("ann.a", 3, 100),
            sell("cat.s", 1, 100),
            sell("bob.b", 9, 100),
            buy("cat.c", 5, 100, time_in_force="fok"),
        ],
        book="| ann.a 3@100 cat.s 1@100 bob.b 9@100",
        orders="cat.c canceled 0/5 fok_not_filled",
    ),
    Case(
        "at_once-fok_is_feasible_before_an_own_order",
        [
            sell("ann.a", 5, 100),
            sell("cat.s", 1, 100),
            buy("cat.c", 5, 100, time_in_force="fok"),
        ],
        trades="5@100 ann.a cat.c",
        book="| cat.s 1@100",
        orders="ann.a filled 5/5; cat.c filled 5/5",
    ),
    Case(
        "at_once-fok_cancel_oldest_looks_behind_own_orders",
        [
            sell("ann.a", 3, 100),
            sell("cat.s", 1, 100),
            sell("bob.b", 9, 100),
            buy("cat.c", 5, 100, time_in_force="fok", stp="cancel_oldest"),
        ],
        trades="3@100 ann.a cat.c; 2@100 bob.b cat.c",
        book="| bob.b 7@100",
        orders=(
            "ann.a filled 3/3; cat.s canceled 0/1 self_trade; "
            "bob.b partially_filled 2/9; cat.c filled 5/5"
        ),
    ),
    Case(
        "at_once-an_infeasible_cancel_oldest_cancels_nothing",
        [
            sell("ann.a", 3, 100),
            sell("cat.s", 9, 100),
            buy("cat.c", 5, 100, time_in_force="fok", stp="cancel_oldest"),
        ],
        book="| ann.a 3@100 cat.s 9@100",
        orders="cat.c canceled 0/5 fok_not_filled",
        frames={"cat.s": "new", "cat.c": "new canceled"},
    ),
    Case(
        "at_once-fok_cancel_both_stops_at_an_own_order",
        [
            sell("cat.s", 1, 100),
            sell("bob.b", 9, 100),
            buy("cat.c", 5, 100, time_in_force="fok", stp="cancel_both"),
        ],
        book="| cat.s 1@100 bob.b 9@100",
        orders="cat.c canceled 0/5 fok_not_filled",
    ),
    Case(
        "at_once-fok_decrement_stops_at_an_own_order",
        [
            sell("cat.s", 1, 100),
            sell("bob.b", 9, 100),
            buy("cat.c", 5, 100, time_in_force="fok", stp="decrement_and_cancel"),
        ],
        book="| cat.s 1@100 bob.b 9@100",
        orders="cat.c canceled 0/5 fok_not_filled",
        frames={"cat.s": "new"},
    ),
    Case(
        "at_once-fok_sale_across_bids",
        [
            buy("ann.a", 3, 101),
            buy("bob.b", 3, 100),
            sell("cat.c", 6, 100, time_in_force="fok"),
        ],
        trades="3@101 ann.a cat.c; 3@100 bob.b cat.c",
        orders="ann.a filled 3/3; bob.b filled 3/3; cat.c filled 6/6",
    ),
    Case(
        "at_once-a_killed_fok_holds_nothing",
        [
            buy("cat.c", 5, 100, time_in_force="fok"),
            money("cat", held=0),
            sell("ann.a", 100, 100, time_in_force="fok"),
            money("ann", held=0),
            sell("ann.b", 100, 100),
        ],
        book="| ann.b 100@100",
        orders="cat.c canceled 0/5 fok_not_filled; ann.a canceled 0/100 fok_not_filled",
    ),
    Case(
        "at_once-min_qty_met_fills_and_rests",
        [sell("ann.a", 3, 100), buy("cat.c", 5, 100, min_qty=3)],
        trades="3@100 ann.a cat.c",
        book="cat.c 2@100 |",
        orders="ann.a filled 3/3; cat.c partially_filled 3/5",
    ),
    Case(
        "at_once-min_qty_not_met_cancels_the_whole_order",
        [sell("ann.a", 2, 100), buy("cat.c", 5, 100, min_qty=3)],
        book="| ann.a 2@100",
        orders="cat.c canceled 0/5 min_qty_not_met",
        frames={"cat.c": "new canceled"},
    ),
    Case(
        "at_once-min_qty_does_not_count_own_orders",
        [sell("cat.s", 2, 100), sell("ann.a", 2, 100), buy("cat.c", 5, 100, min_qty=2)],
        book="| cat.s 2@100 ann.a 2@100",
        orders="cat.c canceled 0/5 min_qty_not_met",
    ),
    Case(
        "at_once-min_qty_before_an_own_order_fills_then_cancels_the_rest",
        [
            sell("ann.a", 3, 100),
            sell("cat.s", 2, 100),
            sell("bob.b", 2, 100),
            buy("cat.c", 5, 100, min_qty=3),
        ],
        trades="3@100 ann.a cat.c",
        book="| cat.s 2@100 bob.b 2@100",
        orders="ann.a filled 3/3; cat.c canceled 3/5 self_trade",
    ),
    Case(
        "at_once-min_qty_with_ioc",
        [
            sell("ann.a", 3, 100),
            buy("cat.c", 5, 100, min_qty=4, time_in_force="ioc"),
            buy("cat.d", 5, 100, min_qty=2, time_in_force="ioc"),
        ],
        trades="3@100 ann.a cat.d",
        orders=(
            "ann.a filled 3/3; cat.c canceled 0/5 min_qty_not_met; cat.d canceled 3/5 ioc_remainder"
        ),
    ),
    Case(
        "at_once-min_qty_of_a_market_order",
        [
            sell("ann.a", 3, 100),
            buy("cat.c", 5, min_qty=4),
            buy("cat.d", 5, min_qty=3),
        ],
        trades="3@100 ann.a cat.d",
        orders=(
            "ann.a filled 3/3; cat.c canceled 0/5 min_qty_not_met; cat.d canceled 3/5 no_liquidity"
        ),
    ),
    Case(
        "at_once-min_qty_is_for_the_first_moment_only",
        [
            sell("ann.a", 3, 100),
            buy("cat.c", 5, 100, min_qty=3),
            sell("bob.b", 1, 100),
        ],
        trades="3@100 ann.a cat.c; 1@100 cat.c bob.b",
        book="cat.c 1@100 |",
        orders="ann.a filled 3/3; cat.c partially_filled 4/5; bob.b filled 1/1",
    ),
]


CASES = [*REMAINDERS, *AT_ONCE]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_matching(case: Case) -> None:
    play(case)
