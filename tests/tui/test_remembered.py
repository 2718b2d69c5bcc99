"""Where the terminal was left, and settings by profile."""

import asyncio
from pathlib import Path

import pytest

from tests.tui.test_app import LARGE, SYMBOL
from tui.app import HeadroomApp
from tui.config import Config, ConfigError, load_config
from tui.demo.scripted import ScriptedLink
from tui.remembered import KeptList, Remembered, keep, recall
from tui.screens.log import LogScreen

LEFT = Remembered("log", SYMBOL, {"log/log": KeptList("order !fill", 1, True)})


def test_what_is_kept_is_recalled(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "tui.json"
    keep(path, LEFT)
    assert recall(path) == LEFT


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"screen": 1}', "[" * 100_000, "\\xff"])
def test_what_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tui.json"
    path.write_text(text)
    assert recall(path) == Remembered()


def test_a_folder_that_takes_no_file_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    keep(tmp_path / "file" / "tui.json", LEFT)


def test_the_terminal_begins_where_it_was_left() -> None:
    async def visit(left: Remembered) -> Remembered:
        link = ScriptedLink()
        app = HeadroomApp(link, now_ms=link.now_ms, symbol=left.symbol, remembered=left)
        async with app.run_test(size=LARGE) as pilot:
            await link.open()
            await link.settled()
            await pilot.pause()
            if left.screen == "log":
                assert isinstance(app.tab, LogScreen)
                assert (app.tab.view.filter, app.tab.view.sorted_by) == ("order !fill", 1)
            await link.close()
            return app.remember()

    assert asyncio.run(visit(LEFT)) == LEFT
    strange = Remembered("gone", SYMBOL, {"log/log": KeptList("x", 99), "gone/a": KeptList()})
    assert asyncio.run(visit(strange)).screen == "market"


PROFILES = """
theme = "headroom-light"
symbol = "a.b.c.d"
[profiles.shop]
url = "wss://x/v1/ws"
symbol = "small.eu-de.flat.spot"
"""


def test_a_profile_stands_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tui.toml"
    path.write_text(PROFILES)
    config = load_config(path, "shop")
    said = (config.url, config.symbol, config.theme)
    assert said == ("wss://x/v1/ws", SYMBOL, "headroom-light")
    assert load_config(path).symbol == "a.b.c.d"
    for profile, place in (("farm", path), ("shop", tmp_path / "none.toml")):
        with pytest.raises(ConfigError, match=f"there is no profile '{profile}'"):
            load_config(place, profile)
    assert load_config(tmp_path / "none.toml") == Config()
