"""A request that has many orders gone through costs as many as it takes the time of."""

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from exchange.bucket import DEBT_S
from exchange.session.limits import LOOKED_AT_PER_TOKEN
from tests.exchange.gateway.test_gateway import Rig, hosting
from tests.exchange.session.test_costs import add_trader, bid
from tests.exchange.support.harness import SYMBOL

PER_S = 100
DEPTH = 800
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
