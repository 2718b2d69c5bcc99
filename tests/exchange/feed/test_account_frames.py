"""The account channel's frames of an order, to the field (protocol.md, "Account channel").

`Hearing` checks the grammar in every test; here stands what a client reads, frame by frame, as
``exec status filled+leaves/qty``, with the fill or the reason behind it.
"""

from typing import NamedTuple

import pytest

from exchange.wire.frames import OrderUpdate
from tests.exchange.support.case import (
    Step,
    buy,
    cancel,
    replace,
    result_of,
    scene,
    sell,
    wait,
)
from tests.exchange.support.market import START_MS, Market


class Heard(NamedTuple):
    """What the owner of ``label`` hears of it while the steps run."""

    name: str
    steps: list[Step]
    label: str
    frames: list[str]


ORDERS = [
    Heard("frames-resting", [buy("ann.a", 5, 100)], "ann.a", ["new new 0+5/5"]),
    Heard(
        "frames-filled_at_once",
        [sell("bob.b", 5, 100), buy("ann.a", 5, 101)],
        "ann.a",
        ["new new 0+5/5", "trade filled 5+0/5 5@100 t-1 taker"],
    ),
    Heard(
        "frames-filled_in_parts_as_maker",
        [buy("ann.a", 5, 100), sell("bob.b", 2, 100), sell("bob.c", 3, 90)],
        "ann.a",
        [
            "new new 0+5/5",
            "trade partially_filled 2+3/5 2@100 t-1 maker",
            "trade filled 5+0/5 3@100 t-2 maker",
        ],
    ),
    Heard(
        "frames-one_trade_frame_per_maker",
        [sell("bob.b", 2, 100), sell("cat.c", 2, 101), buy("ann.a", 5, 101)],
        "ann.a",
        [
            "new new 0+5/5",
            "trade partially_filled 2+3/5 2@100 t-1 taker",
            "trade partially_filled 4+1/5 2@101 t-2 taker",
        ],
    ),
    Heard(
        "frames-canceled",
        [buy("ann.a", 5, 100), cancel("ann.a")],
        "ann.a",
        ["new new 0+5/5", "canceled canceled 0+0/5 user"],
    ),
    Heard(
        "frames-canceled_after_a_part",
        [buy("ann.a", 5, 100), sell("bob.b", 2, 100), cancel("ann.a")],
        "ann.a",
        [
            "new new 0+5/5",
            "trade partially_filled 2+3/5 2@100 t-1 maker",
            "canceled canceled 2+0/5 user",
        ],
    ),
    Heard(
        "frames-an_ioc_that_ends_at_once_begins_with_new",
        [buy("ann.a", 5, 100, time_in_force="ioc")],
        "ann.a",
        ["new new 0+5/5", "canceled canceled 0+0/5 ioc_remainder"],
    ),
    Heard(
        "frames-a_market_order_with_nothing_to_meet",
        [buy("ann.a", 5)],
        "ann.a",
        ["new new 0+5/5", "canceled canceled 0+0/5 no_liquidity"],
    ),
    Heard(
        "frames-expired",
        [buy("ann.a", 5, 100, time_in_force="gtd", expire_ms=START_MS + 1), wait(1)],
        "ann.a",
        ["new new 0+5/5", "expired expired 0+0/5"],
    ),
    Heard(
        "frames-a_decrease_is_one_replaced",
        [buy("ann.a", 5, 100), replace("ann.a", qty=2)],
        "ann.a",
        ["new new 0+5/5", "replaced new 0+2/2"],
    ),
    Heard(
        "frames-a_replace_is_one_replaced_then_its_trades",
        [sell("bob.b", 2, 105), buy("ann.a", 5, 100), replace("ann.a", price=105, qty=6)],
        "ann.a",
        [
            "new new 0+5/5",
            "replaced new 0+6/6",
            "trade partially_filled 2+4/6 2@105 t-1 taker",
        ],
    ),
    Heard(
        "frames-a_replace_under_rule_2_is_one_replaced_already_filled",
        [buy("ann.a", 5, 100), sell("bob.b", 2, 100), replace("ann.a", qty=1)],
        "ann.a",
        [
            "new new 0+5/5",
            "trade partially_filled 2+3/5 2@100 t-1 maker",
            "replaced filled 2+0/2",
        ],
    ),
    Heard(
        "frames-a_decrement_is_replaced_for_self_trade",
        [sell("ann.s", 5, 100), buy("ann.a", 2, 100, stp="decrement_and_cancel")],
        "ann.s",
        ["new new 0+5/5", "replaced new 0+3/3 self_trade"],
    ),
    Heard(
        "frames-a_decremented_taker_goes_on",
        [
            sell("ann.s", 2, 100),
            sell("bob.b", 1, 100),
            buy("ann.a", 5, 100, stp="decrement_and_cancel"),
        ],
        "ann.a",
        [
            "new new 0+5/5",
            "replaced new 0+3/3 self_trade",
            "trade partially_filled 1+2/3 1@100 t-1 taker",
        ],
    ),
    Heard(
        "frames-a_decrement_to_nothing_is_canceled",
        [sell("ann.s", 2, 100), buy("ann.a", 5, 100, stp="decrement_and_cancel")],
        "ann.s",
        ["new new 0+2/2", "canceled canceled 0+0/2 self_trade"],
    ),
]


def text(frame: OrderUpdate) -> str:
    """Return a frame as the table shows it."""
    parts = [
        frame.exec,
        frame.status,
        f"{frame.filled_qty}+{frame.leaves_qty}/{frame.order_qty}",
    ]
    if frame.last_qty is not None:
        parts += [f"{frame.last_qty}@{frame.last_price_ucr}", f"{frame.trade_id}"]
        parts += [f"{frame.liquidity}"]
    return " ".join([*parts, *([frame.reason] if frame.reason else [])])


def run(steps: list[Step]) -> Market:
    market = scene()
    for step in steps:
        step(market)
    return market


@pytest.mark.parametrize("heard", ORDERS, ids=lambda heard: heard.name)
def test_frames_of_an_order(heard: Heard) -> None:
    market = run(heard.steps)
    assert [text(frame) for frame in market.order_frames(heard.label)] == heard.frames


def test_both_sides_hear_of_a_trade_under_the_same_id() -> None:
    market = run([sell("bob.b", 5, 100), buy("ann.a", 5, 100)])
    public, mine, theirs = (
        market.trades[-1],
        market.order_frames("ann.a")[-1],
        market.order_frames("bob.b")[-1],
    )
    assert (public.price_ucr, public.qty, public.taker_side) == (100, 5, "buy")
    assert mine.trade_id == theirs.trade_id == public.trade_id
    assert (mine.liquidity, theirs.liquidity) == ("taker", "maker")
    assert mine.seq == theirs.seq == public.seq == market.engine.seq
    assert mine.ts_ms == theirs.ts_ms == public.ts_ms == market.now_ms


def test_notional_adds_up_over_prices() -> None:
    market = run([sell("bob.b", 2, 100), sell("cat.c", 2, 103), buy("ann.a", 4, 110)])
    notionals = [frame.filled_notional_ucr for frame in market.order_frames("ann.a")]
    assert notionals == [0, 200, 406]


def test_a_balance_that_moved_is_sent_once_and_last() -> None:
    market = run([buy("bob.b", 2, 110), buy("cat.c", 2, 100), sell("ann.a", 4, 90)])
    for account, moved in (("ann", 1), ("bob", 0), ("cat", 0)):
        last = [frame for frame in market.frames[account] if frame.seq == market.engine.seq]
        kinds = [type(frame).__name__ for frame in last]
        assert kinds.count("BalanceUpdate") == moved
        assert kinds[-1] == ("BalanceUpdate" if moved else "LeaseUpdate")
        assert market.money(account) == (
            market.balance_frames(account)[-1].available_ucr,
            market.balance_frames(account)[-1].held_ucr,
        )


def test_numbers_begin_at_1_and_have_no_gap() -> None:
    market = run([sell("bob.b", 2, 100), buy("ann.a", 4, 110), cancel("ann.a")])
    for account, frames in market.frames.items():
        numbers = [frame.account_seq for frame in frames]
        assert numbers == list(range(1, len(numbers) + 1)), account
        assert [frame.seq for frame in frames] == sorted(frame.seq for frame in frames)


def test_a_stranger_hears_nothing() -> None:
    market = scene()
    before = len(market.frames["dan"])
    for step in (sell("bob.b", 2, 100), buy("ann.a", 4, 110), cancel("ann.a")):
        step(market)
    assert len(market.frames["dan"]) == before


def test_the_ack_of_a_replace_lists_its_own_fills_that_of_a_cancel_all() -> None:
    market = run([sell("bob.b", 2, 100), buy("ann.a", 9, 100), sell("bob.c", 3, 105)])
    replaced = result_of(market.replace("ann.a", 105))
    assert [(fill.price_ucr, fill.qty) for fill in replaced.fills] == [(105, 3)]
    canceled = result_of(market.cancel("ann.a"))
    assert [(fill.price_ucr, fill.qty) for fill in canceled.fills] == [(100, 2), (105, 3)]
    assert (canceled.status, canceled.filled_qty, canceled.leaves_qty) == ("canceled", 5, 0)
