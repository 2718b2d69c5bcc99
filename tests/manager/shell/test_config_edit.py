"""Changes to manager.toml: only what was meant, comments kept, whole or not at all."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from manager.core.rule_text import RuleText
from manager.shell.config import ConfigError
from manager.shell.config_edit import (
    Edit,
    NoSuchError,
    add_vm,
    delete,
    edited,
    set_offer,
    set_rule,
    set_rule_key,
    set_switch,
    set_vm,
)
from manager.shell.config_file import ConfigFile

FILE = """\
# the shop's
schema = 1   # always

[exchange]
url = "wss://x.example/"
key = "k.pem"

[[vm]]
name = "web"     # the shop itself
image = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
class = "small"

[load]
url = "http://127.0.0.1/"
unit_rps = 1

# when it is busy
[[rule]]
name = "burst"   # first
when = "util > 70"
do = "buy 1"     # not more
vm = "web"
price_max = 0.1
zones = ["eu-de"]

# when it is calm
[[rule]]
name = "calm"
when = "util < 30"
do = "release 1"
"""
CALM = msgspec.convert({"name": "calm", "when": "util < 20", "do": "release all"}, RuleText)
NEW = msgspec.convert({"name": "night", "when": "util < 5", "do": "release all"}, RuleText)
BROKEN = msgspec.convert({"name": "calm", "when": "util <", "do": "release all"}, RuleText)


def deep(levels: int) -> list[object]:
    found: list[object] = []
    for _ in range(levels):
        found = [found]
    return found


def change(path: Path, edit: Edit) -> ConfigFile:
    with edited(path, edit) as file:
        pass
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "manager.toml"
    found.write_text(FILE)
    found.chmod(0o640)
    return found


CHANGES: list[tuple[Edit, set[str], set[str]]] = [
    (set_rule_key("burst", "paused", True), {"paused = true"}, set()),
    (set_rule_key("burst", "paused", None), set(), set()),
    (set_rule_key("burst", "do", "buy 1"), set(), set()),
    (
        set_rule(CALM),
        {'when = "util < 20"', 'do = "release all"'},
        {'when = "util < 30"', 'do = "release 1"'},
    ),
    (set_switch("buying", False), {"buying = false"}, set()),
    (set_switch("buying", None), set(), set()),
    (set_vm("web", {"health": "/up"}), {'health = "/up"'}, set()),
    (delete("rule", "calm"), set(), {'name = "calm"', 'when = "util < 30"', 'do = "release 1"'}),
]


@pytest.mark.parametrize(("edit", "more", "less"), CHANGES)
def test_a_change_changes_no_other_line(
    path: Path, edit: Edit, more: set[str], less: set[str]
) -> None:
    change(path, edit)
    before, after = FILE.splitlines(), path.read_text().splitlines()
    assert set(after) - set(before) == more
    assert set(before) - set(after) == less
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(path.parent) == ["manager.toml"]


def test_a_key_stands_in_its_own_table(path: Path) -> None:
    change(path, set_rule_key("burst", "paused", True))
    lines = path.read_text().splitlines()
    assert lines[lines.index("paused = true") - 1] == 'name = "burst"   # first'
    assert lines[lines.index("[[rule]]", lines.index("paused = true")) - 1] == "# when it is calm"


def test_rules_and_vms_are_added(path: Path) -> None:
    file = change(path, set_rule(NEW))
    assert [rule.name for rule in file.rules] == ["burst", "calm", "night"]
    with pytest.raises(ConfigError, match=r"vm\[1\]: missing key 'class'"):
        change(path, add_vm("db", "b" * 64))


def test_a_switch_at_the_top_stays_at_the_top(path: Path) -> None:
    assert change(path, set_switch("hibernate", True)).hibernate
    assert not change(path, set_switch("buying", False)).buying
    assert change(path, set_switch("buying", None)).buying


def test_offers_are_set_key_by_key(path: Path) -> None:
    group = '[[group]]\nname = "rack"\nhosts = ["r-*"]\n[group.offer]\nkind = "all" # all of it\n'
    path.write_text(FILE + group + 'classes = ["small"]\nprice = 0.02\n')
    file = change(path, set_offer("rack", {"kind": "fixed", "units": 4}))
    assert (file.groups[0].offer.kind, file.groups[0].offer.units) == ("fixed", 4)
    with pytest.raises(ConfigError, match="group"):
        change(path, set_offer("rack", {"nonsense": 1}))


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (set_rule_key("nope", "paused", True), NoSuchError),
        (delete("rule", "nope"), NoSuchError),
        (set_vm("nope", {}), NoSuchError),
        (set_offer("nope", {}), NoSuchError),
        (set_rule_key("burst", "zones", {"a": None}), ConfigError),
        (set_rule_key("burst", "zones", deep(5_000)), ConfigError),
        (set_rule_key("burst", "zones", deep(60)), ConfigError),
        (set_rule(BROKEN), ConfigError),
        (set_rule_key("burst", "zones", []), ConfigError),
        (delete("vm", "web"), ConfigError),
    ],
)
def test_a_mistake_changes_nothing(path: Path, edit: Edit, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        change(path, edit)
    assert ".new" not in str(caught.value)
    assert (path.read_text(), os.listdir(path.parent)) == (FILE, ["manager.toml"])


@pytest.mark.parametrize("text", ["[", "a = " + "[" * 3_000, "\0", "schema = 2"])
def test_a_file_that_is_broken_by_hand_is_left_alone(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError):
        change(path, set_switch("buying", False))
    assert path.read_text() == text


def test_what_cannot_be_put_in_force_is_not_written(path: Path) -> None:
    def fails(act: Callable[[], object]) -> None:
        with pytest.raises(RuntimeError):
            act()

    def act() -> None:
        with edited(path, set_switch("buying", False)):
            raise RuntimeError

    fails(act)
    assert (path.read_text(), os.listdir(path.parent)) == (FILE, ["manager.toml"])
