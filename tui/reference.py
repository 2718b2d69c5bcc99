"""docs/keys.md: all actions of the terminal, made from the table of screens."""

from typing import Final

from tui.actions import LIST, Action
from tui.commands import GROUPS
from tui.screens.table import TABS, all_tables

HEAD: Final = """# Keys of the terminal

Generated from the table of actions by tests/tui/test_actions.py. The names in the first column are
those of `[keymap]` in [tui.toml](terminal.md#settings).

| action | keys | does | on |
|---|---|---|---|
"""


def keys_page() -> str:
    """Return the page: every action once, with its keys and the screens that have it."""
    where: dict[Action, list[str]] = {}
    for tab in TABS:
        for action in all_tables()[tab.name]:
            where.setdefault(action, []).append(tab.title)
    rows = [
        _row(action, titles)
        for group in GROUPS
        for action, titles in where.items()
        if action.group == group
    ]
    return HEAD + "\n".join(rows) + "\n"


def _row(action: Action, titles: list[str]) -> str:
    keys = " ".join(f"`{key}`" for key in action.keys_text.split(" "))
    on = ", ".join(titles)
    if action in LIST:
        on = "every list"
    elif len(titles) == len(TABS):
        on = "everywhere"
    return f"| `{action.name}` | {keys} | {action.help} | {on} |"
