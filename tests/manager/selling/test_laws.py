"""Laws of selling, over stories of buyers, hosts, restarts and lost answers.

At every moment: nothing above a limit, below a price or outside hours. When all is quiet: the book
is the policy's truth, worked out here in another way; and a Manager that starts anew at any time
comes to the same book.
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.wire.requests import HostDrain, LeaseRecall, OrderPlace
from manager.selling.group import Group
from manager.selling.hours import Calendar, parse_hours
from manager.selling.price import Fixed, Relative
from tests.exchange.support.market import SYMBOL
from tests.manager.selling.shop import BERLIN, PRICE_UCR, Shop, group, room

HOSTS = 3
UNITS = 4
QUIET_S = 14 * 60
"""Longer than what was recalled cools down."""
FLOOR_UCR = 15_000

KINDS: list[dict[str, Any]] = [
    {},
    {"kind": "fixed", "units": 2},
    {"kind": "share", "share": 0.5},
    {"max_units": 5},
    {"max_units": 5, "delivery": ("spot", "window")},
    {"delivery": ("window", "spot")},
    {"reserve_mvcpu": 1500, "max_share": 0.9},
    {"kind": "residual", "below_pct": 10},
    {"price": Relative("best_ask", -1_000, FLOOR_UCR, 30_000)},
    {"calendar": Calendar(parse_hours("08:00-19:00")), "notice_only": True},
]

hosts = st.integers(1, HOSTS).map(lambda number: f"h-{number}")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.integers(1, 6)),
        st.tuples(st.just("buy_window"), st.integers(1, 3)),
        st.tuples(st.just("release"), st.integers(0, 5)),
        st.tuples(st.just("offers"), hosts, st.integers(0, UNITS + 2)),
        st.tuples(st.just("silent"), hosts),
        st.tuples(st.just("back"), hosts),
        st.tuples(st.just("drain"), hosts, st.booleans()),
        st.tuples(st.just("recall"), st.integers(0, 5)),
        st.tuples(st.just("mass_cancel")),
        st.tuples(st.just("restart")),
        st.tuples(st.just("lost")),
        st.tuples(st.just("rival"), st.integers(10_000, 40_000)),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 0.3, 1, 3, 20, 200, 3_600])),
    ),
    max_size=14,
)


class Story:
    """Plays steps on a shop, and holds the laws after each request of the Manager's."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.shop = shop = Shop(group(**fields), hosts=HOSTS, units=UNITS)
        [self.group] = shop.groups
        self.offered = dict.fromkeys(shop.hosts, UNITS)
        self.live = dict.fromkeys(shop.hosts, True)
        self.drained = dict.fromkeys(shop.hosts, False)
        self.number = 0
        shop.market.open_account("eve")
        shop.market.add_host("eve", 50)
        shop.market.place("eve.rival", "sell", 1, 40_000)
        self._answer = shop.answer
        shop.answer = self.checked  # type: ignore[method-assign]

    def checked(self, request: Any) -> None:
        if isinstance(request, OrderPlace):
            assert request.price_ucr is not None
            price = self.group.offer.price
            low = price.floor_ucr if isinstance(price, Relative) else PRICE_UCR
            assert request.price_ucr >= low, "below the price"
            if request.symbol == SYMBOL:
                clock = BERLIN["DE"]
                assert self.group.offer.calendar.open_at(self.shop.now_ms, clock), "not in hours"
        self._answer(request)
        self.within_limits()

    def within_limits(self) -> None:
        """What is asked and leased is never above what the group may sell."""
        most = self.group.offer.max_units
        if most is None:
            return
        counts = Counter(self.asked_at())
        spot = counts.pop("spot", 0)
        leased = self.leased()
        spot += leased.pop("spot", 0)
        for delivery in counts.keys() | leased.keys() | {""}:
            assert spot + counts[delivery] + leased[delivery] <= most, "above max_units"

    def asked_at(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for (_, symbol), (units, _) in self.shop.asks().items():
            found[symbol.rpartition(".")[2]] += units
        return found

    def leased(self, host: str | None = None) -> Counter[str]:
        found: Counter[str] = Counter()
        for row in self.shop.market.engine.account_state("shop").leases:
            if row.side == "sell" and host in (None, row.host):
                found[row.symbol.rpartition(".")[2]] += row.units
        return found

    def play(self, step: tuple[Any, ...]) -> None:
        getattr(self, step[0])(*step[1:])
        self.shop.after(0.001)

    def buy(self, units: int) -> None:
        self.number += 1
        self.shop.buy(f"b{self.number}", units)

    def buy_window(self, units: int) -> None:
        windows = sorted(symbol for _, symbol in self.shop.asks() if symbol != SYMBOL)
        if windows:
            self.number += 1
            self.shop.buy(f"b{self.number}", units, windows[-1])

    def release(self, at: int) -> None:
        mine = [row for row in self.shop.leases() if row.state in ("active", "granted")]
        if mine:
            self.shop.release(mine[at % len(mine)].lease_id)

    def recall(self, at: int) -> None:
        rows = self.shop.leases()
        if rows:
            self.shop.market.send(
                LeaseRecall(req_id=1, lease_id=rows[at % len(rows)].lease_id), "shop"
            )

    def offers(self, host: str, units: int) -> None:
        if self.live[host]:
            self.shop.offers(host, room(units))
            self.offered[host] = units

    def silent(self, host: str) -> None:
        if self.live[host]:
            self.shop.silent(host)
            self.live[host] = False

    def back(self, host: str) -> None:
        if not self.live[host]:
            self.shop.back(host, UNITS)
            self.live[host], self.offered[host] = True, UNITS

    def drain(self, host: str, on: bool) -> None:
        self.shop.market.send(HostDrain(req_id=1, host=host, enabled=on), "shop")
        self.drained[host] = on

    def mass_cancel(self) -> None:
        for row in list(self.shop.market.engine.order_list("shop")):
            self.shop.market.cancel(f"shop.{row.client_order_id}")

    def restart(self) -> None:
        self.shop.start()

    def lost(self) -> None:
        """The connection breaks while requests are under way: they are done, never answered."""
        answer = self.shop.answer
        market = self.shop.market
        unheard: Any = lambda request: market.send(request, "shop")  # noqa: E731
        self.shop.answer = unheard  # type: ignore[method-assign]
        self.shop.after(0.3)
        self.shop.answer = answer  # type: ignore[method-assign]
        self.shop.disconnect()
        self.shop.after(3)
        self.shop.connect()

    def rival(self, price_ucr: int) -> None:
        self.shop.market.replace("eve.rival", price_ucr=price_ucr)

    def wait(self, seconds: float) -> None:
        self.shop.after(seconds)

    # --- the truth, in another way ---

    def truth(self) -> Counter[str]:
        """Return the units that the group should ask for on spot, or in a window not sold yet."""
        offer, shop = self.group.offer, self.shop
        if not offer.calendar.open_at(shop.now_ms, BERLIN["DE"]):
            return Counter()
        left = None
        free: dict[str, int] = {}
        sold: dict[str, int] = {}
        for host in shop.hosts:
            leased = self.leased(host)
            spot = leased.pop("spot", 0)
            sold[host] = spot + max(leased.values(), default=0)
            units = float(self.offered[host])
            most = [units, units * offer.max_share]
            if offer.kind == "share":
                most.append(units * offer.share)
            most.append((units * 1000 - offer.reserve_mvcpu) / 1000)
            fits = int(max(0.0, min(most)))
            if offer.kind == "fixed":
                fits = min(fits, offer.units)
            on_sale = self.live[host] and not self.drained[host]
            free[host] = max(0, fits - sold[host]) if on_sale else 0
        if offer.max_units is not None:
            left = max(0, offer.max_units - sum(sold.values()))
        found: Counter[str] = Counter()
        for host, units in sorted(free.items()):
            part = units if left is None else min(units, left)
            left = None if left is None else left - part
            if len(offer.delivery) == 2:
                part = (part + (offer.delivery[0] == "spot")) // 2
            if part:
                found[host] = part
        return found

    def quiet(self) -> None:
        self.shop.after(QUIET_S)


def spot_of(shop: Shop) -> Counter[str]:
    return Counter(shop.spot())


@pytest.mark.parametrize("fields", KINDS)
@given(steps=steps)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_book_is_the_policys_truth(fields: dict[str, Any], steps: list[Any]) -> None:
    story = Story(fields)
    for step in steps:
        story.play(step)
    story.quiet()
    assert spot_of(story.shop) == story.truth()
    before, requests = story.shop.asks(), len(story.shop.requests)
    story.shop.after(30)
    assert len(story.shop.requests) == requests, "flaps"
    story.restart()
    story.shop.after(30)
    assert story.shop.asks() == before
    story.within_limits()


@given(steps=steps)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_ask_is_left_over_when_a_group_is_gone(steps: list[Any]) -> None:
    story = Story({"delivery": ("spot", "window")})
    for step in steps:
        story.play(step)
    gone: tuple[Group, ...] = (group("other", "nothing"),)
    story.shop.groups = gone
    story.restart()
    story.shop.after(30)
    assert story.shop.asks() == {}


def test_the_laws_find_a_price_below_the_floor() -> None:
    story = Story({"price": Fixed(PRICE_UCR - 1)})
    with pytest.raises(AssertionError, match="below the price"):
        story.quiet()
