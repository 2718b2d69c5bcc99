"""Corners of the lease rules where a seller or a buyer could have gained, each once found open."""

import pytest

from exchange.wire.admin_requests import AdminHalt
from exchange.wire.requests import HostToken, VmStart, VmStop
from exchange.wire.results import Done, Refused
from tests.exchange.support.lease_market import HOUR, IMAGE, MINUTE, LeaseMarket, ended

FIRST = "small.eu-de.flat.2023-11-14T23"
SECOND = "small.eu-de.flat.2023-11-15T00"
METERED = "small.eu-de.metered.spot"
START_OF_FIRST = 1_700_002_800_000


@pytest.fixture
def market() -> LeaseMarket:
    return LeaseMarket()


def running(market: LeaseMarket, lease: str, name: str) -> str:
    """Start a VM that is ready at once."""
    vm = market.start(lease, name)
    market.report(vm, "running", ready=True)
    return vm


def test_a_scheduled_partial_release_kills_the_newest_vms_too_many(market: LeaseMarket) -> None:
    lease = market.lease(units=3)
    vms = [running(market, lease, f"vm{n}") for n in range(3)]
    market.release(lease, units=2, at_ms=market.now_ms + 10 * MINUTE)
    market.advance(10 * MINUTE)
    assert [market.vm_states(vm)[-1] for vm in vms] == ["running", "stopping", "stopping"]


def test_a_recall_takes_the_vm_the_buyer_stops_himself(market: LeaseMarket) -> None:
    lease = market.lease(units=2)
    old, new = running(market, lease, "old"), running(market, lease, "new")
    market.recall(lease, units=1)
    market.advance(MINUTE)
    market.must(VmStop(req_id=1, vm_id=old, grace_ms=3_600_000), "buyer")
    market.advance(MINUTE)
    assert market.vm_states(new)[-1] == "running"
    assert market.vm_states(old)[-1] == "stopping"


def test_a_host_cannot_dodge_the_bond_by_stopping_what_it_never_launched(
    market: LeaseMarket,
) -> None:
    lease = market.lease()
    vm = market.start(lease)
    market.report(vm, "stopping")
    market.report(vm, "failed", reason="whatever")
    assert ended(market, lease) == ("launch_failed", 0)
    assert market.money("buyer") == (10**9 + 6_000, 0)


def test_a_windows_slots_go_first_where_the_hour_before_runs() -> None:
    market = LeaseMarket()
    one, two = market.add_host("seller", units=1), market.add_host("seller", units=2)
    first = market.lease(symbol=FIRST, hosts=[two])
    market.place("seller.next", "sell", 2, 36_000, symbol=SECOND, hosts=[one, two])
    market.place("buyer.next", "buy", 1, 36_000, symbol=SECOND)
    assert market.last_lease(first).host == two
    assert market.engine.account_state("buyer").leases[-1].host == two


def test_metered_units_swept_and_left_owe_five_minutes_whatever_the_others_use(
    market: LeaseMarket,
) -> None:
    lease = market.lease(units=10, symbol=METERED)
    vm = running(market, lease, "worker")
    market.release(lease, units=9)
    market.advance(HOUR)
    market.use(vm, HOUR // 2)
    market.stop(vm)
    market.release(lease)
    assert ended(market, lease) == ("released", 9 * 3_000 + 18_000)


def test_silence_while_a_launch_is_awaited_is_taken_off_once(market: LeaseMarket) -> None:
    lease = market.lease()
    vm = market.start(lease)
    market.advance(20_000)
    market.silent(market.now_ms)
    market.advance(200_000)
    market.back(boot_id="boot 2")
    market.advance(10_000)
    market.report(vm, "running", ready=True)
    market.advance(HOUR - 230_000)
    market.release(lease)
    assert ended(market, lease) == ("released", (3600 - 230) * 10)


def test_a_window_left_while_its_host_is_silent_owes_what_was_delivered(
    market: LeaseMarket,
) -> None:
    lease = market.lease(symbol=FIRST)
    market.advance(START_OF_FIRST + 10 * MINUTE - market.now_ms)
    market.silent(market.now_ms)
    market.advance(5 * MINUTE)
    market.release(lease)
    assert ended(market, lease) == ("released", 6_000)


def test_evidence_never_shows_more_delivered_than_contracted(market: LeaseMarket) -> None:
    market.release(market.lease(symbol=FIRST))
    seen = market.engine.hosts()[0].evidence
    assert (seen.contracted_unit_s, seen.delivered_unit_s) == (3600, 3600)


def test_no_vm_moves_into_a_lease_that_is_over() -> None:
    market = LeaseMarket()
    first, second = market.lease(symbol=FIRST), market.lease(symbol=SECOND)
    market.advance(START_OF_FIRST - market.now_ms)
    vm = running(market, first, "web")
    market.release(second)
    market.advance(HOUR)
    assert market.vm_states(vm)[-1] == "stopping"


def test_a_vm_start_is_answered_alike_after_its_lease_ended(market: LeaseMarket) -> None:
    lease = market.lease()
    vm = running(market, lease, "web")
    market.release(lease)
    again = VmStart(req_id=7, lease_id=lease, name="web", image=IMAGE)
    assert market.must(again, "buyer") == {"vm_id": vm, "duplicate": True}
    other = market.send(VmStart(req_id=7, lease_id=lease, name="x", image=IMAGE), "buyer")
    assert isinstance(other, Refused) and other.reason == "lease_ended"


def test_a_halt_of_everything_covers_windows_that_open_later(market: LeaseMarket) -> None:
    market.must(AdminHalt(req_id=1, halted=True))
    market.advance(START_OF_FIRST - market.now_ms)
    assert {row.state for row in market.engine.instruments() if row.state != "halted"} == set()


def test_a_token_announced_again_is_the_same_token_and_expired_ones_are_forgotten(
    market: LeaseMarket,
) -> None:
    token = HostToken(req_id=1, zone="eu-de", token_sha256="c" * 64, uses=1, ttl_s=60)
    first = market.must(token, "seller")
    assert market.must(token, "seller") == first
    market.advance(2 * MINUTE)
    market.release(market.lease())
    assert isinstance(market.send(token, "seller"), Done)
    assert market.must(token, "seller") != first


@pytest.mark.parametrize("hosts", [["h-99"], ["h-1", "h-99"]], ids=["unknown", "one_unknown"])
def test_an_ask_names_hosts_of_its_own(market: LeaseMarket, hosts: list[str]) -> None:
    reply = market.place("seller.a", "sell", 1, 36_000, hosts=hosts)
    assert isinstance(reply, Refused) and (reply.reason, reply.field) == ("unknown_host", "hosts")
