"""Every request has a cost: the table is whole, budgets hold, answers are paid by their weight."""

from typing import Any, get_args

import pytest
from msgspec import Struct

from exchange.bucket import DEBT_S
from exchange.keys import public_key_b64
from exchange.model import commands
from exchange.session.addresses import ENROLLMENTS_PER_S, ENROLLMENTS_SAVED_S
from exchange.session.costs import COSTS, STATE_BYTES, STATEMENT_BYTES
from exchange.session.guard import WRITES
from exchange.session.limits import (
    ANSWERS_PER_S,
    ANSWERS_SAVED_S,
    CHANGES_SAVED_S,
    COSTLY_PER_S,
    COSTLY_SAVED_S,
    HOST_PER_S,
    HOST_SAVED_S,
    OPERATOR_PER_S,
    OPERATOR_SAVED_S,
    REFUSALS_PER_S,
    REFUSALS_SAVED_S,
    REST_MAX_MS,
    STRANGER_PER_S,
    STRANGER_SAVED_S,
    Limits,
)
from exchange.session.session import Session
from exchange.wire import requests
from exchange.wire.codec import JSON
from exchange.wire.inbound import ClientMessage
from exchange.wire.roles import ROLES
from exchange.wire.types import SENT_FRAME_BYTES
from tests.exchange.attacks import resting
from tests.exchange.gateway.test_gateway import Rig
from tests.exchange.support.harness import SYMBOL, key_of

PER_S = 10
REQUESTS = sorted(get_args(ClientMessage), key=lambda kind: kind.__name__)
OWN = {
    *(commands.Genesis, commands.Started, commands.AdvanceTime, commands.SessionDropped),
    *(commands.HostSilent, commands.HostBack, commands.HostLost),
}
"""Rows that no request makes: each follows from a connection, a silence or the clock."""
MADE_BY = {
    commands.EnrollHost: requests.HostEnroll,
    commands.ImageStored: requests.ImagePut,
    commands.ImageDeleted: requests.ImageDelete,
}
"""Rows of another type than the request's."""


def test_every_request_is_in_the_table_and_nothing_else() -> None:
    assert set(COSTS) == set(REQUESTS)


def test_every_row_that_a_request_can_make_has_a_budget() -> None:
    rows = {MADE_BY.get(kind, kind) for kind in get_args(commands.JournalMessage)} - OWN
    assert rows <= set(COSTS)
    budgets = {COSTS[kind].budget for kind in (rows | WRITES) & set(COSTS)}
    assert budgets == {"orders", "cancels", "changes", "host", "operator", "enrollments"}


BURSTS = {
    "orders": PER_S,
    "cancels": PER_S,
    "changes": PER_S * CHANGES_SAVED_S,
    "questions": COSTLY_PER_S * COSTLY_SAVED_S,
    "host": HOST_PER_S * HOST_SAVED_S,
    "operator": OPERATOR_PER_S * OPERATOR_SAVED_S,
    "enrollments": ENROLLMENTS_PER_S * ENROLLMENTS_SAVED_S,
    "applications": 1,
}


def session_for(kind: type[Struct], number: int = 1) -> Session:
    session = Session(number, "00", JSON, "127.0.0.1", "trade", 0)
    if kind in ROLES:
        session.role, session.account = ROLES[kind][-1], "bob"
        session.host = "h-1" if session.role == "host" else ""
    return session


@pytest.mark.parametrize("kind", REQUESTS, ids=[kind.__name__ for kind in REQUESTS])
def test_a_burst_of_any_request_ends_and_says_when_to_come_back(kind: type[Struct]) -> None:
    """No request is free, of whatever role."""
    limits, session = Limits(lambda _: PER_S), session_for(kind)
    for _ in range(BURSTS[COSTS[kind].budget]):
        assert limits.spend(session, kind, 0) is None
    refused = limits.spend(session, kind, 0)
    assert refused is not None
    assert refused.reason == "rate_limited"
    assert refused.retry_after_ms
    assert limits.spend(session, kind, refused.retry_after_ms) is None


SHARED = [kind for kind in REQUESTS if COSTS[kind].budget not in ("questions",)]


@pytest.mark.parametrize("kind", SHARED, ids=[kind.__name__ for kind in SHARED])
def test_twenty_connections_have_no_more_than_one(kind: type[Struct]) -> None:
    limits = Limits(lambda _: PER_S)
    sessions = [session_for(kind, number) for number in range(20)]
    burst = BURSTS[COSTS[kind].budget]
    done = sum(limits.spend(sessions[at % 20], kind, 0) is None for at in range(burst + 100))
    assert done == burst


@pytest.mark.parametrize("account", ["bob", ""])
def test_answers_are_paid_by_their_weight_by_all_connections_of_an_account(account: str) -> None:
    limits, kind = Limits(lambda _: 0), requests.OrderList
    sessions = [session_for(kind, number) for number in range(20)]
    for session in sessions:
        session.account, session.role = account, "viewer" if account else None
    per_s, saved_s = (
        (ANSWERS_PER_S, ANSWERS_SAVED_S) if account else (STRANGER_PER_S, STRANGER_SAVED_S)
    )
    size, answered = 600_000, 0
    for at in range(2_000):
        asking = sessions[at % 20 if account else 0]
        if limits.spend(asking, kind, 0) is None:
            limits.answered(asking, requests.OrderList(req_id=1), size, 0)
            answered += size
    assert per_s * saved_s <= answered < per_s * saved_s + size
    refused = limits.spend(sessions[0], kind, 0)
    assert refused is not None
    assert refused.retry_after_ms is not None
    assert refused.retry_after_ms <= DEBT_S * 1000
    assert limits.spend(sessions[0], kind, refused.retry_after_ms) is None


def test_what_looks_at_everything_costs_something_whatever_it_finds() -> None:
    least = {kind: cost.least for kind, cost in COSTS.items() if cost.least}
    assert least.pop(requests.AccountStatement) == STATEMENT_BYTES
    assert set(least.values()) == {STATE_BYTES}
    assert {requests.AccountState, requests.OrderList, requests.DirectorySearch} <= set(least)


# --- through the gateway ---


def market(orders_per_s: int) -> tuple[Rig, int]:
    """Return a rig with bob, who has such a limit, and his session."""
    rig = Rig()
    operator = rig.log_in("operator")
    add_trader(rig, operator, "bob")
    rig.ask(operator, "admin.deposit", account="bob", amount_ucr=10**12, ref="1")
    rig.ask(operator, "admin.limits", account="bob", orders_per_s=orders_per_s)
    return rig, rig.log_in("bob")


def add_trader(rig: Rig, operator: int, name: str) -> None:
    rig.ask(operator, "admin.account", account=name, name=name)
    key = {"key_id": name, "public_key": public_key_b64(key_of(name)), "role": "trader"}
    rig.ask(operator, "admin.key", account=name, **key)


def bid(rig: Rig, who: int, number: int) -> dict[str, Any]:
    return rig.ask(
        who,
        "order.place",
        client_order_id=f"b{number}",
        symbol=SYMBOL,
        side="buy",
        order_type="limit",
        qty=1,
        price_ucr=1 + number,
    )


TOGGLES: list[tuple[str, list[dict[str, Any]]]] = [
    ("order.cancel_on_disconnect", [{"enabled": True}, {"enabled": False}]),
    ("order.cancel_all_after", [{"timeout_ms": 60_000}, {"timeout_ms": 0}]),
    ("host.token", [{"zone": "eu-de", "token_sha256": "0" * 64, "uses": 1, "ttl_s": 60}]),
]


@pytest.mark.parametrize(("tag", "fields"), TOGGLES, ids=[tag for tag, _ in TOGGLES])
def test_a_slow_key_makes_few_rows_whatever_it_toggles(
    tag: str, fields: list[dict[str, Any]]
) -> None:
    """Every change of a setting is a row of the journal, so it has a budget."""
    rig, bob = market(PER_S)
    before = len(rig.rows)
    for number in range(1_000):
        rig.ask(bob, tag, **fields[number % len(fields)])
    assert len(rig.rows) - before <= PER_S * CHANGES_SAVED_S


def test_long_lists_are_answered_up_to_their_weight() -> None:
    """What few short questions ask for may be gigabytes."""
    rig, bob = market(0)
    for number in range(1_000):
        bid(rig, bob, number)
    sessions = [bob, *(rig.log_in("bob") for _ in range(19))]
    rig.take()
    ask = JSON.encode({"type": "order.list", "req_id": 7})
    for at in range(600):
        rig.gateway.receive(sessions[at % 20], ask, rig.now_ms)
    deliveries = rig.take().deliveries
    sizes = [len(item) for items in deliveries.values() for item in items if type(item) is bytes]
    assert max(sizes) > 10_000
    assert sum(sizes) < ANSWERS_PER_S * ANSWERS_SAVED_S + max(sizes) + 600 * 500


def test_an_answer_that_is_too_long_is_paid_for_all_the_same() -> None:
    """It was put together before it was found too long."""
    rig, bob = market(0)
    for number in range(2_600):
        rig.gateway.receive(bob, JSON.encode(resting(number)), rig.now_ms)
    rig.take()
    reasons = [rig.ask(bob, "order.list")["reason"] for _ in range(20)]
    built = reasons.count("frame_too_large")
    assert built == ANSWERS_PER_S * ANSWERS_SAVED_S // SENT_FRAME_BYTES
    assert set(reasons[built:]) == {"rate_limited"}


def test_a_snapshot_of_a_book_is_paid_when_it_is_made() -> None:
    rig, bob = market(0)
    for number in range(900):
        bid(rig, bob, number)
    stranger, told = rig.connect(), 0
    for _ in range(1_000):
        reply = rig.ask(stranger, "subscribe", channel="book", symbol=SYMBOL, depth=0)
        told += reply["type"] == "ack"
    snapshots = rig.frames(stranger, "book.snapshot")
    size = len(JSON.encode(snapshots[0]))
    assert (told - 3) * size < STRANGER_PER_S * STRANGER_SAVED_S
    assert len(snapshots) == told


def test_who_cancels_many_at_once_places_as_many_later() -> None:
    rig, bob = market(0)
    for number in range(300):
        bid(rig, bob, number)
    operator = rig.log_in("operator")
    rig.ask(operator, "admin.limits", account="bob", orders_per_s=100)
    rig.run_to(rig.now_ms + 1_000)
    assert bid(rig, bob, 300)["type"] == "ack"
    assert rig.ask(bob, "order.mass_cancel")["result"] == {"canceled": 301}
    refused = bid(rig, bob, 301)
    assert (refused["reason"], refused["retry_after_ms"] > 1_500) == ("rate_limited", True)
    assert rig.ask(bob, "order.cancel", order_id="o-1")["reason"] == "order_done"
    rig.run_to(rig.now_ms + refused["retry_after_ms"])
    assert bid(rig, bob, 301)["type"] == "ack"


def test_orders_that_go_with_their_connection_count_too() -> None:
    rig, bob = market(0)
    rig.ask(bob, "order.cancel_on_disconnect", enabled=True)
    for number in range(300):
        bid(rig, bob, number)
    operator = rig.log_in("operator")
    rig.ask(operator, "admin.limits", account="bob", orders_per_s=100)
    rig.run_to(rig.now_ms + 1_000)
    again = rig.log_in("bob")
    assert bid(rig, again, 300)["type"] == "ack"
    rig.gateway.disconnect(bob, False, rig.now_ms)
    rig.take()
    assert bid(rig, again, 301)["reason"] == "rate_limited"


REFUSED = [
    ("unreadable", b"{"),
    ("not logged in", JSON.encode({"type": "order.list", "req_id": 1})),
]


@pytest.mark.parametrize("data", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_who_goes_on_after_refusals_is_read_more_slowly(data: bytes) -> None:
    rig = Rig()
    stranger, fine = rig.connect(), rig.connect()
    good = JSON.encode({"type": "unsubscribe", "req_id": 1, "channel": "instruments"})
    rests: list[int] = []
    for number in range(REFUSALS_PER_S * REFUSALS_SAVED_S + 50):
        rig.gateway.receive(stranger, data if number % 50 else good, rig.now_ms)
        rig.gateway.receive(fine, data if number == 7 else b"", rig.now_ms) if number < 9 else None
        rests += rig.take().rests.values()
    assert 1 <= len(rests) <= 100
    assert rests == sorted(rests)
    assert max(rests) <= REST_MAX_MS
    rig.run_to(rig.now_ms + (REFUSALS_SAVED_S + 1) * 1000)
    rig.gateway.receive(stranger, data, rig.now_ms)
    assert rig.take().rests == {}
