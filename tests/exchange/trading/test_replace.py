"""Replacing an order, as a table (rules.md 4.2, 4.3)."""

import pytest

from tests.exchange.support.case import Case, buy, cancel, money, no, play, replace, sell

PLACE_IN_THE_QUEUE = [
    Case(
        "replace-decrease_keeps_priority",
        [
            sell("ann.a", 5, 100),
            sell("bob.b", 5, 100),
            replace("ann.a", qty=3),
            buy("cat.c", 4, 100),
        ],
        trades="3@100 ann.a cat.c; 1@100 bob.b cat.c",
        book="| bob.b 4@100",
        orders="ann.a filled 3/3; bob.b partially_filled 1/5; cat.c filled 4/4",
        frames={"ann.a": "new replaced trade"},
    ),
    Case(
        "replace-decrease_of_a_bid_keeps_priority",
        [
            buy("ann.a", 5, 100),
            buy("bob.b", 5, 100),
            replace("ann.a", qty=1),
            sell("cat.c", 2, 100),
        ],
        trades="1@100 ann.a cat.c; 1@100 bob.b cat.c",
        book="bob.b 4@100 |",
        orders="ann.a filled 1/1; bob.b partially_filled 1/5; cat.c filled 2/2",
    ),
    Case(
        "replace-increase_loses_priority",
        [
            sell("ann.a", 5, 100),
            sell("bob.b", 5, 100),
            replace("ann.a", qty=6),
            buy("cat.c", 7, 100),
        ],
        trades="5@100 bob.b cat.c; 2@100 ann.a cat.c",
        book="| ann.a 4@100",
        orders="ann.a partially_filled 2/6; bob.b filled 5/5; cat.c filled 7/7",
    ),
    Case(
        "replace-same_total_and_price_keeps_priority",
        [sell("ann.a", 5, 100), sell("bob.b", 5, 100), replace("ann.a", price=100, qty=5)],
        book="| ann.a 5@100 bob.b 5@100",
        frames={"ann.a": "new replaced"},
    ),
    Case(
        "replace-price_change_loses_priority_even_when_it_shrinks",
        [
            sell("ann.a", 5, 100),
            sell("bob.b", 5, 101),
            replace("ann.a", price=101, qty=2),
        ],
        book="| bob.b 5@101 ann.a 2@101",
    ),
    Case(
        "replace-price_there_and_back_is_last",
        [
            buy("ann.a", 5, 100),
            buy("bob.b", 5, 100),
            replace("ann.a", price=99),
            replace("ann.a", price=100),
        ],
        book="bob.b 5@100 ann.a 5@100 |",
    ),
    Case(
        "replace-qty_is_the_total_not_the_rest",
        [sell("ann.a", 5, 100), buy("cat.c", 2, 100), replace("ann.a", qty=4)],
        trades="2@100 ann.a cat.c",
        book="| ann.a 2@100",
        orders="ann.a partially_filled 2/4; cat.c filled 2/2",
    ),
    Case(
        "replace-increase_of_a_part_filled_order_is_the_total_too",
        [sell("ann.a", 5, 100), buy("cat.c", 2, 100), replace("ann.a", qty=9)],
        trades="2@100 ann.a cat.c",
        book="| ann.a 7@100",
        orders="ann.a partially_filled 2/9; cat.c filled 2/2",
    ),
    Case(
        "replace-decrease_of_a_part_filled_order_keeps_priority",
        [
            sell("ann.a", 5, 100),
            sell("bob.b", 5, 100),
            buy("cat.c", 2, 100),
            replace("ann.a", qty=3),
            buy("cat.d", 2, 100),
        ],
        trades="2@100 ann.a cat.c; 1@100 ann.a cat.d; 1@100 bob.b cat.d",
        book="| bob.b 4@100",
        orders="ann.a filled 3/3; bob.b partially_filled 1/5; cat.c filled 2/2; cat.d filled 2/2",
    ),
    Case(
        "replace-a_better_price_goes_to_the_front",
        [sell("ann.a", 1, 100), sell("bob.b", 1, 101), replace("bob.b", price=99)],
        book="| bob.b 1@99 ann.a 1@100",
    ),
    Case(
        "replace-a_replace_may_trade",
        [sell("ann.a", 3, 100), buy("cat.c", 5, 90), replace("cat.c", price=100)],
        trades="3@100 ann.a cat.c",
        book="cat.c 2@100 |",
        orders="ann.a filled 3/3; cat.c partially_filled 3/5",
        frames={"cat.c": "new replaced trade"},
    ),
    Case(
        "replace-holds_follow_a_replace",
        [
            buy("cat.c", 5, 90),
            money("cat", held=450),
            replace("cat.c", qty=2),
            money("cat", held=180),
            replace("cat.c", price=100),
            money("cat", held=200),
            replace("cat.c", qty=7),
            money("cat", held=700),
        ],
        book="cat.c 7@100 |",
    ),
    Case(
        "replace-bonds_follow_a_replace",
        [
            sell("ann.a", 5, 90),
            money("ann", held=75),
            replace("ann.a", qty=2),
            money("ann", held=30),
            replace("ann.a", price=101),
            money("ann", held=32),
            replace("ann.a", qty=3),
            money("ann", held=48),
        ],
        book="| ann.a 3@101",
    ),
]

FILLED_BY_REPLACE = [
    Case(
        "replace-replace_to_what_is_filled_is_filled",
        [sell("ann.a", 5, 100), buy("cat.c", 2, 100), replace("ann.a", qty=2)],
        trades="2@100 ann.a cat.c",
        orders="ann.a filled 2/2; cat.c filled 2/2",
        frames={"ann.a": "new trade replaced"},
    ),
    Case(
        "replace-replace_to_less_than_is_filled_is_filled_at_what_it_has",
        [buy("ann.a", 5, 100), sell("cat.c", 3, 100), replace("ann.a", qty=1)],
        trades="3@100 ann.a cat.c",
        orders="ann.a filled 3/3; cat.c filled 3/3",
    ),
    Case(
        "replace-the_new_price_does_not_matter_then",
        [
            buy("ann.a", 5, 100),
            sell("cat.c", 3, 100),
            sell("bob.b", 1, 110),
            replace("ann.a", price=120, qty=3),
        ],
        trades="3@100 ann.a cat.c",
        book="| bob.b 1@110",
        orders="ann.a filled 3/3; cat.c filled 3/3",
    ),
    Case(
        "replace-the_rest_is_released",
        [
            buy("ann.a", 5, 100),
            sell("cat.c", 3, 100),
            money("ann", held=500),
            replace("ann.a", qty=3),
            money("ann", held=300),
            no("order_done", cancel("ann.a")),
        ],
        trades="3@100 ann.a cat.c",
        orders="ann.a filled 3/3; cat.c filled 3/3",
    ),
    Case(
        "replace-an_unfilled_order_cannot_end_so",
        [buy("ann.a", 5, 100), replace("ann.a", qty=1)],
        book="ann.a 1@100 |",
    ),
]

WHOLE_OR_NOT_AT_ALL = [
    Case(
        "replace-a_replace_without_money_leaves_order_and_place",
        [
            buy("ann.a", 5, 100),
            buy("bob.b", 5, 100),
            no("insufficient_funds", replace("ann.a", price=10**9, qty=10**6)),
            money("ann", held=500),
        ],
        book="ann.a 5@100 bob.b 5@100 |",
        frames={"ann.a": "new"},
    ),
    Case(
        "replace-a_replace_without_slots_leaves_order_and_place",
        [
            sell("ann.a", 5, 100),
            sell("bob.b", 5, 100),
            no("insufficient_capacity", replace("ann.a", qty=101)),
            money("ann", held=80),
        ],
        book="| ann.a 5@100 bob.b 5@100",
    ),
    Case(
        "replace-all_slots_but_its_own_may_be_taken",
        [sell("ann.a", 60, 100), no("insufficient_capacity", sell("ann.b", 41, 100))],
        book="| ann.a 60@100",
    ),
    Case(
        "replace-its_own_slots_count_for_it",
        [sell("ann.a", 60, 100), replace("ann.a", qty=100)],
        book="| ann.a 100@100",
    ),
    Case(
        "replace-meeting_an_own_order_is_refused",
        [
            sell("ann.s", 5, 105),
            buy("ann.a", 5, 100),
            buy("bob.b", 5, 100),
            no("self_trade", replace("ann.a", price=105)),
        ],
        book="ann.a 5@100 bob.b 5@100 | ann.s 5@105",
        frames={"ann.a": "new"},
    ),
    Case(
        "replace-an_own_order_behind_what_fills_it_is_not_met",
        [
            sell("bob.b", 5, 105),
            sell("ann.s", 5, 105),
            buy("ann.a", 5, 100),
            replace("ann.a", price=105),
        ],
        trades="5@105 bob.b ann.a",
        book="| ann.s 5@105",
        orders="bob.b filled 5/5; ann.a filled 5/5",
    ),
    Case(
        "replace-an_own_order_met_after_some_fills_is_refused_whole",
        [
            sell("bob.b", 4, 105),
            sell("ann.s", 5, 105),
            buy("ann.a", 5, 100),
            no("self_trade", replace("ann.a", price=105)),
        ],
        book="ann.a 5@100 | bob.b 4@105 ann.s 5@105",
    ),
    Case(
        "replace-an_own_order_beyond_the_price_is_not_met",
        [
            sell("bob.b", 4, 105),
            sell("ann.s", 5, 106),
            buy("ann.a", 5, 100),
            replace("ann.a", price=105),
        ],
        trades="4@105 bob.b ann.a",
        book="ann.a 1@105 | ann.s 5@106",
        orders="bob.b filled 4/4; ann.a partially_filled 4/5",
    ),
    Case(
        "replace-other_modes_replace_and_prevent",
        [
            sell("ann.s", 5, 105),
            buy("ann.a", 5, 100, stp="cancel_oldest"),
            replace("ann.a", price=105),
        ],
        book="ann.a 5@105 |",
        orders="ann.s canceled 0/5 self_trade",
        frames={"ann.a": "new replaced", "ann.s": "new canceled"},
    ),
    Case(
        "replace-decrement_on_replace",
        [
            sell("ann.s", 2, 105),
            buy("ann.a", 5, 100, stp="decrement_and_cancel"),
            replace("ann.a", price=105),
        ],
        book="ann.a 3@105 |",
        orders="ann.s canceled 0/2 self_trade",
        frames={"ann.a": "new replaced replaced", "ann.s": "new canceled"},
    ),
    Case(
        "replace-cancel_both_on_replace",
        [
            sell("ann.s", 2, 105),
            buy("ann.a", 5, 100, stp="cancel_both"),
            replace("ann.a", price=105),
        ],
        orders="ann.s canceled 0/2 self_trade; ann.a canceled 0/5 self_trade",
        frames={"ann.a": "new replaced canceled"},
    ),
    Case(
        "replace-a_post_only_order_may_not_cross_by_replace",
        [
            sell("bob.b", 5, 105),
            buy("ann.a", 5, 100, post_only=True),
            no("post_only_would_cross", replace("ann.a", price=105)),
            replace("ann.a", price=104),
        ],
        book="ann.a 5@104 | bob.b 5@105",
    ),
    Case(
        "replace-a_bond_is_checked_at_the_best_bid_of_a_crossing_replace",
        [
            buy("bob.b", 5, 100),
            sell("ann.a", 5, 120),
            money("ann", held=100),
            replace("ann.a", price=60),
            money("ann", held=80),
        ],
        trades="5@100 bob.b ann.a",
        orders="bob.b filled 5/5; ann.a filled 5/5",
    ),
]

CASES = [*PLACE_IN_THE_QUEUE, *FILLED_BY_REPLACE, *WHOLE_OR_NOT_AT_ALL]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_matching(case: Case) -> None:
    play(case)
