"""A group's limit, counted host by host, is what counting everything anew gives.

Seen to fail with `Limits.touch` doing nothing, and with a host left in the group it was in before.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exchange.wire.frames import HostUpdate, LeaseUpdate, OrderUpdate
from exchange.wire.types import ToldCapacity
from manager.selling.asks import Asks
from manager.selling.group import Group, ask_prefix, delivery_of, is_spot
from manager.selling.limits import Limits
from manager.selling.plan import possible
from manager.selling.stock import Stock, leased_units
from tests.manager.selling.shop import group, room

GROUPS = (group("a", "a-*", max_units=7), group("b", "b-*", max_units=4, kind="fixed", units=2))
SYMBOLS = [f"small.eu-de.flat.{delivery}" for delivery in ("spot", "1795", "1796")]
NOTHING = ToldCapacity(0, 0, 0)

hosts = st.integers(0, 5).map(lambda number: f"h-{number}")
units = st.integers(0, 4)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("row"), hosts, units, st.sampled_from("abx"), st.booleans()),
        st.tuples(st.just("lease"), hosts, units, st.sampled_from(SYMBOLS)),
        st.tuples(st.just("ask"), hosts, units, st.sampled_from(SYMBOLS), st.sampled_from("ab")),
        st.tuples(st.just("grow"), hosts, units),
        st.tuples(st.just("restart")),
        st.tuples(st.just("look")),
    ),
    max_size=25,
)


class Naive:
    """Counts everything each time."""

    def __init__(self, stock: Stock, asks: Asks) -> None:
        self.stock, self.asks = stock, asks
        self.extra: dict[str, int] = {}

    def changed(self, of: Group) -> set[str]:
        hosts = sorted(self.stock.of_group(of.name))
        leases = {host: list(self.stock.at(host).leases.values()) for host in hosts}
        assert of.offer.max_units is not None
        left = of.offer.max_units - sum(leased_units(leases[host]) for host in hosts)
        changed = set()
        for host in hosts:
            row = self.stock.at(host).row
            assert row is not None
            live = row.status == "live"
            most = possible(of.offer, row.offered, leases[host]) if live else 0
            extra = max(0, min(most, left))
            left -= extra
            if self.extra.get(host) != extra:
                self.extra[host] = extra
                changed.add(host)
        return changed

    def spare(self, of: Group, symbol: str) -> int:
        taken = [(ask.symbol, ask.most) for ask in self.asks.of_group(of.name)]
        for host in self.stock.of_group(of.name):
            leases = self.stock.at(host).leases.values()
            taken += [(lease.symbol, lease.units) for lease in leases]
        at: dict[str, int] = {}
        for name, count in taken:
            at[delivery_of(name)] = at.get(delivery_of(name), 0) + count
        assert of.offer.max_units is not None
        left = of.offer.max_units - at.pop("spot", 0)
        if is_spot(symbol):
            return left - max(at.values(), default=0)
        return left - at.get(delivery_of(symbol), 0)


class Scene:
    def __init__(self) -> None:
        self.stock, self.asks = Stock(GROUPS), Asks()
        self.limits, self.naive = Limits(self.stock, self.asks), Naive(self.stock, self.asks)

    def row(self, host: str, units: int, rack: str, live: bool) -> None:
        status: Any = "live" if live else "silent"
        offered = ToldCapacity(*room(units))
        row = HostUpdate(host, f"{rack}-1", status, offered, NOTHING, 0, zone="eu-de")
        self.stock.update(row)
        self.limits.touch(host)

    def lease(self, host: str, units: int, symbol: str) -> None:
        """Of each host at most one lease a symbol; without units it is over."""
        name, state = f"l-{host}-{symbol}", "active" if units else "ended"
        what: Any = (name, "t-1", symbol, "sell", host, units, 1, state, 0, 0)
        self.stock.lease(LeaseUpdate(1, 1, 1, *what))
        self.limits.touch(host)

    def ask(self, host: str, units: int, symbol: str, rack: str) -> None:
        name = f"{ask_prefix(rack, host)}1-{symbol}"
        status: Any = "new" if units else "canceled"
        what: Any = (name, name, symbol, "sell", status, status, 9, 0, units, 0)
        self.asks.fold(OrderUpdate(1, 1, 1, *what))
        self.limits.touch(host)

    def grow(self, host: str, units: int) -> None:
        for ask in self.asks.on(host):
            ask.pending, ask.tried = "replace", units
        self.limits.touch(host)

    def restart(self) -> None:
        self.stock.rebuild([])
        self.asks.rebuild([])
        self.limits.restart()

    def look(self) -> None:
        for of in GROUPS:
            assert set(self.limits.changed(of)) == self.naive.changed(of)
            for symbol in SYMBOLS:
                assert self.limits.spare(of, symbol) == self.naive.spare(of, symbol)


@given(steps=steps)
def test_counting_what_changed_is_counting_everything(steps: list[tuple[Any, ...]]) -> None:
    scene = Scene()
    for step in steps:
        getattr(scene, step[0])(*step[1:])
    scene.look()
