"""The table of actions: whole, without a clash, remapped by name, and what the docs say."""

import os
from pathlib import Path

import pytest

from tests.tui.test_cli import tui
from tui.actions import Action, Keyboard, KeymapError
from tui.commands import GROUPS
from tui.config import Config, ConfigError
from tui.keymap import key_of
from tui.reference import keys_page
from tui.screens.table import TABS, all_tables

PAGE = Path(__file__).parents[2] / "docs" / "keys.md"


def test_every_action_has_a_key_a_title_a_help_text_and_a_group() -> None:
    for screen, actions in all_tables().items():
        for action in actions:
            assert action.keys, (screen, action)
            assert action.title, (screen, action)
            assert action.help.endswith("."), (screen, action)
            assert action.group in GROUPS, (screen, action)


def test_one_name_is_one_action() -> None:
    """A name that two screens share means the same on both: the keymap knows it once."""
    meant: dict[str, tuple[str, tuple[str, ...]]] = {}
    for actions in all_tables().values():
        for action in actions:
            if action.name not in ("back", "copy", "find"):
                known = meant.setdefault(action.name, (action.group, action.keys))
                assert known == (action.group, action.keys), action.name


def test_no_key_means_two_things_on_a_screen() -> None:
    Keyboard(all_tables())


def test_the_tabs_have_their_keys_and_letters() -> None:
    assert [(tab.title, tab.number, tab.letter) for tab in TABS] == [
        ("Market", 2, "m"),
        ("Orders", 3, "o"),
        ("Leases", 4, "l"),
        ("Hosts", 5, "h"),
        ("Find", 6, "f"),
        ("Library", 7, "b"),
        ("Automation", 8, "a"),
        ("Scenarios", 9, "s"),
        ("Log", 10, "j"),
        ("Operator", 11, "p"),
    ]


def action(name: str, *keys: str) -> Action:
    return Action(name, name.title(), f"{name}.", "Look", keys)


TABLES = {"one": (action("go", "x"), action("stay", "y")), "two": (action("jump", "x"),)}


def test_a_key_may_mean_different_things_on_different_screens() -> None:
    keyboard = Keyboard(TABLES, {"jump": ("y",)})
    assert keyboard.meaning("one", ["y"]) == "stay"
    assert keyboard.meaning("two", ["y"]) == "jump"
    assert keyboard.meaning("two", ["x"]) is None


WRONG = [
    ({"jumpp": ("z",)}, "keymap: there is no action 'jumpp'"),
    ({"go": ("y",)}, "keymap: 'y' means go and stay on one"),
    ({"go": ("g",)}, "keymap: 'g' means go and the tabs on one"),
]


@pytest.mark.parametrize(("wanted", "said"), WRONG)
def test_a_wrong_keymap_is_told_in_one_line(wanted: dict[str, tuple[str, ...]], said: str) -> None:
    with pytest.raises(KeymapError) as caught:
        Keyboard(TABLES, wanted)
    assert str(caught.value) == said


KEYS = [
    ("n", "n"),
    ("/", "slash"),
    ("F5", "f5"),
    ("^p", "ctrl+p"),
    ("ctrl+n", "ctrl+n"),
    (",", "comma"),
]


@pytest.mark.parametrize(("text", "key"), KEYS)
def test_keys_as_a_person_writes_them(text: str, key: str) -> None:
    assert key_of(text) == key


def test_what_is_no_key() -> None:
    assert key_of("hyper+q") is None
    with pytest.raises(ConfigError, match="keymap: buy: 'hyper' is no key"):
        Config(keymap={"buy": ["n", "hyper"]}).keys()


@pytest.mark.parametrize(
    ("keymap", "said"),
    [
        ('buy = "s"', "keymap: 's' means buy and sell on market"),
        ('byu = "n"', "keymap: there is no action 'byu'"),
        ('buy = "hyper"', "keymap: buy: 'hyper' is no key"),
    ],
)
def test_a_wrong_keymap_ends_the_start(tmp_path: Path, keymap: str, said: str) -> None:
    path = tmp_path / "headroom" / "tui.toml"
    path.parent.mkdir()
    path.write_text(f"[keymap]\n{keymap}\n")
    assert tui(tmp_path) == (2, f"headroom: {said}\n")


def test_the_page_names_every_action() -> None:
    """``HEADROOM_REGENERATE=1`` writes it anew."""
    if os.environ.get("HEADROOM_REGENERATE"):
        PAGE.write_text(keys_page(), "utf-8")
        return
    assert PAGE.read_text("utf-8") == keys_page()
