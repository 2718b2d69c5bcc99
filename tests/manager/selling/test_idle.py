"""A group without asks says why: in the rows of the control socket and in `manager status`."""

from collections.abc import Callable
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from msgspec.structs import replace

from exchange.units import MS_PER_MINUTE
from exchange.wire.text import paused_text
from exchange.wire.types import ToldCapacity, ToldLoad
from manager.control.frames import GroupRow, LoadRow, Snapshot
from manager.control.groups_view import group_rows
from manager.control.tables import status_lines
from manager.selling.hours import Calendar, Days, Hours, local_time, parse_days
from tests.manager.selling.shop import Shop, group, room

HOSTS = 2
ALWAYS = parse_days("2000-01-01..2100-01-01")


NOTHING = ToldCapacity(0, 0, 0)


def hours_in(shop: Shop, first: int, last: int) -> Hours:
    """Return the hours that begin and end so many minutes from now."""
    minute = shop.selling._outgoing.exchange_ms // MS_PER_MINUTE
    return Hours((minute + first) % 1440, (minute + last) % 1440)


def day_ends_in(shop: Shop, minutes: int) -> timezone:
    """Return a clock whose day ends so soon."""
    minute = shop.now_ms // MS_PER_MINUTE % 1440
    return timezone(timedelta(minutes=1440 - minutes - minute))


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


def too_small(shop: Shop) -> None:
    mvcpu, mem_mib, disk_mib = room(1)
    for host in list(shop.hosts):
        shop.offers(host, (mvcpu - 1, mem_mib, disk_mib))


def busy(shop: Shop, host: str, cpu_pct: float = 62) -> None:
    """The agent offers nothing any more, since its own load is too high."""
    load = ToldLoad(cpu_pct, 0)
    shop._tell(replace(shop._rows[host], offered=NOTHING, load=load))


def busy_all(shop: Shop) -> None:
    for host in list(shop.hosts):
        busy(shop, host)


def cut_off(shop: Shop) -> None:
    sell_all(shop)
    shop.disconnect()


KINDS: list[tuple[dict[str, Any], Callable[[Shop], None], str]] = [
    ({"kind": "none"}, nothing, "its offer is none"),
    ({"calendar": Calendar(None, (ALWAYS,))}, nothing, "blackout until 2100-01-01"),
    ({"max_units": 3}, sell_all, "max_units 3: 3 units sold"),
    ({}, sell_all, "all it may sell is in use"),
    ({}, silence, "it is silent"),
    ({}, pause, "it is paused: "),
    ({}, hibernate, "hibernating"),
    ({}, small, "it offers nothing now"),
    ({}, too_small, "what it offers has room for no unit"),
    (
        {"kind": "residual", "below_pct": 40},
        busy_all,
        "its load of 62 % is not below 40 %",
    ),
    ({}, cut_off, "no connection to the exchange"),
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
    hours = hours_in(Shop(group()), 60, 120)
    shop = Shop(group(calendar=Calendar(hours), clock=UTC))
    shop.after(5)
    assert row(shop).idle == f"outside its hours {hours.text()}"


CLOSING = "it closes sooner than a recall takes"


@pytest.mark.parametrize(("notice_only", "why"), [(True, CLOSING), (False, "")])
def test_hours_that_end_before_a_recall_would(notice_only: bool, why: str) -> None:
    hours = hours_in(Shop(group()), -60, 2)
    shop = Shop(group(calendar=Calendar(hours), clock=UTC, notice_only=notice_only))
    shop.after(5)
    assert row(shop).idle == why


@pytest.mark.parametrize(("minutes", "why"), [(2, CLOSING), (4, "")])
def test_a_day_without_sale_that_begins_before_a_recall_would_end(minutes: int, why: str) -> None:
    clock = day_ends_in(Shop(group()), minutes)
    tomorrow = local_time(Shop(group()).now_ms, clock).date() + timedelta(days=1)
    calendar = Calendar(None, (Days(tomorrow, tomorrow),))
    shop = Shop(group(calendar=calendar, clock=clock, notice_only=True))
    shop.after(5)
    assert row(shop).idle == why


def test_refused_asks_are_in_the_log() -> None:
    shop = Shop()
    shop.sell_by_hand("shop.mine", 4, 50_000, hosts=["h-1"])
    shop.groups = (group(),)
    shop.start()
    shop.after(5)
    assert row(shop).idle == "its asks are on their way, or were refused: see the log"


def test_of_many_reasons_the_most_common_are_told() -> None:
    shop = Shop(group(kind="residual", below_pct=40), hosts=7)
    shop.after(10)
    assert shop.buy("all", 99) == 28
    for host in ("h-1", "h-2"):
        shop.silent(host)
    for host in ("h-3", "h-4"):
        shop.pauses(host)
    shop.after(5)
    busy(shop, "h-5")
    found = row(shop).idle.split("; ")
    assert len(found) == 3
    assert sorted(found[:2]) == [
        "2 hosts: it is paused: " + paused_text("hypervisor_lost"),
        "2 hosts: it is silent",
    ]
    assert found[2] == "2 hosts: all it may sell is in use"


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
