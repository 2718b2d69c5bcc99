"""``[[group]]``: every key, and each mistake by its place."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from manager.selling.hours import Hours
from manager.selling.price import Fixed, Hourly, Relative
from manager.shell.config import ConfigError, read_config
from manager.shell.group_tables import (
    GroupTable,
    OfferTable,
    PlaceError,
    changed_offer,
    group_of_table,
)

HEAD = """
schema = 1
[exchange]
url = "wss://headroom.example/v1/ws"
key = "shop.pem"
"""
GROUP = """
[[group]]
name = "rack-7"
hosts = ["r7-*"]
zone = "eu-de"
tags = ["cold"]
[group.offer]
kind = "residual"
below_pct = 10
classes = ["medium", "small"]
delivery = ["spot", "window"]
pricing = "metered"
price = 0.02
hours = "20:00-07:00"
timezone = "Europe/Paris"
blackout = ["2026-12-24..2026-12-27"]
max_units = 20
max_share = 0.8
reserve = {mvcpu = 500, mem_mib = 1024}
notice_only = true
"""


def read(folder: Path, group: str) -> None:
    path = folder / "manager.toml"
    path.write_text(HEAD + group)
    read_config(path)


def test_every_key(tmp_path: Path) -> None:
    path = tmp_path / "manager.toml"
    path.write_text(HEAD + GROUP)
    [table] = read_config(path).groups
    group = group_of_table(table)
    offer = group.offer
    assert (group.name, group.hosts, group.zone, group.tags) == (
        "rack-7",
        ("r7-*",),
        "eu-de",
        ("cold",),
    )
    assert (offer.kind, offer.below_pct, list(offer.shapes)) == (
        "residual",
        10,
        ["medium", "small"],
    )
    assert (offer.delivery, offer.pricing, offer.price) == (
        ("spot", "window"),
        "metered",
        Fixed(20_000),
    )
    assert offer.calendar.hours == Hours(1200, 420)
    assert str(offer.clock) == "Europe/Paris"
    assert (offer.max_units, offer.max_share, offer.notice_only) == (20, 0.8, True)
    assert (offer.reserve_mvcpu, offer.reserve_mem_mib) == (500, 1024)


@pytest.mark.parametrize(
    ("written", "price"),
    [
        ("0.0000004", Fixed(1)),
        (
            '{relative_to = "best_ask", offset = -0.001, floor = 0.015}',
            Relative("best_ask", -1_000, 15_000, 15_000),
        ),
        (
            '{relative_to = "best_bid", floor = 0.015, alone = 0.03}',
            Relative("best_bid", 0, 15_000, 30_000),
        ),
        (
            '[{hours = "20:00-07:00", price = 0.015}, {price = 0.03}]',
            Hourly(((Hours(1200, 420), 15_000), (None, 30_000))),
        ),
    ],
)
def test_every_form_of_a_price(tmp_path: Path, written: str, price: object) -> None:
    path = tmp_path / "manager.toml"
    path.write_text(HEAD + GROUP.replace("price = 0.02", f"price = {written}"))
    [table] = read_config(path).groups
    assert group_of_table(table).offer.price == price


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ('name = "rack-7"', 'name = "rack/7"', "group[0].name: expected"),
        ('hosts = ["r7-*"]', "hosts = []", "group[0].hosts: expected 'array' of length >= 1"),
        ("max_units = 20", "max_unit = 20", "group[0].offer: unknown key 'max_unit'"),
        ("max_units = 20", "max_units = 0", "group[0].offer.max_units: expected 'int' >= 1"),
        ("below_pct = 10\n", "", "group[0].offer.below_pct: missing; the kind 'residual' needs it"),
        (
            'kind = "residual"\nbelow_pct = 10',
            'kind = "all"\nbelow_pct = 10',
            "group[0].offer.below_pct: the kind 'all' does not have it",
        ),
        (
            "below_pct = 10",
            "below_pct = 10\nunits = 3",
            "group[0].offer.units: the kind 'residual' does not have it",
        ),
        ("price = 0.02\n", "", "group[0].offer.price: missing; credits per unit-hour"),
        ("price = 0.02", "price = 0", "group[0].offer.price: expected 'float' > 0.0"),
        ("price = 0.02", 'price = "0.02"', "group[0].offer.price: expected 'float', got 'str'"),
        (
            "price = 0.02",
            'price = {relative_to = "best_ask", offset = -0.001}',
            "group[0].offer.price: missing key 'floor'",
        ),
        (
            "price = 0.02",
            'price = {relative_to = "last", floor = 1.0}',
            "group[0].offer.price.relative_to: invalid enum value 'last'",
        ),
        (
            "price = 0.02",
            'price = {relative_to = "best_ask", floor = 1.0, alone = 0.5}',
            "group[0].offer.price.alone: is below the floor",
        ),
        ("price = 0.02", "price = []", "group[0].offer.price: a list by hour has 1 to 48 entries"),
        (
            "price = 0.02",
            'price = [{hours = "20:00-07:00", price = 0.015}]',
            "group[0].offer.price[0].hours: the last entry has no hours",
        ),
        (
            "price = 0.02",
            "price = [{price = 0.015}, {price = 0.02}]",
            "group[0].offer.price[0].hours: missing; only the last has none",
        ),
        ("20:00-07:00", "20-7", "group[0].offer.hours: '20-7' is not like '20:00-07:00'"),
        ("Europe/Paris", "CET/Paris", "group[0].offer.timezone: 'CET/Paris' is no time zone"),
        ("Europe/Paris", "../etc/passwd", "group[0].offer.timezone: '../etc/passwd' is no time"),
        ("2026-12-24..", "2026-12-34..", "group[0].offer.blackout[0]: '2026-12-34..2026-12-27'"),
        (
            '"medium"',
            '"huge"',
            "group[0].offer.classes[0]: 'huge' is none of nano, small, medium, large",
        ),
        ('"medium"', '"small"', "group[0].offer.classes: names one twice"),
        ('"window"', '"spot"', "group[0].offer.delivery: names one twice"),
        ("max_share = 0.8", "max_share = 1.1", "group[0].offer.max_share: expected 'float' <= 1.0"),
        (
            "notice_only = true",
            "image_max_mib = 0",
            "group[0].offer.image_max_mib: expected 'int' >= 1",
        ),
        (
            "notice_only = true",
            'notice_only = true\n[[group]]\nname = "rack-7"\nhosts = ["b"]',
            "group: the name 'rack-7' is used more than once",
        ),
    ],
)
def test_a_mistake_is_named_by_its_place(tmp_path: Path, old: str, new: str, mistake: str) -> None:
    assert old in GROUP
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, GROUP.replace(old, new, 1))
    [line] = caught.value.lines
    assert mistake in line


def test_a_file_may_have_groups_alone_but_must_have_something(tmp_path: Path) -> None:
    read(tmp_path, GROUP)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "")
    assert any("rule: there is none, and no group" in line for line in caught.value.lines)


def test_other_keys_of_an_offer_make_the_group_that_the_file_would() -> None:
    table = msgspec.convert(
        {"name": "rack", "hosts": ["r*"], "offer": {"kind": "fixed", "units": 2, "price": 0.02}},
        GroupTable,
    )
    changed, offer = changed_offer(table, {"kind": "residual", "units": None, "below_pct": 10})
    assert offer == {"kind": "residual", "below_pct": 10, "price": 0.02}
    assert group_of_table(changed).offer.below_pct == 10
    assert changed_offer(table, {})[1] == {"kind": "fixed", "units": 2, "price": 0.02}


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"units": None}, "rack.offer.units: missing; the kind 'fixed' needs it"),
        ({"hours": "20-07"}, "rack.offer.hours: '20-07' is not like '20:00-07:00'"),
        ({"price": {"relative_to": "best_ask"}}, "rack.offer.price: missing key 'floor'"),
        ({"units": "many"}, "offer.units: expected 'int | null', got 'str'"),
        ({"colour": 1}, "offer: unknown key 'colour'"),
    ],
)
def test_a_wrong_key_of_an_offer_is_named(keys: dict[str, Any], text: str) -> None:
    table = GroupTable(name="rack", hosts=["r*"], offer=OfferTable(kind="fixed", units=2, price=1))
    with pytest.raises(PlaceError) as caught:
        changed_offer(table, keys)
    assert str(caught.value) == text
