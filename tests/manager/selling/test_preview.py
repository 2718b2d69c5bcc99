"""A preview is what then stands in the book: the same offers, seen before and after."""

from typing import Any

import pytest

from exchange.units import MS_PER_HOUR, MS_PER_MINUTE
from manager.selling.group import Group
from manager.selling.hours import Calendar, parse_days, parse_hours
from manager.selling.preview import Preview
from manager.selling.price import Fixed, Hourly, Relative
from manager.selling.stock import SHAPES
from tests.exchange.support.market import SYMBOL
from tests.manager.selling.shop import Shop, group, room
from tests.manager.selling.test_terms import at

NIGHT = Calendar(parse_hours("20:00-07:00"))
RELATIVE = Relative("best_ask", -1_000, 15_000, 40_000)
BOTH: dict[str, Any] = {"delivery": ("spot", "window")}


def seen(shop: Shop, wanted: Group) -> Preview:
    """Ask as the terminal does: again once the books that the price goes by are read."""
    for _ in range(2):
        outs, found = shop.selling.preview(wanted, shop.now_ms)
        shop._do(outs)
        shop.hear()
    return found


def told(preview: Preview) -> dict[tuple[str, int | None], int]:
    return {(ask.symbol, ask.price_ucr): ask.units for ask in preview.asks if ask.opens_ms is None}


def in_book(shop: Shop) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for (_, symbol), (units, price_ucr) in shop.asks().items():
        found[symbol, price_ucr] = found.get((symbol, price_ucr), 0) + units
    return found


def market(units: int) -> Shop:
    """Three hosts, one of them half sold; there are windows besides spot."""
    shop = Shop(group(), hosts=3, units=units)
    for host in shop.hosts:
        shop.offers(host, room(units))
    shop.after(2)
    shop.buy("first", 2)
    shop.after(2)
    return shop


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": "none"},
        {"kind": "fixed", "units": 3},
        {"kind": "share", "share": 0.5},
        {"kind": "residual", "below_pct": 10},
        {"max_units": 5},
        {"max_units": 2},
        {"max_share": 0.5, "reserve_mem_mib": 600},
        {"price": RELATIVE},
        {"price": Hourly(((parse_hours("00:00-12:00"), 11_000), (None, 12_000)))},
        {"shapes": {"medium": SHAPES["medium"], "small": SHAPES["small"]}},
        {"calendar": NIGHT},
        {**BOTH},
        {**BOTH, "calendar": NIGHT, "price": RELATIVE, "kind": "residual", "below_pct": 10},
    ],
)
def test_what_it_shows_stands_in_the_book_then(fields: dict[str, Any]) -> None:
    shop = market(4)
    wanted = group(**fields)
    before = in_book(shop)
    found = seen(shop, wanted)
    assert in_book(shop) == before, "a preview changes nothing"
    shop.regroup(wanted)
    shop.after(90)
    assert in_book(shop) == told(found)


def test_spot_that_waits_for_its_hours_says_until_when() -> None:
    shop = Shop(group())
    at(shop, "12:00")
    found = seen(shop, group(calendar=NIGHT))
    assert [(ask.symbol, ask.units, ask.hosts) for ask in found.asks] == [(SYMBOL, 4, 1)]
    opens_ms = found.asks[0].opens_ms
    assert opens_ms is not None
    # "12:00" has begun some seconds ago, perhaps.
    assert 8 * MS_PER_HOUR - MS_PER_MINUTE <= opens_ms - shop.now_ms <= 8 * MS_PER_HOUR
    shop.regroup(group(calendar=NIGHT))
    at(shop, "20:00")
    shop.after(5)
    assert shop.spot() == {"h-1": 4}


def test_hours_that_never_come_sell_nothing() -> None:
    shop = Shop(group())
    closed = Calendar(None, (parse_days("2020-01-01..2039-12-31"),))
    found = seen(shop, group(calendar=closed))
    assert found.asks == []
    assert found.notes == ["no flat market of small takes these hosts in these hours"]


def test_it_says_why_a_host_sells_nothing() -> None:
    shop = Shop(group(), hosts=4)
    shop.silent("h-1")
    shop.offers("h-2", room(0))
    shop.pauses("h-3")
    shop.after(2)
    found = seen(shop, group())
    assert [note.partition(": ")[2] for note in found.notes] == [
        "it is silent",
        "it offers nothing now",
        "it is paused: libvirtd does not answer",
    ]
    assert [ask.hosts for ask in found.asks] == [1]


def test_a_price_by_a_book_that_is_not_read_is_not_known_at_first() -> None:
    shop = Shop(group())
    outs, found = shop.selling.preview(group(price=RELATIVE), shop.now_ms)
    shop._do(outs)
    assert [ask.price_ucr for ask in found.asks] == [None]
    assert [ask.price_ucr for ask in seen(shop, group(price=RELATIVE)).asks] == [40_000]


def test_a_group_without_hosts_and_one_that_offers_nothing_say_so() -> None:
    shop = Shop(group(hosts="no-such-*"))
    assert seen(shop, group(hosts="no-such-*")).notes == [
        "no host of this account belongs to the group"
    ]
    shop = Shop(group())
    found = seen(shop, group(kind="none", price=Fixed(1)))
    assert found.notes == ["nothing is offered: asks are withdrawn, what is sold runs on"]


def test_other_hours_count_for_windows_that_were_looked_at_before() -> None:
    """The hours of a group may change while it runs; its windows must follow."""
    day = Calendar(parse_hours("07:00-20:00"))
    shop = market(4)
    shop.regroup(group(**BOTH, calendar=NIGHT))
    shop.after(5)
    night = set(in_book(shop))
    shop.regroup(group(**BOTH, calendar=day))
    shop.after(5)
    assert not night & {place for place in in_book(shop) if not place[0].endswith("spot")}
