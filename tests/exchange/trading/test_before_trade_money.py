"""The money and the slots an order needs, as tables (rules.md 3.1, 3.2, 3.3)."""

import pytest

from exchange.wire.admin_requests import AdminDeposit
from exchange.wire.requests import HostDrain
from tests.exchange.support.case import Case, Step, buy, cancel, money, no, play, sell, tell
from tests.exchange.support.market import NANO, PLENTY_UCR


def purse(account: str, left_ucr: int) -> Step:
    """Leave the account with this much and no more."""
    return tell(
        AdminDeposit(
            req_id=1, account=account, amount_ucr=left_ucr - PLENTY_UCR, ref=f"purse {left_ucr}"
        )
    )


MONEY = [
    Case(
        "holds-a_bid_holds_price_x_qty_for_one_hour",
        [buy("ann.a", 5, 100), money("ann", held=500, spent=0)],
        book="ann.a 5@100 |",
    ),
    Case(
        "holds-every_bid_of_an_account_adds_up",
        [buy("ann.a", 5, 100), buy("ann.b", 2, 7), cancel("ann.a"), money("ann", held=14)],
        book="ann.b 2@7 |",
        orders="ann.a canceled 0/5 user",
    ),
    Case(
        "holds-the_last_ucr_can_be_held",
        [
            purse("ann", 500),
            no("insufficient_funds", buy("ann.a", 1, 501)),
            buy("ann.a", 5, 100),
            no("insufficient_funds", buy("ann.b", 1, 1)),
        ],
        book="ann.a 5@100 |",
    ),
    Case(
        "holds-a_better_price_gives_the_difference_back",
        [purse("cat", 500), sell("ann.a", 5, 60), buy("cat.c", 5, 100), money("cat", held=300)],
        trades="5@60 ann.a cat.c",
        orders="ann.a filled 5/5; cat.c filled 5/5",
    ),
    Case(
        "holds-a_market_order_holds_its_protection_price",
        [
            purse("cat", 549),
            sell("ann.a", 5, 100),
            no("insufficient_funds", buy("cat.c", 5)),
            buy("cat.c", 4),
            money("cat", held=400),
        ],
        trades="4@100 ann.a cat.c",
        book="| ann.a 1@100",
        orders="ann.a partially_filled 4/5; cat.c filled 4/4",
    ),
    Case(
        "holds-a_withdrawal_cannot_touch_them",
        [
            purse("ann", 500),
            buy("ann.a", 4, 100),
            no(
                "insufficient_funds",
                tell(AdminDeposit(req_id=1, account="ann", amount_ucr=-101, ref="w")),
                "amount_ucr",
            ),
            tell(AdminDeposit(req_id=1, account="ann", amount_ucr=-100, ref="w")),
            money("ann", held=400),
        ],
        book="ann.a 4@100 |",
    ),
    Case(
        "bond-ten_minutes_of_the_price_per_unit_rounded_down",
        [
            sell("ann.a", 7, 5),
            money("ann", held=0),
            sell("ann.b", 7, 6),
            money("ann", held=7),
            sell("ann.c", 7, 11),
            money("ann", held=14),
        ],
        book="| ann.a 7@5 ann.b 7@6 ann.c 7@11",
    ),
    Case(
        "bond-a_seller_without_it_is_refused",
        [
            purse("ann", 49),
            no("insufficient_funds", sell("ann.a", 5, 60)),
            sell("ann.a", 4, 60),
            money("ann", held=40),
        ],
        book="| ann.a 4@60",
    ),
    Case(
        "bond-a_crossing_ask_is_checked_at_the_best_bid",
        [
            buy("bob.b", 1, 600),
            purse("ann", 499),
            no("insufficient_funds", sell("ann.a", 5, 60)),
            sell("ann.a", 4, 60),
            money("ann", held=100 + 3 * 10),
        ],
        trades="1@600 bob.b ann.a",
        book="| ann.a 3@60",
        orders="bob.b filled 1/1; ann.a partially_filled 1/4",
    ),
    Case(
        "bond-an_ask_above_the_best_bid_is_checked_at_its_limit",
        [buy("bob.b", 1, 59), purse("ann", 50), sell("ann.a", 5, 60), money("ann", held=50)],
        book="bob.b 1@59 | ann.a 5@60",
    ),
    Case(
        "bond-holds_at_the_trade_price",
        [
            buy("bob.b", 1, 600),
            buy("bob.c", 1, 300),
            sell("ann.a", 2, 60),
            money("ann", held=100 + 50),
        ],
        trades="1@600 bob.b ann.a; 1@300 bob.c ann.a",
        orders="bob.b filled 1/1; bob.c filled 1/1; ann.a filled 2/2",
    ),
    Case(
        "bond-a_canceled_ask_gets_it_back",
        [sell("ann.a", 5, 60), cancel("ann.a"), money("ann", held=0, spent=0)],
        orders="ann.a canceled 0/5 user",
    ),
]

SLOTS = [
    Case(
        "slots-no_naked_selling",
        [no("insufficient_capacity", sell("ann.a", 101, 100), "qty"), sell("ann.a", 100, 100)],
        book="| ann.a 100@100",
    ),
    Case(
        "slots-a_resting_ask_uses_them",
        [
            sell("ann.a", 60, 100),
            no("insufficient_capacity", sell("ann.b", 41, 100)),
            sell("ann.b", 40, 100),
        ],
        book="| ann.a 60@100 ann.b 40@100",
    ),
    Case(
        "slots-a_lease_uses_them",
        [
            sell("ann.a", 60, 100),
            buy("bob.b", 60, 100),
            no("insufficient_capacity", sell("ann.b", 41, 100)),
        ],
        trades="60@100 ann.a bob.b",
        orders="ann.a filled 60/60; bob.b filled 60/60",
    ),
    Case(
        "slots-a_canceled_ask_frees_them",
        [sell("ann.a", 60, 100), cancel("ann.a"), sell("ann.b", 100, 100)],
        book="| ann.b 100@100",
        orders="ann.a canceled 0/60 user",
    ),
    Case(
        "slots-only_classes_the_host_can_serve",
        [no("insufficient_capacity", sell("ann.a", 1, 100, symbol=NANO))],
    ),
    Case(
        "slots-named_hosts_only",
        [
            sell("ann.a", 5, 100, hosts=["h-1"]),
            no("unknown_host", sell("ann.b", 5, 100, hosts=["h-99"]), "hosts"),
            no("insufficient_capacity", sell("ann.b", 96, 100, hosts=["h-1"])),
        ],
        book="| ann.a 5@100",
    ),
    Case(
        "slots-another_s_host_backs_nothing",
        [no("unknown_host", sell("ann.a", 5, 100, hosts=["h-2"]))],
    ),
    Case(
        "slots-a_draining_host_withdraws_its_asks_and_takes_no_new_ones",
        [
            sell("ann.a", 5, 100),
            tell(HostDrain(req_id=1, host="h-1", enabled=True), "ann"),
            no("insufficient_capacity", sell("ann.b", 1, 100)),
            tell(HostDrain(req_id=1, host="h-1", enabled=False), "ann"),
            sell("ann.b", 1, 100),
        ],
        book="| ann.b 1@100",
        orders="ann.a canceled 0/5 capacity_shrunk",
    ),
    Case(
        "slots-a_buyer_names_no_hosts",
        [no("invalid_field", buy("ann.a", 5, 100, hosts=["h-1"]), "hosts")],
    ),
]


@pytest.mark.parametrize("case", [*MONEY, *SLOTS], ids=lambda case: case.name)
def test_before_an_order_trades(case: Case) -> None:
    play(case)
