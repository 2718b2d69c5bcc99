"""Limits, bands, halts and the kill switch, as tables (rules.md 3.4, 3.5)."""

import pytest

from exchange.wire.admin_requests import (
    AdminHalt,
    AdminInstrument,
    AdminKillSwitch,
    AdminLimits,
)
from tests.exchange.support.case import (
    Case,
    Step,
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
from tests.exchange.support.market import NANO, SYMBOL


def limit(account: str, **limits: int) -> Step:
    return tell(AdminLimits(req_id=1, account=account, **limits))


def band(ref_ucr: int | None, pct: int, tick_ucr: int = 1) -> Step:
    return tell(
        AdminInstrument(req_id=1, symbol=SYMBOL, ref_ucr=ref_ucr, band_pct=pct, tick_ucr=tick_ucr)
    )


LIMITS = [
    Case(
        "limit-max_qty",
        [
            limit("ann", max_qty=5),
            no("max_qty", buy("ann.a", 6, 100), "qty"),
            buy("ann.a", 5, 100),
            no("max_qty", replace("ann.a", qty=6)),
            buy("bob.b", 6, 100),
        ],
        book="ann.a 5@100 bob.b 6@100 |",
    ),
    Case(
        "limit-max_notional",
        [
            limit("ann", max_notional_ucr=500),
            no("max_notional", buy("ann.a", 5, 101)),
            buy("ann.a", 5, 100),
            no("max_notional", replace("ann.a", price=101)),
            no("max_notional", sell("ann.b", 6, 100)),
        ],
        book="ann.a 5@100 |",
    ),
    Case(
        "limit-max_notional_of_a_market_order_at_its_protection_price",
        [
            limit("cat", max_notional_ucr=499),
            sell("ann.a", 9, 100),
            no("max_notional", buy("cat.c", 5)),
            buy("cat.c", 4),
        ],
        trades="4@100 ann.a cat.c",
        book="| ann.a 5@100",
        orders="ann.a partially_filled 4/9; cat.c filled 4/4",
    ),
    Case(
        "limit-max_open_orders",
        [
            limit("ann", max_open_orders=2),
            buy("ann.a", 1, 100),
            buy("ann.b", 1, 100),
            no("max_open_orders", buy("ann.c", 1, 100)),
            replace("ann.a", price=99),
            cancel("ann.b"),
            buy("ann.c", 1, 100),
        ],
        book="ann.c 1@100 ann.a 1@99 |",
        orders="ann.b canceled 0/1 user",
    ),
    Case(
        "limit-zero_is_unlimited",
        [limit("ann", max_qty=5), limit("ann", max_qty=0), buy("ann.a", 6, 100)],
        book="ann.a 6@100 |",
    ),
    Case(
        "limit-one_left_out_stays",
        [
            limit("ann", max_qty=5),
            limit("ann", max_open_orders=9),
            no("max_qty", buy("ann.a", 6, 100)),
        ],
    ),
    Case(
        "band-around_the_operator_s_reference",
        [
            band(1000, 10),
            no("price_out_of_band", buy("ann.a", 1, 899), "price_ucr"),
            no("price_out_of_band", buy("ann.a", 1, 1101)),
            buy("ann.a", 1, 900),
            sell("bob.b", 1, 1100),
        ],
        book="ann.a 1@900 | bob.b 1@1100",
    ),
    Case(
        "band-around_the_vwap_once_there_are_trades",
        [
            band(1000, 10),
            sell("ann.a", 4, 1100),
            buy("cat.c", 3, 1100),
            no("price_out_of_band", buy("ann.b", 1, 989)),
            buy("ann.b", 1, 990),
            sell("ann.d", 1, 1210),
            no("price_out_of_band", sell("ann.e", 1, 1211)),
        ],
        trades="3@1100 ann.a cat.c",
        book="ann.b 1@990 | ann.a 1@1100 ann.d 1@1210",
        orders="ann.a partially_filled 3/4; cat.c filled 3/3",
    ),
    Case(
        "band-the_vwap_weighs_by_quantity",
        [
            sell("ann.a", 3, 1000),
            sell("ann.b", 1, 2000),
            buy("cat.c", 4, 2000),
            band(None, 20),
            buy("cat.d", 1, 1000),
            no("price_out_of_band", buy("cat.e", 1, 999)),
            no("price_out_of_band", sell("ann.f", 1, 1501)),
            sell("ann.f", 1, 1500),
        ],
        trades="3@1000 ann.a cat.c; 1@2000 ann.b cat.c",
        book="cat.d 1@1000 | ann.f 1@1500",
        orders="ann.a filled 3/3; ann.b filled 1/1; cat.c filled 4/4",
    ),
    Case(
        "band-none_without_a_reference",
        [band(None, 10), buy("ann.a", 1, 1), sell("bob.b", 1, 10**9)],
        book="ann.a 1@1 | bob.b 1@1000000000",
    ),
    Case(
        "band-none_at_zero_percent",
        [band(1000, 0), buy("ann.a", 1, 1), sell("bob.b", 1, 10**9)],
        book="ann.a 1@1 | bob.b 1@1000000000",
    ),
    Case(
        "band-a_replace_stays_inside",
        [
            band(1000, 10),
            buy("ann.a", 1, 900),
            no("price_out_of_band", replace("ann.a", price=899)),
        ],
        book="ann.a 1@900 |",
    ),
    Case(
        "band-a_market_order_does_not_leave_it",
        [
            sell("ann.a", 1, 1000),
            sell("ann.b", 1, 1090),
            band(950, 10),
            buy("cat.c", 2),
        ],
        trades="1@1000 ann.a cat.c",
        book="| ann.b 1@1090",
        orders="ann.a filled 1/1; cat.c canceled 1/2 no_liquidity",
    ),
    Case(
        "tick-prices_are_multiples_of_it",
        [
            band(None, 0, tick_ucr=5),
            no("price_off_tick", buy("ann.a", 1, 101), "price_ucr"),
            buy("ann.a", 1, 105),
            no("price_off_tick", replace("ann.a", price=104)),
        ],
        book="ann.a 1@105 |",
    ),
]

STOPS = [
    Case(
        "halt-keeps_the_book_and_lets_cancels_pass",
        [
            buy("ann.a", 5, 100),
            buy("ann.b", 5, 99),
            tell(AdminHalt(req_id=1, symbol=SYMBOL, halted=True)),
            no("market_not_open", sell("bob.b", 1, 100), "symbol"),
            no("market_not_open", replace("ann.a", qty=1)),
            cancel("ann.b"),
        ],
        book="ann.a 5@100 |",
        orders="ann.b canceled 0/5 user",
    ),
    Case(
        "halt-is_for_one_instrument_or_all",
        [
            tell(AdminHalt(req_id=1, symbol=NANO, halted=True)),
            no("market_not_open", buy("ann.a", 1, 100, symbol=NANO)),
            buy("ann.a", 1, 100),
            tell(AdminHalt(req_id=1, halted=True)),
            no("market_not_open", buy("ann.b", 1, 100)),
            tell(AdminHalt(req_id=1, halted=False)),
            buy("ann.b", 1, 100),
            no("unknown_instrument", tell(AdminHalt(req_id=1, symbol="x", halted=True))),
        ],
        book="ann.a 1@100 ann.b 1@100 |",
    ),
    Case(
        "halt-a_gtd_order_still_expires",
        [
            buy("ann.a", 5, 100, time_in_force="gtd", expire_ms=1_700_000_001_000),
            tell(AdminHalt(req_id=1, halted=True)),
            wait(1000),
        ],
        orders="ann.a expired 0/5",
    ),
    Case(
        "kill_switch-cancels_one_account_and_blocks_it",
        [
            buy("ann.a", 5, 100),
            sell("ann.s", 5, 101),
            buy("bob.b", 5, 100),
            tell(AdminKillSwitch(req_id=1, account="ann", enabled=True)),
            no("kill_switch_active", buy("ann.c", 1, 100)),
            buy("bob.c", 1, 100),
            money("ann", held=0),
        ],
        book="bob.b 5@100 bob.c 1@100 |",
        orders="ann.a canceled 0/5 kill_switch; ann.s canceled 0/5 kill_switch",
    ),
    Case(
        "kill_switch-of_everybody",
        [
            buy("ann.a", 5, 100),
            buy("bob.b", 5, 100),
            tell(AdminKillSwitch(req_id=1, enabled=True)),
            no("kill_switch_active", buy("cat.c", 1, 100)),
            says(mass_cancel("ann"), canceled=0),
            tell(AdminKillSwitch(req_id=1, enabled=False)),
            buy("cat.c", 1, 100),
        ],
        book="cat.c 1@100 |",
        orders="ann.a canceled 0/5 kill_switch; bob.b canceled 0/5 kill_switch",
    ),
    Case(
        "kill_switch-lifting_everybody_s_leaves_one_s_own",
        [
            tell(AdminKillSwitch(req_id=1, account="ann", enabled=True)),
            tell(AdminKillSwitch(req_id=1, enabled=True)),
            tell(AdminKillSwitch(req_id=1, enabled=False)),
            no("kill_switch_active", buy("ann.c", 1, 100)),
            buy("bob.c", 1, 100),
        ],
        book="bob.c 1@100 |",
    ),
    Case(
        "deadline-an_order_sequenced_later_is_refused",
        [
            buy("ann.a", 1, 100, deadline_ms=1_700_000_000_000),
            wait(1),
            no("deadline_passed", buy("ann.b", 1, 100, deadline_ms=1_700_000_000_000)),
        ],
        book="ann.a 1@100 |",
    ),
    Case(
        "post_only-refused_when_it_would_cross",
        [
            sell("bob.b", 1, 100),
            no("post_only_would_cross", buy("ann.a", 1, 100, post_only=True)),
            no("post_only_would_cross", buy("ann.a", 1, 101, post_only=True)),
            buy("ann.a", 1, 99, post_only=True),
        ],
        book="ann.a 1@99 | bob.b 1@100",
    ),
    Case(
        "post_only-refused_when_it_would_cross_an_own_order_too",
        [sell("ann.s", 1, 100), no("post_only_would_cross", buy("ann.a", 1, 100, post_only=True))],
        book="| ann.s 1@100",
    ),
]


@pytest.mark.parametrize("case", [*LIMITS, *STOPS], ids=lambda case: case.name)
def test_before_an_order_trades(case: Case) -> None:
    play(case)
