"""A request that has many orders gone through costs as many as it takes the time of."""

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from msgspec import convert

from exchange.bucket import DEBT_S
from exchange.engine import account_pages
from exchange.model.lease import Lease, Vm
from exchange.model.records import Image
from exchange.session.limits import (
    ANSWERS_PER_S,
    ANSWERS_SAVED_S,
    LOOKED_AT_BYTES,
    LOOKED_AT_PER_TOKEN,
)
from exchange.wire.requests import VmStart
from exchange.wire.results import Refused
from tests.exchange.gateway.test_gateway import Rig, hosting
from tests.exchange.session.test_costs import add_trader, bid
from tests.exchange.support.harness import SYMBOL

PER_S = 100
VM_START = {"req_id": 1, "lease_id": "l-1", "name": "web", "image": "0" * 64}
DEPTH = 800
CROWD = 60_000
MORE = 900
"""Units that nobody has bids for."""
Look: TypeAlias = Callable[[Rig, int, int], dict[str, Any]]


def deep_book() -> tuple[Rig, dict[str, int]]:
    """Return a market in which ann has many bids and alice a host, both at a low rate."""
    rig, alice, _ = hosting()
    operator = rig.log_in("operator")
    add_trader(rig, operator, "ann")
    rig.ask(operator, "admin.deposit", account="ann", amount_ucr=10**12, ref="1")
    rig.ask(operator, "admin.limits", account="ann", orders_per_s=0)
    ann = rig.log_in("ann")
    for number in range(DEPTH):
        bid(rig, ann, number)
    for name in ("ann", "alice"):
        rig.ask(operator, "admin.limits", account=name, orders_per_s=PER_S)
    rig.now_ms += 3_000
    return rig, {"ann": ann, "alice": alice}


def sell(rig: Rig, who: int, number: int, **terms: Any) -> dict[str, Any]:
    order = {"client_order_id": f"s{number}", "symbol": SYMBOL, "side": "sell"}
    return rig.ask(who, "order.place", **order, order_type="limit", qty=MORE, price_ucr=1, **terms)


def drop(rig: Rig, number: int) -> dict[str, Any]:
    """Arm a connection and let it drop."""
    session = rig.log_in("ann")
    reply = rig.ask(session, "order.cancel_on_disconnect", enabled=True)
    rig.gateway.disconnect(session, False, rig.now_ms)
    rig.take()
    return reply


LOOKS: dict[str, tuple[str, int, Look]] = {
    "fok": ("alice", 1, lambda rig, who, n: sell(rig, who, n, time_in_force="fok")),
    "min_qty": ("alice", 1, lambda rig, who, n: sell(rig, who, n, min_qty=MORE)),
    "mass cancel": ("ann", 1, lambda rig, who, _: rig.ask(who, "order.mass_cancel", side="sell")),
    "connections that drop": ("ann", 2, lambda rig, _, n: drop(rig, n)),
}
"""Who does it, and for how many seconds his budget is saved up."""


@pytest.mark.parametrize("look", LOOKS)
def test_who_has_many_orders_gone_through_asks_the_less(look: str) -> None:
    """(Before, each was a request like any other, and took 10 ms and more in a deep book.)"""
    rig, sessions = deep_book()
    name, saved_s, do = LOOKS[look]
    replies = [do(rig, sessions[name], number) for number in range(40)]
    done = [reply["type"] == "ack" for reply in replies]
    tokens = 1 + DEPTH // LOOKED_AT_PER_TOKEN
    assert done.count(True) == -(-PER_S * saved_s // tokens)
    refused = replies[-1]
    assert refused["reason"] == "rate_limited"
    assert refused["retry_after_ms"] <= DEBT_S * 1_000
    rig.now_ms += refused["retry_after_ms"]
    assert do(rig, sessions[name], 99)["type"] == "ack"


def test_a_replace_that_looks_for_own_orders_is_paid_although_it_is_refused() -> None:
    rig, sessions = deep_book()
    alice = sessions["alice"]
    own = {"symbol": SYMBOL, "order_type": "limit", "qty": 1}
    assert rig.ask(alice, "order.place", client_order_id="own", side="buy", price_ucr=1, **own)
    ask = rig.ask(
        alice,
        "order.place",
        client_order_id="ask",
        symbol=SYMBOL,
        side="sell",
        order_type="limit",
        qty=MORE,
        price_ucr=10**6,
    )
    order_id = ask["result"]["order_id"]
    replies = [rig.ask(alice, "order.replace", order_id=order_id, price_ucr=1) for _ in range(40)]
    reasons = [reply["reason"] for reply in replies]
    assert reasons.count("self_trade") < 20
    assert set(reasons) == {"self_trade", "rate_limited"}


def test_an_offer_with_room_for_all_goes_through_no_asks() -> None:
    rig, sessions = deep_book()
    host = rig.engine.hosts()[0].host
    for _ in range(50):
        assert rig.ask(sessions["alice"], "host.offer", host=host)["type"] == "ack"
    assert rig.engine.looked_at == 0


EACH = account_pages.KINDS
PAGES: dict[str, tuple[tuple[str, ...], str | None, int]] = {
    "own orders before the cursor": (("orders",), f"orders:{DEPTH}", DEPTH),
    "others' leases, VMs and images": (EACH, "leases:", 3 * DEPTH),
    "others' VMs and images": (EACH, "vms:", 2 * DEPTH),
    "others' leases before and behind the cursor": (("leases",), "leases:1", 2 * DEPTH - 1),
    "others' images": (("images",), None, DEPTH),
    "nothing but the page": (("orders",), None, 2),
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_counts_the_rows_that_were_gone_through_for_it(page: str) -> None:
    kinds, after, rows = PAGES[page]
    rig, _ = deep_book()
    crowd(rig, "alice")
    assert not isinstance(rig.engine.account_page("ann", kinds, after, 1), Refused)
    assert rig.engine.looked_at == rows


def test_the_balances_count_the_accounts_before_the_cursor_too() -> None:
    rig, _ = deep_book()
    names = list(rig.engine.balances())
    rig.engine.balance_page(names[-1], 1)
    assert rig.engine.looked_at == len(names)


@pytest.mark.parametrize("tag", ["account.state", "subscribe"])
def test_a_page_costs_the_rows_that_were_gone_through_for_it(tag: str) -> None:
    """(Before, it cost 4 KiB: 256 a second might go through 60,000 rows each.)"""
    rig, sessions = deep_book()
    crowd(rig, "alice", CROWD)
    rig.ask(sessions["ann"], "order.mass_cancel")
    ask: dict[str, Any] = {"limit": 1} if tag == "account.state" else {"channel": "account"}
    weight = 3 * CROWD * LOOKED_AT_BYTES
    replies = [rig.ask(sessions["ann"], tag, **ask) for _ in range(40)]
    assert [reply["type"] for reply in replies].count("ack") == -(
        -ANSWERS_PER_S * ANSWERS_SAVED_S // weight
    )
    refused = replies[-1]
    assert refused["reason"] == "rate_limited"
    rig.now_ms += refused["retry_after_ms"]
    assert rig.ask(sessions["ann"], tag, **ask)["type"] == "ack"


def crowd(rig: Rig, account: str, count: int = DEPTH) -> None:
    """Have ``account`` hold many leases, VMs and images: of each, one that is there many times."""
    state = rig.engine.state
    buyer = state.ledger.accounts[account]
    host = rig.engine.hosts()[0].host
    lease = Lease(
        1,
        "t-1",
        state.instruments[SYMBOL],
        buyer,
        buyer,
        state.hosts[host],
        1,
        1,
        rig.now_ms,
    )
    vm = Vm(1, lease, convert(VM_START, VmStart), rig.now_ms)
    image = Image("0" * 64, 1, "raw", [account], [], {})
    state.leases = dict.fromkeys(range(1, count + 1), lease)
    state.vms = dict.fromkeys(range(1, count + 1), vm)
    state.images = dict.fromkeys(map(str, range(count)), image)
