"""What is set and where it came from; the theme chooser; plain theme names."""

from pathlib import Path

import pytest

from tests.tui.test_app import LARGE, SMALL, Stand, play
from tui.config import Config, load_config, settings
from tui.screens.settings import SettingsScreen

FILE = """
theme = "light"
scenarios = "plans"
url = "ws://file"
[profiles.shop]
url = "ws://profile"
"""


def test_each_setting_says_where_it_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tui.toml"
    path.write_text(FILE)
    monkeypatch.setenv("HEADROOM_KEY", "env.pem")
    given = {"key": "env.pem", "symbol": "s"}
    found = settings(load_config(path, "shop"), path, "shop", given)
    assert {one.name: (one.value, one.origin) for one in found} == {
        "url": ("ws://profile", "profile shop"),
        "key": ("env.pem", "environment"),
        "symbol": ("s", "command line"),
        "control": ("–", "default"),
        "theme": ("headroom-light", "file"),
        "fat_finger_pct": ("20", "default"),
        "scenarios": ("plans", "file"),
        "keymap": ("0 changed", "default"),
    }


@pytest.mark.parametrize("size", [SMALL, (120, 35), LARGE])
def test_all_that_can_be_set_is_listed_where_nothing_is(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await s.press("f2", "comma")
        rows = str(s.app.screen.query_one("#settings-rows").render()).splitlines()
        fields = [*Config.__struct_fields__]
        fields.remove("profiles")
        assert sorted(row.split()[0] for row in rows) == sorted(fields)
        assert all(row.split()[-1] != "default" for row in rows), "each says what it is"
        said = str(s.app.screen.query_one("#settings-file").render())
        assert said == "They are set in ~/.config/headroom/tui.toml"
        box = s.app.screen.query_one("#settings").region
        keys = s.app.screen.query_one("#settings-keys").region
        assert box.contains_region(keys)

    play(size, scene)


@pytest.mark.parametrize(
    ("name", "theme"), [("dark", "headroom-dark"), ("light", "headroom-light")]
)
def test_plain_names_of_themes(tmp_path: Path, name: str, theme: str) -> None:
    path = tmp_path / "tui.toml"
    path.write_text(f'theme = "{name}"')
    assert load_config(path).theme == theme


@pytest.mark.parametrize("tab", ["f2", "f10"])
def test_a_theme_is_chosen_on_any_screen(tab: str) -> None:
    async def scene(s: Stand) -> None:
        s.app.shared.settings = [("url", "ws://here", "file")]
        await s.press(tab, "comma")
        await s.pilot.pause()
        assert isinstance(s.app.screen, SettingsScreen)
        await s.press("down", "down", "enter")
        await s.pilot.pause()
        assert s.app.theme == "cb-safe"
        await s.press("comma", "escape")
        await s.pilot.pause()
        assert s.app.theme == "cb-safe"

    play(LARGE, scene)
