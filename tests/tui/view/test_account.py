"""The account fold, its tables, and what is said of what happened."""

from typing import get_args

import pytest

from exchange.wire.frames import AccountFrame, BalanceUpdate, Notice, OrderUpdate, VmUpdate
from exchange.wire.reasons import CancelReason, LeaseEnd, RefusalReason
from exchange.wire.types import OrderStatus, RefusedAmounts, Side
from tests.tui.market import SYMBOL, lease, order
from tui.view import portfolio
from tui.view.account import Account, accrued_ucr
from tui.view.text import width_of
from tui.view.words import ENDS, REFUSALS, Refusal, happened, refusal

HOUR_MS = 3_600_000


def members(alias: object) -> list[str]:
    """Return the strings of a Literal, or of a union of Literals."""
    parts = [[arg] if isinstance(arg, str) else members(arg) for arg in get_args(alias)]
    return [name for part in parts for name in part]


def test_orders_live_until_they_are_done() -> None:
    account = Account()
    account.apply(order(1))
    account.apply(order(2, side="sell", price_ucr=31_500))
    assert account.own_levels(SYMBOL) == {(31_000, "buy"): 5, (31_500, "sell"): 5}
    account.apply(order(1, exec_="trade", status="partially_filled", filled=2))
    assert account.own_levels(SYMBOL)[31_000, "buy"] == 3
    assert list(account.own_trades) == ["t-1"]
    done: list[OrderStatus] = ["filled", "canceled", "expired"]
    for status in done:
        account.apply(order(2, side="sell", status=status))
        assert list(account.orders) == ["o-1"]


def test_own_orders_are_found_by_price() -> None:
    account = Account()
    account.apply(order(1, price_ucr=31_000))
    account.apply(order(2, price_ucr=31_100))
    assert [o.order_id for o in account.orders_in(SYMBOL, 31_000, 31_050)] == ["o-1"]
    assert account.orders_in("other", 0, 10**9) == []


def test_money_and_position() -> None:
    account = Account()
    assert not account.known
    account.apply(BalanceUpdate(1, 1, 0, 900, 100, "hold"))
    account.apply(lease(1))
    account.apply(lease(2, side="sell", units=2, price_ucr=10_000))
    assert (account.known, account.available_ucr, account.held_ucr) == (True, 900, 100)
    assert (account.units("buy"), account.units("sell")) == (4, 2)
    assert (account.rate_ucr("buy"), account.rate_ucr("sell")) == (124_800, 20_000)


@pytest.mark.parametrize(
    ("now_ms", "owed_ucr"), [(0, 0), (999, 0), (HOUR_MS // 2, 62_400), (2 * HOUR_MS, 249_600)]
)
def test_what_a_lease_owes_runs_with_time(now_ms: int, owed_ucr: int) -> None:
    assert accrued_ucr(lease(1), now_ms) == owed_ucr


def test_an_ended_lease_and_a_stopped_vm_leave() -> None:
    account = Account()
    account.apply(lease(1))
    account.apply(VmUpdate(2, 2, 0, "v-1", "l-1", "web", "running", []))
    account.apply(VmUpdate(3, 3, 0, "v-1", "l-1", "web", "stopped", []))
    ended = lease(1)
    ended.state = "ended"
    account.apply(ended)
    assert (account.leases, account.vms) == ({}, {})


@pytest.mark.parametrize(("ready_ms", "state"), [(None, "running"), (1, "ready")])
def test_a_vm_whose_guest_serves_is_ready(ready_ms: int | None, state: str) -> None:
    """As `headroom account state` says. (Seen to fail: it said ``running``.)"""
    vm = VmUpdate(3, 3, 0, "v-1", "l-1", "web", "running", [], None, ready_ms)
    row = "".join(text for text, _, _ in portfolio.vm_line(vm, 60))
    assert row.split() == ["└", "web", state]


@pytest.mark.parametrize("width", [30, 34, 46, 60, 79, 100])
def test_rows_fill_every_width(width: int) -> None:
    account = Account()
    account.apply(BalanceUpdate(1, 1, 0, 10**15, 10**12, "deposit"))
    vm = VmUpdate(3, 3, 0, "v-1", "l-1", "web", "running", [])
    lines = [
        portfolio.summary_line(account, width),
        *portfolio.summary_lines(account, width, 0),
        *portfolio.orders_table([order(1)], width, 6, cursor=0),
        *portfolio.leases_table([lease(1)], width, 6, HOUR_MS),
        portfolio.vm_line(vm, width),
    ]
    assert {width_of(line) for line in lines} == {width}


def test_every_reason_has_plain_words() -> None:
    assert sorted(REFUSALS) == sorted(members(RefusalReason))
    assert sorted(ENDS) == sorted({*members(CancelReason), *members(LeaseEnd)})


def test_a_refusal_says_our_words_then_the_exchanges() -> None:
    assert refusal(Refusal("max_qty", "at most 5 units an order", "qty")) == (
        "Refused: more units than your limit allows: at most 5 units an order"
    )
    assert refusal(Refusal("invalid_field", "", "qty")) == "Refused: a field is out of bounds: qty"
    assert refusal(Refusal("of_the_future", "")) == "Refused: of the future"


@pytest.mark.parametrize(
    ("amounts", "text"),
    [
        (
            RefusedAmounts(needed_ucr=12_480_000, available_ucr=3_250_000),
            "it needs 12.48, 3.25 are available",
        ),
        (RefusedAmounts(available_ucr=0), "0.00 are available"),
        (RefusedAmounts(tick_ucr=100), "the tick is 0.0001"),
        (RefusedAmounts(least_ucr=28_000, most_ucr=34_000), "at least 0.028, at most 0.034"),
    ],
)
def test_the_amounts_of_a_refusal_are_said_in_credits(amounts: RefusedAmounts, text: str) -> None:
    """The exchange's own sentence may be worded anew at any time: nothing is read out of it."""
    why = Refusal("insufficient_funds", "7 ucr in words of its own", None, amounts)
    assert refusal(why) == f"Refused: not enough money: {text}"


def ended(filled: int, reason: str, side: Side = "buy") -> OrderUpdate:
    row = order(1, side, 31_000, 400, exec_="canceled", status="canceled", filled=filled)
    row.reason = reason
    return row


HAPPENED: list[tuple[AccountFrame, str]] = [
    (order(1), "Working: buy 5 at 0.0310 · small.eu-de.flat.spot o-1"),
    (
        order(1, exec_="trade", status="filled", filled=5),
        "Bought 5 at 0.0310 · small.eu-de.flat.spot o-1",
    ),
    (
        order(1, side="sell", exec_="trade", status="partially_filled", filled=3),
        "Sold 3 at 0.0310, 2 to go · small.eu-de.flat.spot o-1",
    ),
    (ended(0, "user"), "Canceled buy 400 at 0.0310: at your request · small.eu-de.flat.spot o-1"),
    (ended(0, "no_liquidity"), "Canceled buy 400 at 0.0310: nothing to trade with"),
    (ended(120, "ioc_remainder"), "Bought 120 of 400 at 0.0310; no more on offer"),
    (ended(120, "no_liquidity", "sell"), "Sold 120 of 400 at 0.0310; no more is bid for"),
    (ended(120, "user"), "Bought 120 of 400 at 0.0310; the rest canceled: at your request"),
    (VmUpdate(1, 1, 0, "v-1", "l-1", "web", "failed", [], "boot"), "VM web failed: boot"),
    (VmUpdate(1, 1, 0, "v-1", "l-1", "web", "running", []), "VM web is running"),
    (VmUpdate(1, 1, 0, "v-1", "l-1", "web", "running", [], None, 1), "VM web is ready"),
    (Notice(1, 1, 0, "recall", "l-1"), "l-1 is recalled"),
]


@pytest.mark.parametrize(("frame", "text"), HAPPENED)
def test_what_happened_is_said(frame: AccountFrame, text: str) -> None:
    said = happened(frame, 4)
    assert said is not None
    assert said.text.startswith(text)


def test_a_balance_needs_no_words() -> None:
    assert happened(BalanceUpdate(1, 1, 0, 1, 1, "hold"), 4) is None
