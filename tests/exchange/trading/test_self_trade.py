"""Self-trade prevention, as a table (rules.md 4.3)."""

import pytest

from tests.exchange.support.case import Case, buy, money, no, play, sell

SELF_TRADES = [
    Case(
        "self_trade-cancel_newest_is_the_default",
        [sell("cat.s", 3, 100), buy("cat.c", 5, 100)],
        book="| cat.s 3@100",
        orders="cat.c canceled 0/5 self_trade",
        frames={"cat.c": "new canceled", "cat.s": "new"},
    ),
    Case(
        "self_trade-cancel_newest_trades_what_is_before",
        [sell("ann.a", 2, 100), sell("cat.s", 3, 100), buy("cat.c", 5, 100)],
        trades="2@100 ann.a cat.c",
        book="| cat.s 3@100",
        orders="ann.a filled 2/2; cat.c canceled 2/5 self_trade",
        frames={"cat.c": "new trade canceled"},
    ),
    Case(
        "self_trade-cancel_newest_never_passes_an_own_order",
        [sell("cat.s", 3, 100), sell("ann.a", 2, 100), buy("cat.c", 5, 105)],
        book="| cat.s 3@100 ann.a 2@100",
        orders="cat.c canceled 0/5 self_trade",
    ),
    Case(
        "self_trade-the_scan_follows_the_queue_over_levels",
        [
            sell("ann.a", 2, 100),
            sell("cat.s", 3, 101),
            sell("bob.b", 2, 102),
            buy("cat.c", 5, 102),
        ],
        trades="2@100 ann.a cat.c",
        book="| cat.s 3@101 bob.b 2@102",
        orders="ann.a filled 2/2; cat.c canceled 2/5 self_trade",
    ),
    Case(
        "self_trade-filled_before_the_own_order_is_reached",
        [sell("ann.a", 5, 100), sell("cat.s", 3, 100), buy("cat.c", 5, 100)],
        trades="5@100 ann.a cat.c",
        book="| cat.s 3@100",
        orders="ann.a filled 5/5; cat.c filled 5/5",
    ),
    Case(
        "self_trade-cancel_newest_of_a_sale",
        [buy("ann.a", 2, 100), buy("cat.s", 3, 100), sell("cat.c", 5, 90), money("cat", held=332)],
        trades="2@100 ann.a cat.c",
        book="cat.s 3@100 |",
        orders="ann.a filled 2/2; cat.c canceled 2/5 self_trade",
    ),
    Case(
        "self_trade-cancel_oldest_clears_the_way",
        [
            sell("cat.s", 3, 100),
            sell("ann.a", 2, 100),
            buy("cat.c", 5, 100, stp="cancel_oldest"),
        ],
        trades="2@100 ann.a cat.c",
        book="cat.c 3@100 |",
        orders=("cat.s canceled 0/3 self_trade; ann.a filled 2/2; cat.c partially_filled 2/5"),
        frames={"cat.s": "new canceled", "cat.c": "new trade"},
    ),
    Case(
        "self_trade-cancel_oldest_spares_what_is_not_reached",
        [
            sell("ann.a", 5, 100),
            sell("cat.s", 3, 100),
            buy("cat.c", 5, 100, stp="cancel_oldest"),
        ],
        trades="5@100 ann.a cat.c",
        book="| cat.s 3@100",
        orders="ann.a filled 5/5; cat.c filled 5/5",
    ),
    Case(
        "self_trade-cancel_oldest_several",
        [
            sell("cat.s", 1, 99),
            sell("cat.t", 1, 100),
            sell("cat.u", 1, 101),
            buy("cat.c", 5, 100, stp="cancel_oldest"),
        ],
        book="cat.c 5@100 | cat.u 1@101",
        orders="cat.s canceled 0/1 self_trade; cat.t canceled 0/1 self_trade",
    ),
    Case(
        "self_trade-cancel_both_ends_both",
        [sell("cat.s", 3, 100), sell("ann.a", 2, 100), buy("cat.c", 5, 100, stp="cancel_both")],
        book="| ann.a 2@100",
        orders="cat.s canceled 0/3 self_trade; cat.c canceled 0/5 self_trade",
    ),
    Case(
        "self_trade-cancel_both_after_some_fills",
        [sell("ann.a", 2, 100), sell("cat.s", 3, 100), buy("cat.c", 5, 100, stp="cancel_both")],
        trades="2@100 ann.a cat.c",
        orders=("ann.a filled 2/2; cat.s canceled 0/3 self_trade; cat.c canceled 2/5 self_trade"),
    ),
    Case(
        "self_trade-cancel_both_meets_only_the_first",
        [
            sell("cat.s", 1, 100),
            sell("cat.t", 1, 100),
            buy("cat.c", 5, 100, stp="cancel_both"),
        ],
        book="| cat.t 1@100",
        orders="cat.s canceled 0/1 self_trade; cat.c canceled 0/5 self_trade",
    ),
    Case(
        "self_trade-decrement_shrinks_the_larger_taker",
        [
            sell("cat.s", 3, 100),
            sell("ann.a", 1, 100),
            buy("cat.c", 5, 100, stp="decrement_and_cancel"),
        ],
        trades="1@100 ann.a cat.c",
        book="cat.c 1@100 |",
        orders="cat.s canceled 0/3 self_trade; ann.a filled 1/1; cat.c partially_filled 1/2",
        frames={"cat.s": "new canceled", "cat.c": "new replaced trade"},
    ),
    Case(
        "self_trade-decrement_shrinks_the_larger_maker",
        [sell("cat.s", 5, 100), buy("cat.c", 3, 100, stp="decrement_and_cancel")],
        book="| cat.s 2@100",
        orders="cat.c canceled 0/3 self_trade",
        frames={"cat.s": "new replaced", "cat.c": "new canceled"},
    ),
    Case(
        "self_trade-decrement_of_equals_cancels_both",
        [sell("cat.s", 3, 100), buy("cat.c", 3, 100, stp="decrement_and_cancel")],
        orders="cat.s canceled 0/3 self_trade; cat.c canceled 0/3 self_trade",
    ),
    Case(
        "self_trade-a_decremented_maker_keeps_its_place",
        [
            sell("cat.s", 5, 100),
            sell("ann.a", 1, 100),
            buy("cat.c", 3, 100, stp="decrement_and_cancel"),
            buy("bob.b", 3, 100),
        ],
        trades="2@100 cat.s bob.b; 1@100 ann.a bob.b",
        orders=(
            "cat.s filled 2/2; ann.a filled 1/1; cat.c canceled 0/3 self_trade; bob.b filled 3/3"
        ),
    ),
    Case(
        "self_trade-decrement_of_a_part_filled_maker",
        [
            sell("cat.s", 5, 100),
            buy("bob.b", 2, 100),
            buy("cat.c", 1, 100, stp="decrement_and_cancel"),
        ],
        trades="2@100 cat.s bob.b",
        book="| cat.s 2@100",
        orders="cat.s partially_filled 2/4; bob.b filled 2/2; cat.c canceled 0/1 self_trade",
    ),
    Case(
        "self_trade-decrement_gives_back_holds_and_slots",
        [
            sell("cat.s", 100, 60),
            money("cat", held=1000),
            buy("cat.c", 40, 60, stp="decrement_and_cancel"),
            money("cat", held=600),
            sell("cat.d", 40, 61),
            no("insufficient_capacity", sell("cat.e", 1, 61)),
        ],
        book="| cat.s 60@60 cat.d 40@61",
        orders="cat.c canceled 0/40 self_trade",
    ),
    Case(
        "self_trade-the_taker_s_mode_counts_not_the_maker_s",
        [sell("cat.s", 3, 100, stp="cancel_both"), buy("cat.c", 3, 100, stp="cancel_newest")],
        book="| cat.s 3@100",
        orders="cat.c canceled 0/3 self_trade",
    ),
    Case(
        "self_trade-an_ioc_ends_for_the_self_cross_not_as_a_remainder",
        [sell("cat.s", 3, 100), buy("cat.c", 3, 100, time_in_force="ioc")],
        book="| cat.s 3@100",
        orders="cat.c canceled 0/3 self_trade",
    ),
    Case(
        "self_trade-a_market_order_ends_for_the_self_cross",
        [sell("ann.a", 1, 100), sell("cat.s", 3, 100), buy("cat.c", 3)],
        trades="1@100 ann.a cat.c",
        book="| cat.s 3@100",
        orders="ann.a filled 1/1; cat.c canceled 1/3 self_trade",
    ),
]


@pytest.mark.parametrize("case", SELF_TRADES, ids=lambda case: case.name)
def test_matching(case: Case) -> None:
    play(case)
