"""What differs between two versions of manager.toml, in words. Shell: it knows the tables."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from manager.shell.config_file import ConfigFile

LISTS: Final = {"rules": "rule", "vms": "VM", "groups": "group"}
TABLES: Final = ("load", "spend", "alerts")
SWITCHES: Final = {
    "buying": ("buying goes on", "buying is stopped"),
    "hibernate": ("hibernates", "sells again"),
}


def file_changes(before: ConfigFile, after: ConfigFile) -> list[str]:
    """Return a few words for each part that was added, changed or removed; [] for none."""
    found: list[str] = []
    for part, word in LISTS.items():
        found += _of_list(word, getattr(before, part), getattr(after, part))
    found += [
        f"[{name}] changed" for name in TABLES if getattr(before, name) != getattr(after, name)
    ]
    for name, (on, off) in SWITCHES.items():
        if getattr(before, name) != getattr(after, name):
            found.append(on if getattr(after, name) else off)
    return found


def _of_list(word: str, before: Iterable[Any], after: Iterable[Any]) -> Iterator[str]:
    old, new = ({row.name: row for row in rows} for rows in (before, after))
    for name, row in new.items():
        if name not in old:
            yield f"{word} {name} added"
        elif old[name] != row:
            yield f"{word} {name} changed"
    yield from (f"{word} {name} removed" for name in old if name not in new)
