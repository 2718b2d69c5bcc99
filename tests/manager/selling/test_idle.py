"""A group without asks says why: in the rows of the control socket and in `manager status`."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest

from manager.control.frames import GroupRow, LoadRow, Snapshot
from manager.control.groups_view import group_rows
from manager.control.tables import status_lines
from manager.selling.hours import Calendar, Hours, parse_days
from tests.manager.selling.shop import Shop, group, room

HOSTS = 2
ALWAYS = parse_days("2000-01-01..2100-01-01")


def closed(shop: Shop) -> Hours:
    minute = shop.selling._outgoing.exchange_ms // 60_000
    return Hours((minute + 60) % 1440, (minute + 120) % 1440)


def nothing(shop: Shop) -> None:
    pass


def sell_all(shop: Shop) -> None:
    shop.buy("all", 99)


def silence_one(shop: Shop) -> None:
    shop.buy("all", 99)
    shop.silent("h-1")


def silence(shop: Shop) -> None:
    for host in list(shop.hosts):
        shop.silent(host)


def pause(shop: Shop) -> None:
    for host in list(shop.hosts):
        shop.pauses(host)


def hibernate(shop: Shop) -> None:
    shop._do(shop.selling.hibernate(True, shop.now_ms))


def small(shop: Shop) -> None:
    for host in list(shop.hosts):
        shop.offers(host, room(0))


KINDS: list[tuple[dict[str, Any], Callable[[Shop], None], str]] = [
    ({"kind": "none"}, nothing, "its offer is none"),
    ({"calendar": Calendar(None, (ALWAYS,))}, nothing, "blackout until 2100-01-01"),
    ({"max_units": 3}, sell_all, "max_units 3: 3 units sold"),
    ({}, sell_all, "all it may sell is in use"),
    ({}, silence, "it is silent"),
    ({}, pause, "it is paused: "),
    ({}, hibernate, "hibernating"),
    ({}, small, "it offers nothing now"),
]


def row(shop: Shop) -> GroupRow:
    [found] = group_rows(shop.selling)
    return found


@pytest.mark.parametrize(("fields", "act", "why"), KINDS)
def test_a_group_without_asks_says_why(
    fields: dict[str, Any], act: Callable[[Shop], None], why: str
) -> None:
    """(Seen to fail: `status` did not name the group at all.)"""
    shop = Shop(group(**fields), hosts=HOSTS)
    shop.after(5)
    act(shop)
    shop.after(5)
    found = row(shop)
    assert (found.asks, found.idle[: len(why)]) == ([], why)
    lines = list(status_lines(Snapshot(at_ms=0, load=LoadRow(1.0, 0), groups=[found])))
    assert any(line.startswith(f"group rack has no asks: {why}") for line in lines)


def test_outside_its_hours_the_hours_are_named() -> None:
    hours = closed(Shop(group()))
    shop = Shop(group(calendar=Calendar(hours), clock=UTC))
    shop.after(5)
    assert row(shop).idle == f"outside its hours {hours.text()}"


def test_no_host_belongs_to_it() -> None:
    shop = Shop(group(hosts="nobody-*"))
    shop.after(5)
    assert row(shop).idle == "no host of this account belongs to it"


def test_hosts_with_different_reasons_are_counted() -> None:
    shop = Shop(group(), hosts=HOSTS)
    shop.after(5)
    silence_one(shop)
    shop.after(5)
    assert sorted(row(shop).idle.split("; ")) == [
        "1 host: all it may sell is in use",
        "1 host: it is silent",
    ]


def test_one_with_asks_is_not_idle() -> None:
    shop = Shop(group(), hosts=HOSTS)
    shop.after(5)
    assert (bool(row(shop).asks), row(shop).idle) == (True, "")
