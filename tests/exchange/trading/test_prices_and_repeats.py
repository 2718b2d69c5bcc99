"""Foreign orders, fok and min_qty, prices, repeated requests (rules.md 4.1, 4.4, 4.5, 4.6)."""

import pytest

from exchange.units import MS_PER_DAY
from exchange.wire.admin_requests import AdminDeposit, AdminHalt
from exchange.wire.requests import OrderCancel, OrderReplace
from exchange.wire.results import FillRow
from tests.exchange.support.case import (
    Case,
    buy,
    cancel,
    mass_cancel,
    money,
    no,
    play,
    replace,
    says,
    sell,
    tell,
    wait,
)
from tests.exchange.support.market import NANO

OTHERS_ORDERS = [
    Case(
        "others-cancel_of_another_s_order",
        [
            buy("ann.a", 5, 100),
            no("unknown_order", tell(OrderCancel(req_id=1, order_id="o-1"), "bob")),
        ],
        book="ann.a 5@100 |",
        frames={"ann.a": "new"},
    ),
    Case(
        "others-replace_of_another_s_order",
        [
            buy("ann.a", 5, 100),
            no("unknown_order", tell(OrderReplace(req_id=1, order_id="o-1", qty=1), "bob")),
        ],
        book="ann.a 5@100 |",
    ),
    Case(
        "others-another_s_done_order_is_unknown_too",
        [
            buy("ann.a", 5, 100),
            cancel("ann.a"),
            no("unknown_order", tell(OrderCancel(req_id=1, order_id="o-1"), "bob")),
            no("order_done", tell(OrderCancel(req_id=1, order_id="o-1"), "ann")),
        ],
        orders="ann.a canceled 0/5 user",
    ),
    Case(
        "others-client_order_ids_are_per_account",
        [buy("ann.a", 5, 100), no("unknown_order", cancel("bob.a")), buy("bob.a", 1, 100)],
        book="ann.a 5@100 bob.a 1@100 |",
    ),
    Case(
        "others-ids_that_never_were",
        [
            no("unknown_order", tell(OrderCancel(req_id=1, order_id="o-1"), "ann")),
            no("unknown_order", tell(OrderCancel(req_id=1, order_id="o-"), "ann")),
            no("unknown_order", tell(OrderCancel(req_id=1, order_id="1"), "ann")),
            no("unknown_order", tell(OrderCancel(req_id=1, order_id="o-01"), "ann")),
            no("unknown_order", cancel("ann.a")),
            no("unknown_order", replace("ann.a", qty=1)),
        ],
    ),
    Case(
        "others-another_spelling_of_an_id_is_unknown",
        [
            buy("ann.a", 5, 100),
            no("unknown_order", tell(OrderCancel(req_id=1, order_id="o-01"), "ann")),
            no("unknown_order", tell(OrderCancel(req_id=1, order_id="1"), "ann")),
            tell(OrderCancel(req_id=1, order_id="o-1"), "ann"),
        ],
        orders="ann.a canceled 0/5 user",
    ),
    Case(
        "others-mass_cancel_is_for_one_account",
        [
            buy("ann.a", 5, 100),
            buy("bob.b", 5, 100),
            sell("ann.s", 5, 101),
            says(mass_cancel("ann"), canceled=2),
        ],
        book="bob.b 5@100 |",
        orders="ann.a canceled 0/5 mass_cancel; ann.s canceled 0/5 mass_cancel",
    ),
    Case(
        "others-mass_cancel_of_a_side",
        [
            buy("ann.a", 5, 100),
            sell("ann.s", 5, 101),
            says(mass_cancel("ann", side="sell"), canceled=1),
        ],
        book="ann.a 5@100 |",
        orders="ann.s canceled 0/5 mass_cancel",
    ),
    Case(
        "others-mass_cancel_of_a_symbol",
        [
            buy("ann.a", 5, 100),
            buy("ann.n", 5, 100, symbol=NANO),
            says(mass_cancel("ann", symbol=NANO), canceled=1),
            says(mass_cancel("ann", symbol=NANO), canceled=0),
            no("unknown_instrument", mass_cancel("ann", symbol="no.such.flat.spot")),
        ],
        book="ann.a 5@100 |",
        orders="ann.n canceled 0/5 mass_cancel",
    ),
]

NEVER_RESTS = [
    Case(
        "never_rests-a_fok_never_rests",
        [buy("ann.a", 5, 100, time_in_force="fok")],
        orders="ann.a canceled 0/5 fok_not_filled",
    ),
    Case(
        "never_rests-a_resting_order_fills_in_parts_whatever_its_min_qty",
        [sell("bob.b", 3, 100), buy("ann.a", 9, 100, min_qty=3), sell("cat.c", 1, 100)],
        trades="3@100 bob.b ann.a; 1@100 ann.a cat.c",
        book="ann.a 5@100 |",
        orders="bob.b filled 3/3; ann.a partially_filled 4/9; cat.c filled 1/1",
    ),
]

PRICES = [
    Case(
        "price-a_buyer_pays_the_resting_ask",
        [sell("ann.a", 2, 100), buy("cat.c", 2, 150), money("cat", held=200)],
        trades="2@100 ann.a cat.c",
        orders="ann.a filled 2/2; cat.c filled 2/2",
    ),
    Case(
        "price-a_seller_gets_the_resting_bid",
        [
            buy("cat.c", 2, 150),
            sell("ann.a", 2, 100),
            money("cat", held=300),
            money("ann", held=50),
        ],
        trades="2@150 cat.c ann.a",
        orders="cat.c filled 2/2; ann.a filled 2/2",
    ),
    Case(
        "price-best_price_first_each_at_its_own",
        [
            sell("ann.a", 2, 102),
            sell("bob.b", 2, 100),
            sell("dan.d", 2, 101),
            buy("cat.c", 5, 102),
        ],
        trades="2@100 bob.b cat.c; 2@101 dan.d cat.c; 1@102 ann.a cat.c",
        book="| ann.a 1@102",
        orders=("ann.a partially_filled 1/2; bob.b filled 2/2; dan.d filled 2/2; cat.c filled 5/5"),
    ),
    Case(
        "price-best_bid_first_each_at_its_own",
        [buy("ann.a", 2, 100), buy("bob.b", 2, 102), buy("dan.d", 2, 101), sell("cat.c", 6, 100)],
        trades="2@102 bob.b cat.c; 2@101 dan.d cat.c; 2@100 ann.a cat.c",
        orders="ann.a filled 2/2; bob.b filled 2/2; dan.d filled 2/2; cat.c filled 6/6",
    ),
    Case(
        "price-equal_prices_by_time",
        [
            sell("ann.a", 1, 100),
            sell("bob.b", 1, 100),
            sell("ann.c", 1, 100),
            buy("cat.c", 2, 100),
        ],
        trades="1@100 ann.a cat.c; 1@100 bob.b cat.c",
        book="| ann.c 1@100",
        orders="ann.a filled 1/1; bob.b filled 1/1; cat.c filled 2/2",
    ),
    Case(
        "price-no_trade_between_prices_that_do_not_meet",
        [sell("ann.a", 1, 101), buy("cat.c", 1, 100)],
        book="cat.c 1@100 | ann.a 1@101",
    ),
]

AGAIN = [
    Case(
        "again-the_same_body_again_is_a_duplicate",
        [
            says(buy("ann.a", 5, 100), duplicate=False, status="new"),
            says(buy("ann.a", 5, 100), duplicate=True, status="new", order_id="o-1"),
            money("ann", held=500),
        ],
        book="ann.a 5@100 |",
        frames={"ann.a": "new"},
    ),
    Case(
        "again-another_req_id_is_the_same_body",
        [buy("ann.a", 5, 100), says(buy("ann.a", 5, 100, req_id=77), duplicate=True)],
        book="ann.a 5@100 |",
    ),
    Case(
        "again-a_duplicate_gets_the_current_outcome",
        [
            buy("ann.a", 5, 100),
            sell("bob.b", 2, 100),
            says(
                buy("ann.a", 5, 100),
                duplicate=True,
                status="partially_filled",
                filled_qty=2,
                leaves_qty=3,
                fills=[FillRow("t-1", 100, 2)],
            ),
        ],
        trades="2@100 ann.a bob.b",
        book="ann.a 3@100 |",
        orders="ann.a partially_filled 2/5; bob.b filled 2/2",
    ),
    Case(
        "again-a_duplicate_of_a_done_order",
        [
            buy("ann.a", 5, 100),
            cancel("ann.a"),
            says(
                buy("ann.a", 5, 100),
                duplicate=True,
                status="canceled",
                reason="user",
                leaves_qty=0,
                filled_qty=0,
            ),
        ],
        orders="ann.a canceled 0/5 user",
    ),
    Case(
        "again-another_body_is_refused",
        [
            buy("ann.a", 5, 100),
            no("duplicate_client_order_id", buy("ann.a", 6, 100), "client_order_id"),
            no("duplicate_client_order_id", buy("ann.a", 5, 101)),
            no("duplicate_client_order_id", sell("ann.a", 5, 100)),
            no("duplicate_client_order_id", buy("ann.a", 5, 100, post_only=True)),
            no("duplicate_client_order_id", buy("ann.a", 5, 100, stp="cancel_both")),
            no("duplicate_client_order_id", buy("ann.a", 5, 100, symbol=NANO)),
        ],
        book="ann.a 5@100 |",
    ),
    Case(
        "again-a_default_spelled_out_is_the_same_body",
        [
            buy("ann.a", 5, 100),
            says(
                buy("ann.a", 5, 100, time_in_force="gtc", stp="cancel_newest", post_only=False),
                duplicate=True,
            ),
        ],
        book="ann.a 5@100 |",
    ),
    Case(
        "again-the_body_is_the_placed_one_not_the_replaced_one",
        [
            buy("ann.a", 5, 100),
            replace("ann.a", price=101, qty=4),
            says(buy("ann.a", 5, 100), duplicate=True, leaves_qty=4),
            no("duplicate_client_order_id", buy("ann.a", 4, 101)),
        ],
        book="ann.a 4@101 |",
    ),
    Case(
        "again-known_for_24_h_after_its_end",
        [
            buy("ann.a", 5, 100),
            cancel("ann.a"),
            wait(MS_PER_DAY - 1),
            says(buy("ann.a", 5, 100), duplicate=True),
            no("duplicate_client_order_id", buy("ann.a", 6, 100)),
        ],
        orders="ann.a canceled 0/5 user",
    ),
    Case(
        "again-free_again_after_24_h",
        [
            buy("ann.a", 5, 100),
            cancel("ann.a"),
            wait(MS_PER_DAY + 1),
            says(buy("ann.a", 5, 100), duplicate=False, order_id="o-2"),
        ],
        book="ann.a 5@100 |",
        orders="ann.a canceled 0/5 user",
    ),
    Case(
        "again-never_free_while_the_order_lives",
        [
            buy("ann.a", 5, 100),
            wait(3 * MS_PER_DAY),
            says(buy("ann.a", 5, 100), duplicate=True),
            no("duplicate_client_order_id", buy("ann.a", 6, 100)),
        ],
        book="ann.a 5@100 |",
    ),
    Case(
        "again-the_24_h_run_from_the_end_not_from_the_placing",
        [
            buy("ann.a", 5, 100),
            wait(2 * MS_PER_DAY),
            cancel("ann.a"),
            wait(MS_PER_DAY - 1),
            says(buy("ann.a", 5, 100), duplicate=True, status="canceled"),
        ],
        orders="ann.a canceled 0/5 user",
    ),
    Case(
        "again-a_refused_order_does_not_use_the_id_up",
        [
            no("insufficient_funds", buy("ann.a", 10**6, 10**9)),
            says(buy("ann.a", 5, 100), duplicate=False, order_id="o-1"),
        ],
        book="ann.a 5@100 |",
    ),
    Case(
        "again-a_duplicate_is_answered_even_when_halted",
        [
            buy("ann.a", 5, 100),
            tell(AdminHalt(req_id=1, halted=True)),
            says(buy("ann.a", 5, 100), duplicate=True),
            no("market_not_open", buy("ann.b", 5, 100)),
        ],
        book="ann.a 5@100 |",
    ),
    Case(
        "again-a_repeated_deposit_has_no_effect",
        [
            tell(AdminDeposit(req_id=1, account="ann", amount_ucr=7, ref="r")),
            says(
                tell(AdminDeposit(req_id=2, account="ann", amount_ucr=7, ref="r")), duplicate=True
            ),
            no(
                "duplicate_ref",
                tell(AdminDeposit(req_id=1, account="ann", amount_ucr=8, ref="r")),
                "ref",
            ),
            says(
                tell(AdminDeposit(req_id=1, account="bob", amount_ucr=8, ref="r")), duplicate=False
            ),
            money("ann", spent=-7),
            money("bob", spent=-8),
        ],
    ),
    Case(
        "again-a_deposit_s_ref_is_free_again_after_24_h",
        [
            tell(AdminDeposit(req_id=1, account="ann", amount_ucr=7, ref="r")),
            wait(MS_PER_DAY - 1),
            no("duplicate_ref", tell(AdminDeposit(req_id=1, account="ann", amount_ucr=8, ref="r"))),
            wait(2),
            tell(AdminDeposit(req_id=1, account="ann", amount_ucr=8, ref="r")),
            money("ann", spent=-15),
        ],
    ),
]

CASES = [*OTHERS_ORDERS, *NEVER_RESTS, *PRICES, *AGAIN]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_matching(case: Case) -> None:
    play(case)
