"""The operator's configuration file: what it leaves out, and what it gets wrong in one line."""

import tomllib
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import fields

from exchange.cli.admin import operator_messages, subcommand
from exchange.cli.config import IN_CREDITS, ConfigError, load_config
from exchange.model.config import (
    ExchangeConfig,
    InstrumentConfig,
    WindowConfig,
    ZoneConfig,
    default_config,
)
from tests.exchange.support.harness import ROOT

TINY = """
[classes.tiny]
mvcpu = 100
mem_mib = 64
disk_mib = 100
"""
MARKET = "[[instruments]]\nclass='nano'\nzone='eu-de'\npricing='flat'\n"
ZONE = "zones = [{zone='x', country='DE', accel=['kvm'], lost_after_ms=15000}]"


def written(folder: Path, text: str) -> Path:
    path = folder / "exchange.toml"
    path.write_text(text)
    return path


def test_without_a_file_all_is_default() -> None:
    assert load_config(None) == default_config()


@pytest.mark.parametrize("table", ["instruments", "windows"])
def test_prices_are_in_credits_or_micro_credits(tmp_path: Path, table: str) -> None:
    market = MARKET.replace("instruments", table)
    exact = load_config(written(tmp_path, f"{market}tick_ucr=1\nref_ucr=20000"))
    assert load_config(written(tmp_path, f"{market}tick=0.000001\nref_price=0.02")) == exact


def test_own_classes_bring_their_own_markets(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, TINY))
    assert [(item.class_, item.pricing) for item in config.instruments] == [
        ("tiny", "flat"),
        ("tiny", "metered"),
    ]
    assert config.windows == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fee_pct = 101", "fee_pct"),
        (f"{MARKET}tick='1'", "instruments[0].tick: not a number of credits"),
        (f"{MARKET}tick=true", "instruments[0].tick: not a number of credits"),
        (f"{MARKET}tick=0.0000001", "instruments[0].tick: 0.0000001 is not an amount of credits"),
        (f"{MARKET}ref_price=nan", "instruments[0].ref_price: NaN is not an amount of credits"),
        (f"{MARKET}tick=1\ntick_ucr=1", "instruments[0]: tick or tick_ucr, not both"),
        (f"{MARKET}tick=0", "instruments[0].tick_ucr"),
        ("colour = 1", "`colour`; there are classes, zones, instruments, windows, fee_pct"),
        ("[[zones]]\nname='x'", "; there are zone, country, accel, lost_after_ms"),
        ("[classes.tiny]\ncpu=1", "; there are mvcpu, mem_mib, disk_mib"),
        ("[[windows]]\nclass_='small'", "; there are class, zone, pricing, hours_ahead"),
        ("zones = [{zone='x', country='de', accel=['kvm']}]", "two capital letters"),
        ("fee_pct =", "Invalid value"),
        (TINY + "[[windows]]\nclass='small'\nzone='eu-de'\npricing='flat'", "windows[0].class"),
        ("[[instruments]]\nclass='nano'\nzone='mars'\npricing='flat'", "instruments[0].zone"),
        (TINY.replace("tiny", '"ti.ny"'), "ti.ny"),
        (TINY.replace("100", "0", 1), "classes.tiny: mvcpu 1 to 1000000"),
        (TINY.replace("100", "1000001", 1), "classes.tiny: mvcpu 1 to 1000000"),
        (TINY.replace("64", "0"), "mem_mib and disk_mib at least 1"),
        (TINY.replace("disk_mib = 100", "disk_mib = 0"), "disk_mib at least 1"),
        (ZONE.replace("15000", str(2**53 + 1)), "zones[0].lost_after_ms"),
        (ZONE.replace("15000", str(10**30)), "zones[0].lost_after_ms"),
    ],
)
def test_a_mistake_is_one_line_that_names_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, text))
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_documented_file_is_one_and_names_every_key(tmp_path: Path) -> None:
    """Seen to fail with a page that left out ``lost_after_ms``."""
    page = (ROOT / "docs" / "operator.md").read_text("utf-8")
    text = page.partition("```toml\n")[2].partition("```")[0]
    given = tomllib.loads(text)
    load_config(written(tmp_path, text))
    tables = [given, *(given[name][0] for name in ("zones", "instruments", "windows"))]
    kinds: list[type[msgspec.Struct]] = [ExchangeConfig, ZoneConfig, InstrumentConfig, WindowConfig]
    for table, kind in zip(tables, kinds, strict=True):
        as_above = {"ref_ucr", "band_pct"} if kind is WindowConfig else set()
        named = {IN_CREDITS.get(name, name) for name in table}
        assert {field.encode_name for field in fields(kind)} - named == as_above


def test_every_command_of_the_operator_is_documented() -> None:
    """Seen to fail for `admin decline`, which stood on no page."""
    page = (ROOT / "docs" / "operator.md").read_text("utf-8")
    commands = [subcommand(message) for message in operator_messages()]
    assert len(commands) > 10
    assert [name for name in commands if f"headroom admin {name}" not in page] == []
