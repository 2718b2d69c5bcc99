"""Ports and images are part of what a unit is: more is refused, and costs no host its bond."""

import pytest

from exchange.engine import snapshot
from exchange.hosts import host_rows
from exchange.model.commands import ImageStored
from exchange.wire.requests import HostAnnounce, HostOffer, VmStart
from exchange.wire.results import Done, Refused
from exchange.wire.terms import unit_image_mib, unit_ports
from exchange.wire.types import Capacity, HostLimits
from tests.exchange.support.lease_market import IMAGE, LeaseMarket
from tests.exchange.support.market import SMALL_UNIT

MIB = 1024 * 1024
BIG = "b" * 64
SMALL = Capacity(1000, 2048, 10 * 1024)


def limited(units: int, ports: int | None, image_mib: int | None) -> LeaseMarket:
    """A market whose one host has room for ``units`` of class small."""
    market = LeaseMarket()
    market.must(ImageStored("buyer", BIG, 100 * MIB + 1, "raw"))
    announce(market, units, HostLimits(ports, image_mib))
    return market


def announce(market: LeaseMarket, units: int, limits: HostLimits | None) -> dict[str, object]:
    room = Capacity(*(units * need for need in SMALL_UNIT))
    message = HostAnnounce(
        req_id=1,
        capacity=room,
        offered=room,
        classes=["small"],
        cpu_model="test",
        accel="simulated",
        agent_version="1",
        boot_id="boot 1",
        limits=limits,
    )
    return dict(market.must(message, "seller", market.host))


def start(
    market: LeaseMarket, lease: str, ports: int, name: str = "web", image: str = IMAGE
) -> str:
    """Ask for a VM with so many ports; returns why it is refused, and in which field."""
    wanted = [*range(80, 80 + ports)]
    message = VmStart(req_id=1, lease_id=lease, name=name, image=image, ports=wanted)
    reply = market.send(message, "buyer")
    if isinstance(reply, Done):
        return "started"
    assert isinstance(reply, Refused)
    return f"{reply.reason} {reply.field}"


@pytest.mark.parametrize("limits", [None, HostLimits(100, 1000)])
def test_an_owner_may_take_no_larger_images(limits: HostLimits | None) -> None:
    """In whole MiB, rounded up; the lease and what runs go on, and a lifted limit is no more."""
    market = limited(4, None, None)
    announce(market, 4, limits)
    lease = market.lease(units=4)
    assert start(market, lease, 1, "before", BIG) == "started"
    market.must(HostOffer(req_id=1, host=market.host, image_max_mib=100, lift=[]), "seller")
    paid = market.engine.account_state("buyer")
    assert start(market, lease, 1, "web", BIG) == "quota_exceeded image"
    assert market.engine.account_state("buyer") == paid
    assert start(market, lease, 1) == "started"
    market.must(HostOffer(req_id=2, host=market.host, image_max_mib=101, lift=[]), "seller")
    assert start(market, lease, 1, "fits", BIG) == "started"
    market.must(HostOffer(req_id=3, host=market.host, image_max_mib=1, lift=[]), "seller")
    market.must(HostOffer(req_id=4, host=market.host, lift=["image_max_mib"]), "seller")
    assert start(market, lease, 1, "again", BIG) == "started"


@pytest.mark.parametrize(
    ("ports", "units", "share"),
    [(1000, 10, 100), (25, 10, 2), (10, 10, 1), (3, 10, 1), (0, 10, 0), (1000, 1, 1000)],
)
def test_a_unit_has_the_part_of_the_ports_that_it_has_of_the_memory(
    ports: int, units: int, share: int
) -> None:
    room = Capacity(0, units * (SMALL.mem_mib + 100), 0)
    assert unit_ports(ports, SMALL, room) == share
    assert units * share <= max(ports, units)


def test_all_units_together_use_up_no_host() -> None:
    """(Seen to fail: the first VM took all ports, each later one its host's bond.)"""
    market = limited(4, 8, None)
    lease = market.lease(units=4)
    assert start(market, lease, 3) == "quota_exceeded ports"
    assert [start(market, lease, 2, f"vm{n}") for n in range(4)] == ["started"] * 4


def test_with_fewer_ports_than_units_the_last_are_told_before_they_start() -> None:
    market = limited(4, 2, None)
    lease = market.lease(units=4)
    assert start(market, lease, 2) == "quota_exceeded ports"
    assert start(market, lease, 1, "a") == "started"
    assert start(market, lease, 1, "b") == "started"
    seller_ucr = market.engine.state.ledger.accounts["seller"].available_ucr
    assert start(market, lease, 1, "c") == "insufficient_capacity ports"
    assert start(market, lease, 0, "d") == "started"
    market.stop("v-1")
    assert start(market, lease, 1, "e") == "started"
    assert market.engine.state.ledger.accounts["seller"].available_ucr == seller_ucr


@pytest.mark.parametrize(("image_mib", "said"), [(101, "started"), (100, "quota_exceeded image")])
def test_an_image_must_fit_what_its_host_takes(image_mib: int, said: str) -> None:
    market = limited(4, None, image_mib)
    assert start(market, market.lease(), 0, image=BIG) == said


def test_an_image_is_no_larger_than_its_units_disk() -> None:
    assert unit_image_mib(99_999, SMALL) == SMALL.disk_mib
    market = limited(4, None, 99_999)
    market.must(ImageStored("buyer", "c" * 64, SMALL.disk_mib * MIB + 1, "raw"))
    assert start(market, market.lease(), 0, image="c" * 64) == "quota_exceeded image"


def test_a_host_that_says_nothing_is_asked_for_anything() -> None:
    market = limited(4, 1, 1)
    assert announce(market, 4, None)["status"] == "live"
    assert start(market, market.lease(), 16, image=BIG) == "started"


def test_limits_are_told_to_everybody_and_outlive_a_snapshot() -> None:
    market = limited(4, 8, 64)
    state = market.engine.state
    rows, _ = host_rows.directory_rows(state, "seller")
    assert rows[0].limits == HostLimits(8, 64)
    restored = snapshot.restore(snapshot.dump(state))
    assert restored.hosts[market.host].limits == HostLimits(8, 64)
    assert snapshot.dump(restored) == snapshot.dump(state)
