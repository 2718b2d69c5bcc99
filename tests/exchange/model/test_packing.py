"""What is offered can start: an exact bin-packing search finds a host for every unit promised.

The search knows nothing of the exchange's own choice of slots. It gets the open asks with the hosts
they name, the leases with the host they are bound to, and what each host offers, and tries every
way to place them, hour by hour (rules.md 3.2).

Seen to fail on planted bugs: disk not counted, the memory a VM costs beyond its own forgotten, a
spot ask that ignores what windows take.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.wire.requests import HostAnnounce, HostDrain, OrderCancel
from exchange.wire.results import Refused
from exchange.wire.types import Capacity
from tests.exchange.support.market import Market

Size = tuple[int, int, int]
Unit = tuple[Size, frozenset[int]]
"""What it takes of a host, and the hosts it may run on."""

SIZES: Final[dict[str, Size]] = {
    "nano": (250, 256 + 100, 1024),
    "small": (1000, 2048 + 100, 10 * 1024),
    "medium": (2000, 4096 + 100, 20 * 1024),
}
"""The classes of the default configuration, with 100 MiB a VM costs beyond its memory."""
HOURS: Final = ("2023-11-14T23", "2023-11-15T00")
MARKETS: Final = (
    *(f"{name}.eu-de.flat.spot" for name in SIZES),
    *(f"small.eu-de.flat.{hour}" for hour in HOURS),
)
HOSTS: Final = 3
STORIES: Final = 400

rooms = st.tuples(
    st.sampled_from((0, 1000, 2000, 3000, 4000)),
    st.sampled_from((2048, 2148, 4296, 6144, 8592)),
    st.sampled_from((1024, 10_240, 20_480, 30_720)),
)
"""Often just enough in one respect, and too little in another."""
named = st.none() | st.sets(st.integers(1, HOSTS), min_size=1).map(sorted)
steps = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(MARKETS), st.integers(1, 4), named),
    st.tuples(st.just("ask"), st.sampled_from(MARKETS), st.just(1), st.none()),
    st.tuples(st.just("buy"), st.sampled_from(MARKETS), st.integers(1, 3)),
    st.tuples(st.just("cancel"), st.integers(0, 12)),
    st.tuples(st.just("offer"), st.integers(1, HOSTS), rooms),
    st.tuples(st.just("drain"), st.integers(1, HOSTS), st.booleans()),
    st.tuples(st.just("pause"), st.integers(1, HOSTS), st.booleans()),
)


class Yard:
    """A seller with three hosts, a buyer, and what the seller asked for by name."""

    def __init__(self, offers: list[Size]) -> None:
        self.market = Market()
        self.market.thorough = False
        self.named: dict[str, list[int]] = {}
        self.offers: dict[int, Size] = {}
        self.draining: set[int] = set()
        self.paused: set[int] = set()
        for account in ("seller", "buyer"):
            self.market.open_account(account)
        for number, offer in enumerate(offers, 1):
            self.market.add_host("seller", units=4, classes=SIZES)
            self.offer(number, offer)

    def offer(self, number: int, offer: Size) -> None:
        room = Capacity(*offer)
        self.offers[number] = offer
        announce = HostAnnounce(
            req_id=1,
            capacity=Capacity(10_000, 100_000, 1_000_000),
            offered=room,
            classes=list(SIZES),
            cpu_model="test",
            accel="simulated",
            agent_version="1",
            boot_id="boot 1",
            paused="hypervisor_lost" if number in self.paused else None,
        )
        self.market.must(announce, account="seller", host=f"h-{number}")

    def play(self, number: int, step: tuple[Any, ...]) -> None:
        market = self.market
        match step:
            case ("ask", symbol, qty, hosts):
                names = None if hosts is None else [f"h-{host}" for host in hosts]
                label = f"c{number}"
                reply = market.place(
                    f"seller.{label}", "sell", qty, 600, symbol=symbol, hosts=names
                )
                self.named[label] = list(hosts or range(1, HOSTS + 1))
                if isinstance(reply, Refused):
                    assert reply.reason == "insufficient_capacity"
            case ("buy", symbol, qty):
                market.place(
                    f"buyer.c{number}", "buy", qty, 600, symbol=symbol, time_in_force="ioc"
                )
            case ("cancel", back):
                market.send(OrderCancel(req_id=1, client_order_id=f"c{back}"), "seller")
            case ("offer", host, room):
                self.offer(host, room)
            case ("drain", host, on):
                market.must(HostDrain(req_id=1, host=f"h-{host}", enabled=on), "seller")
                (self.draining.add if on else self.draining.discard)(host)
            case ("pause", host, on):
                (self.paused.add if on else self.paused.discard)(host)
                self.offer(host, self.offers[host])
            case _:
                raise AssertionError(step)

    def leased(self) -> Iterator[tuple[str, int, int]]:
        """Yield (symbol, host, units) of what runs or will run."""
        latest = {row.lease_id: row for row in self.market.lease_frames("buyer")}
        for row in latest.values():
            if row.state != "ended":
                yield row.symbol, int(row.host.removeprefix("h-")), row.units

    def promised(self, hour: str) -> tuple[list[Unit], list[Unit]]:
        """Return the units of asks and of leases that count in ``hour``."""
        asks: list[Unit] = []
        for row in self.market.engine.order_list("seller"):
            if row.symbol.endswith(("spot", hour)):
                hosts = frozenset(self.named[row.client_order_id])
                asks += [(SIZES[row.symbol.split(".")[0]], hosts)] * row.leaves_qty
        leases: list[Unit] = []
        for symbol, host, units in self.leased():
            if symbol.endswith(("spot", hour)):
                leases += [(SIZES[symbol.split(".")[0]], frozenset((host,)))] * units
        return asks, leases

    def check(self) -> None:
        """Every unit promised for an hour finds a host.

        A host that drains, is paused, or offers less than runs on it, keeps what runs, and there is
        no room for an ask then.
        """
        for hour in HOURS:
            asks, leases = self.promised(hour)
            room: dict[int, Size] = {}
            for host, offer in self.offers.items():
                taken = [size for size, where in leases if host in where]
                mvcpu, mem_mib, disk_mib = (sum(size[part] for size in taken) for part in range(3))
                least = (0, 0, 0) if host in self.draining | self.paused else offer
                room[host] = max(mvcpu, least[0]), max(mem_mib, least[1]), max(disk_mib, least[2])
            assert packs(asks + leases, room), (hour, asks, leases, self.offers)


def packs(units: list[Unit], room: dict[int, Size]) -> bool:
    """Is there any way to place every unit on a host it may run on?"""
    hardest_first = sorted(units, key=lambda unit: (len(unit[1]), unit[0]), reverse=True)
    hardest_first.sort(key=lambda unit: len(unit[1]))

    @cache
    def placed(at: int, left: tuple[Size, ...]) -> bool:
        if at == len(hardest_first):
            return True
        size, hosts = hardest_first[at]
        for host in sorted(hosts):
            rest = tuple(a - b for a, b in zip(left[host - 1], size, strict=True))
            if min(rest) >= 0:
                mvcpu, mem_mib, disk_mib = rest
                after = (*left[: host - 1], (mvcpu, mem_mib, disk_mib), *left[host:])
                if placed(at + 1, after):
                    return True
        return False

    return placed(0, tuple(room[host] for host in sorted(room)))


@settings(max_examples=STORIES)
@given(st.lists(rooms, min_size=HOSTS, max_size=HOSTS), st.lists(steps, min_size=8, max_size=25))
def test_what_is_offered_can_start(offers: list[Size], story: list[tuple[Any, ...]]) -> None:
    yard = Yard(offers)
    for number, step in enumerate(story):
        yard.play(number, step)
        yard.check()


def test_the_search_knows_what_cannot_be() -> None:
    """Two units of two thirds each fit two hosts, not one of the same total."""
    unit = (SIZES["medium"], frozenset((1, 2)))
    big, half = (4000, 6000, 99_999), (2000, 6000, 99_999)
    assert packs([unit, unit], {1: half, 2: half})
    assert not packs([unit, unit], {1: big, 2: (0, 0, 0)})
