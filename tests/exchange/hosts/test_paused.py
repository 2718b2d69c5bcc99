"""A host that says it starts no VM sells nothing more, and keeps what it has let."""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from exchange.engine.engine import Engine
from exchange.model.config import default_config
from exchange.wire.frames import HostUpdate
from exchange.wire.requests import HostAnnounce
from exchange.wire.results import Done, Refused
from tests.exchange.support.lease_market import MINUTE, LeaseMarket, ended
from tests.exchange.support.market import SYMBOL

WHY: Final = "hypervisor_lost"
PRICE_UCR: Final = 36_000


def announcement(market: LeaseMarket, **changes: Any) -> HostAnnounce:
    """What the host said last, with ``changes``."""
    rows = [command.message for command, _ in market.journal]
    last = [row for row in rows if isinstance(row, HostAnnounce)][-1]
    return replace(last, **changes)


def pause(market: LeaseMarket) -> Any:
    return market.send(announcement(market, paused=WHY), "seller", market.host)


def resume(market: LeaseMarket) -> None:
    market.must(announcement(market, paused=None), "seller", market.host)


def row(market: LeaseMarket) -> HostUpdate:
    (found,) = market.engine.fleet_rows("seller")
    return found


def offers(market: LeaseMarket, **terms: Any) -> str:
    """Return what becomes of an ask."""
    market.orders += 1
    reply = market.place(f"seller.try{market.orders}", "sell", 1, PRICE_UCR, **terms)
    return reply.reason if isinstance(reply, Refused) else "taken"


def windows(market: LeaseMarket) -> str:
    return next(s for s in market.engine.symbols() if s.startswith("small.eu-de.flat.2"))


def test_a_paused_host_sells_nothing_on_spot_or_ahead_until_it_says_so() -> None:
    """(Seen to fail on `sells` and on `take_if_free` without it: each took asks.)"""
    market = LeaseMarket()
    for label, symbol in (("seller.a", SYMBOL), ("seller.b", windows(market))):
        market.place(label, "sell", 3, PRICE_UCR, symbol=symbol)
    assert isinstance(pause(market), Done)
    ends = [market.order_frames(label)[-1] for label in ("seller.a", "seller.b")]
    assert [(one.status, one.reason) for one in ends] == [("canceled", "capacity_shrunk")] * 2
    for terms in ({}, {"symbol": windows(market)}, {"hosts": [market.host]}):
        assert offers(market, **terms) == "insufficient_capacity"
    bid = market.place("buyer.b", "buy", 1, PRICE_UCR, time_in_force="ioc")
    assert isinstance(bid, Done) and market.trades == []
    assert (row(market).status, row(market).paused) == ("live", WHY)
    resume(market)
    assert (offers(market), offers(market, symbol=windows(market))) == ("taken", "taken")
    assert row(market).paused is None


def test_what_is_let_runs_on_and_is_billed_as_ever() -> None:
    """(Seen to fail on a pause that offers nothing: the lease was recalled.)"""
    bills = []
    for pauses in (False, True):
        market = LeaseMarket()
        lease = market.lease(2, PRICE_UCR)
        vm = market.start(lease)
        market.report(vm, "running", ready=True)
        if pauses:
            pause(market)
        market.advance(90 * MINUTE)
        assert market.notices() == [] and market.vm_states(vm)[-1] == "running"
        market.release(lease)
        bills.append(ended(market, lease))
    assert bills[0] == bills[1] and bills[0][0] == "released"


def test_a_vm_that_waits_for_its_paused_host_costs_nothing_and_no_bond() -> None:
    market = LeaseMarket()
    lease = market.lease(1, PRICE_UCR)
    before = market.money("seller")
    vm = market.start(lease)
    pause(market)
    market.advance(4 * MINUTE)
    resume(market)
    market.report(vm, "running", ready=True)
    market.advance(20 * MINUTE)
    market.release(lease)
    assert ended(market, lease) == ("released", PRICE_UCR // 3)
    assert sum(market.money("seller")) > sum(before)


def test_a_host_that_stays_away_longer_than_a_launch_may_take_pays() -> None:
    market = LeaseMarket()
    lease = market.lease(1, PRICE_UCR)
    vm = market.start(lease)
    pause(market)
    market.advance(6 * MINUTE)
    assert market.vm_states(vm)[-1] == "failed"
    assert ended(market, lease) == ("launch_failed", 0)


def test_to_say_it_again_changes_nothing() -> None:
    market = LeaseMarket()
    pause(market)
    reply = pause(market)
    assert isinstance(reply, Done) and reply.duplicate


def test_a_snapshot_and_a_replay_keep_it() -> None:
    """(Seen to fail on a snapshot without it: the restored exchange sold.)"""
    market = LeaseMarket()
    live = market.engine.state_hash()
    pause(market)
    restored = Engine.restore(market.engine.snapshot())
    assert restored.fleet_rows("seller") == [row(market)]
    replayed = Engine(default_config())
    for command, at_ms in market.journal:
        replayed.apply(command, at_ms)
    for again in (restored, replayed):
        assert again.state_hash() == market.engine.state_hash() != live
        assert not again.state.hosts[market.host].sells("small")


def test_a_host_that_was_silent_says_anew_whether_it_is_paused() -> None:
    market = LeaseMarket()
    pause(market)
    market.silent(market.now_ms)
    market.back()
    market.announce("seller", market.host, 100)
    assert (row(market).status, row(market).paused, offers(market)) == ("live", None, "taken")


def test_where_nothing_is_said_nothing_is_written() -> None:
    """So that frames, journals and state hashes of earlier releases stay as they are."""
    market = LeaseMarket()
    for told in (announcement(market), row(market)):
        assert b"paused" not in msgspec.json.encode(told)
    untouched = market.engine.snapshot()
    assert b"hypervisor_lost" not in untouched
