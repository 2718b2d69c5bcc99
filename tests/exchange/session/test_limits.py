"""Budgets per address, connection and account, and the door: tables of who may do what."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.bucket import Bucket
from exchange.session.addresses import (
    ADDRESSES_MAX,
    LOCAL,
    LOOPBACK,
    REMOTE,
    Addresses,
    network,
)
from exchange.session.limits import COSTLY_PER_S, COSTLY_SAVED_S, Limits
from exchange.session.session import Session
from exchange.wire import inbound
from exchange.wire.codec import JSON
from exchange.wire.requests import AccountState, OrderCancel, OrderPlace, Subscribe
from exchange.wire.types import Capacity, Endpoint

FAR = "192.0.2.7"

NETWORKS = [
    ("127.0.0.1", LOOPBACK),
    ("127.8.8.8", LOOPBACK),
    ("::1", LOOPBACK),
    ("::ffff:127.0.0.1", LOOPBACK),
    ("::ffff:192.0.2.7", FAR),
    (FAR, FAR),
    ("a simulated peer", LOOPBACK),
]


@pytest.mark.parametrize(("peer", "expected"), NETWORKS)
def test_what_counts_as_one_address(peer: str, expected: str) -> None:
    assert network(peer) == expected


def test_an_ipv6_network_of_64_bits_is_one_address() -> None:
    assert network("2001:db8:1:2::5") == network("2001:db8:1:2:ffff::1%eth0")
    assert network("2001:db8:1:2::5") != network("2001:db8:1:3::5")


def test_two_hundred_connections_from_loopback_at_once_are_nothing() -> None:
    addresses = Addresses()
    for _ in range(10_000):
        assert addresses.admit("127.0.0.1", 0) == 0
        addresses.opened("127.0.0.1", 0)


def test_a_remote_address_connects_so_often_and_holds_so_many() -> None:
    addresses = Addresses()
    burst = REMOTE.connects_per_s * REMOTE.saved_s
    assert [addresses.admit(FAR, 0) for _ in range(burst)] == [0] * burst
    wait_ms = addresses.admit(FAR, 0)
    assert 0 < wait_ms <= 1_000
    assert addresses.admit("192.0.2.8", 0) == 0, "another address has its own"
    assert addresses.admit(FAR, wait_ms) == 0
    for _ in range(REMOTE.open_max):
        addresses.opened(FAR, 0)
    assert addresses.admit(FAR, 60_000) > 0
    addresses.closed(FAR, 60_000)
    assert addresses.admit(FAR, 60_000) == 0


@pytest.mark.parametrize(("peer", "allowance"), [(FAR, REMOTE), ("127.0.0.1", LOCAL)])
def test_who_guesses_wrong_too_often_must_wait(peer: str, allowance: Any) -> None:
    addresses = Addresses()
    for _ in range(allowance.failures_per_s * allowance.saved_s):
        assert addresses.blocked_ms(peer, 0) == 0
        addresses.failed(peer, 0)
    wait_ms = addresses.blocked_ms(peer, 0)
    assert wait_ms > 0
    assert addresses.blocked_ms(peer, wait_ms) == 0


def test_addresses_are_bounded_and_those_with_connections_are_kept() -> None:
    addresses = Addresses()
    for _ in range(REMOTE.open_max):
        addresses.opened(FAR, 0)
    for number in range(ADDRESSES_MAX * 2):
        addresses.admit(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0)
    assert len(addresses._known) <= ADDRESSES_MAX
    assert addresses.admit(FAR, 0) > 0, "still known to hold too many"


def test_each_address_applies_once_a_minute() -> None:
    """(Seen to fail when a refused attempt put the next one off again.)"""
    addresses = Addresses()
    assert addresses.apply(FAR, 0) == 0
    assert addresses.apply("192.0.2.8", 20_000) == 0, "another address"
    assert addresses.apply(FAR, 20_000) == 40_000
    assert addresses.apply(FAR, 59_999) == 1
    assert addresses.apply(FAR, 60_000) == 0
    assert addresses.apply("127.0.0.1", 60_000) == 0
    assert addresses.apply("127.0.0.1", 60_000) == 60_000, "loopback too"


def session(peer: str = FAR) -> Session:
    return Session(1, "00", JSON, peer, "trade", 0)


def order() -> OrderPlace:
    return OrderPlace(
        req_id=1, client_order_id="a", symbol="s", side="buy", order_type="limit", qty=1
    )


def test_frames_before_login_are_counted_by_address_whatever_the_connection() -> None:
    limits = Limits(lambda _: 0)
    asked = Subscribe(req_id=1, channel="instruments")
    answers = [limits.refusal(session(), asked, 0) for _ in range(2_001)]
    assert answers[:2_000] == [None] * 2_000
    refused = answers[2_000]
    assert refused is not None
    assert (refused.reason, refused.retry_after_ms) == ("rate_limited", 5)
    assert limits.refusal(session("127.0.0.1"), asked, 0) is None


def test_costly_questions_are_counted_by_connection() -> None:
    limits, known = Limits(lambda _: 0), session()
    known.role = "trader"
    for _ in range(COSTLY_PER_S * COSTLY_SAVED_S):
        assert limits.refusal(known, AccountState(req_id=1), 0) is None
    refused = limits.refusal(known, AccountState(req_id=1), 0)
    assert refused is not None
    assert refused.reason == "rate_limited"
    assert limits.refusal(known, order(), 0) is None, "orders have another budget"


def test_cancels_pass_when_orders_do_not_and_zero_is_unlimited() -> None:
    per_s = {"bob": 3, "mm": 0}
    limits, bob, maker = Limits(per_s.__getitem__), session(), session()
    bob.role = maker.role = "trader"
    bob.account, maker.account = "bob", "mm"
    answers = [limits.refusal(bob, order(), 0) for _ in range(4)]
    assert [answer is None for answer in answers] == [True, True, True, False]
    assert limits.refusal(bob, OrderCancel(req_id=1, order_id="o-1"), 0) is None
    assert limits.refusal(bob, order(), 334) is None, "a third of a second later"
    assert all(limits.refusal(maker, order(), 0) is None for _ in range(5_000))


@given(st.integers(1, 50), st.integers(1, 5), st.lists(st.integers(0, 400), max_size=60))
def test_a_bucket_gives_no_more_than_its_rate_and_what_was_saved(
    per_s: int, saved_s: int, gaps_ms: list[int]
) -> None:
    bucket, now_ms, given_out = Bucket(0, per_s, saved_s), 0, 0
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        wait_ms = bucket.take(now_ms, per_s)
        given_out += wait_ms == 0
        assert given_out <= per_s * saved_s + now_ms * per_s / 1000
        if wait_ms:
            assert bucket.wait_ms(now_ms + wait_ms, per_s) == 0, "what it says is true"


def test_every_struct_inside_a_request_refuses_unknown_fields() -> None:
    """(Seen to fail while `Endpoint` was one lenient struct for requests and frames.)"""

    def structs(node: Any, seen: dict[type, Any]) -> None:
        if isinstance(node, msgspec.inspect.StructType) and node.cls not in seen:
            seen[node.cls] = node
        elif isinstance(node, msgspec.inspect.StructType):
            return
        for name in ("types", "fields"):
            for part in getattr(node, name, ()):
                structs(getattr(part, "type", part), seen)
        for name in ("item_type", "type", "value_type"):
            part = getattr(node, name, None)
            if part is not None:
                structs(part, seen)

    found: dict[type, Any] = {}
    structs(msgspec.inspect.type_info(inbound.ClientMessage), found)
    assert len(found) > 40
    assert {Endpoint, Capacity} <= set(found), "nested ones too"
    assert [name.__name__ for name, node in found.items() if not node.forbid_unknown_fields] == []
