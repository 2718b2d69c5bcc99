"""docs/terminal.md names every key, setting and option that there is, in its own section."""

from pathlib import Path

import pytest

from tests.command import run
from tui.actions import EVERYWHERE, LIST, MARKET
from tui.config import Config, Profile
from tui.keymap import key_name
from tui.screens.help import help_text
from tui.screens.table import TABS, Tab, all_tables

PAGE = (Path(__file__).parents[2] / "docs" / "terminal.md").read_text("utf-8")
SECTIONS = {
    "market": "Keys",
    "orders": "Orders: what is open",
    "leases": "Leases: what you rent",
    "hosts": "Hosts: sell what is left",
    "find": "Find, rent",
    "library": "The Library",
    "automation": "Automation: rules",
    "scenarios": "Running scenarios",
    "log": "The screens",
    "operator": "The operator's screen",
}
WORDS = {"↵": "Enter", "^k": "Ctrl-K", "^p": "Ctrl-P", "^q": "Ctrl-Q", "⇧Tab": "Shift-Tab"}
"""How the page writes what the footer has no room for."""


def section(title: str) -> str:
    [found] = [part for part in PAGE.split("\n## ") if part.startswith(title)]
    return found


def named(key: str, text: str) -> bool:
    shown = key_name(key)
    return f"`{shown}`" in text or (len(shown) > 1 and WORDS.get(shown, shown) in text)


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.name)
def test_every_key_of_a_screen_is_in_its_section(tab: Tab) -> None:
    text = section(SECTIONS[tab.name])
    own = [each for each in tab.screen.ACTIONS if tab.name == "market" or each not in MARKET]
    missing = [each.name for each in own if not named(each.keys[0], text)]
    assert not [name for name in missing if not name.startswith("pane_")]


def test_the_keys_of_every_list_and_screen_are_told_once() -> None:
    text = section("The screens") + section("Keys")
    assert [each.name for each in (*LIST, *EVERYWHERE) if not named(each.keys[0], text)] == []
    assert all(f"| F{tab.number} | `{tab.letter}` | {tab.title} |" in text for tab in TABS)


def test_every_setting_and_option_is_told() -> None:
    text = section("Settings")
    assert [name for name in Config.__struct_fields__ if name not in text] == []
    profile = text[text.index("A profile") :]
    assert [name for name in Profile.__struct_fields__ if f"`{name}`" not in profile] == []
    for name in ("HEADROOM_URL", "HEADROOM_KEY", "HEADROOM_CONTROL"):
        assert name in text
    told = run(["tui", "--help"]).out
    options = {word.strip(",.") for word in told.split() if word.startswith("--")}
    assert [each for each in options - {"--help"} if each not in PAGE] == []


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.name)
def test_help_tells_every_key_the_mouse_and_the_browser(tab: Tab) -> None:
    actions = all_tables()[tab.name]
    told = help_text("red", "blue", actions).plain
    assert [each.name for each in actions if each.keys_text not in told] == []
    words = " ".join(told.split())
    assert "double click" in words and "as browsers do" in words
    assert max(map(len, told.splitlines())) <= 72, "the help's box is no wider"
