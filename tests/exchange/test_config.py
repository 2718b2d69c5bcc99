"""The operator's configuration file: what it leaves out, and what it gets wrong in one line."""

from pathlib import Path

import pytest

from exchange.config import ConfigError, load_config
from exchange.genesis import default_config

TINY = """
[classes.tiny]
mvcpu = 100
mem_mib = 64
disk_mib = 100
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "exchange.toml"
    path.write_text(text)
    return path


def test_without_a_file_all_is_default() -> None:
    assert load_config(None) == default_config()


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
        ("colour = 1", "colour"),
        ("fee_pct =", "Invalid value"),
        (TINY + "[[windows]]\nclass='small'\nzone='eu-de'\npricing='flat'", "windows[0].class"),
        ("[[instruments]]\nclass='nano'\nzone='mars'\npricing='flat'", "instruments[0].zone"),
        (TINY.replace("tiny", '"ti.ny"'), "ti.ny"),
    ],
)
def test_a_mistake_is_one_line_that_names_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, text))
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
