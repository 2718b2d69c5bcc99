"""Changes to manager.toml that keep its comments: made aside, checked, put in its place. Shell."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import tomlkit
from msgspec.structs import replace
from tomlkit.items import AoT, Table

from exchange import files
from manager.core.rule_text import RuleText
from manager.shell.config import FILE_BYTES_MAX, ConfigError, read_config
from manager.shell.config_file import ConfigFile

Document: TypeAlias = tomlkit.TOMLDocument
Edit: TypeAlias = Callable[[Document], None]
ASIDE: Final = ".new"


class NoSuchError(Exception):
    """The file has no such rule or VM; ``kind`` says which."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"there is no {kind} {name!r} in the file")
        self.kind = kind


@contextmanager
def edited(path: Path, edit: Edit) -> Iterator[ConfigFile]:
    """Yield the changed file, checked; it takes the old one's place when the block ends well.

    Raises `ConfigError` when the change makes a mistake, `NoSuchError` as ``edit`` does, `OSError`.
    """
    document = _parsed(path)
    try:
        edit(document)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError([f"{path}: a value cannot be written there: {_short(error)}"]) from error
    aside = path.with_name(path.name + ASIDE)
    try:
        with open(aside, "w", encoding="utf-8", opener=_private) as file:
            file.write(tomlkit.dumps(document))
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(path.stat().st_mode & 0o777)
        yield replace(_checked(aside, path), path=path)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0][:100]


def _parsed(path: Path) -> Document:
    try:
        text = files.read(path, FILE_BYTES_MAX).decode("utf-8")
        files.toml(text)  # bounded, with messages that are known
        return tomlkit.parse(text)
    except ValueError as error:
        raise ConfigError([f"{path}: {error}"]) from error


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _checked(aside: Path, path: Path) -> ConfigFile:
    try:
        return read_config(aside)
    except ConfigError as error:
        raise ConfigError([line.replace(str(aside), str(path)) for line in error.lines]) from error


def rule_of(path: Path, name: str) -> dict[str, Any]:
    """Return a rule as it is written. Raises `NoSuchError`, `ConfigError`, `OSError`."""
    fields: dict[str, Any] = _table(_parsed(path), "rule", name).unwrap()
    return fields


# --- what is changed ---


def set_rule(rule: RuleText) -> Edit:
    """Add the rule, or change the one with its name key by key."""

    def edit(document: Document) -> None:
        fields = msgspec.to_builtins(rule)
        table = _find(document, "rule", rule.name)
        if table is None:
            _add(document, "rule", fields)
            return
        for key in [key for key in table if key not in fields]:
            del table[key]
        for key, value in fields.items():
            set_key(table, key, value)

    return edit


def set_rule_key(name: str, key: str, value: Any) -> Edit:
    """``value`` ``None`` takes the key out."""

    def edit(document: Document) -> None:
        set_key(_table(document, "rule", name), key, value)

    return edit


def add_vm(name: str, image: str) -> Edit:
    return lambda document: _add(document, "vm", {"name": name, "image": image})


def set_vm(name: str, fields: dict[str, Any]) -> Edit:
    def edit(document: Document) -> None:
        table = _table(document, "vm", name)
        for key, value in fields.items():
            set_key(table, key, value)

    return edit


def delete(kind: str, name: str) -> Edit:
    """Take a ``[[rule]]`` or ``[[vm]]`` out."""

    def edit(document: Document) -> None:
        _table(document, kind, name)
        tables: Any = document[kind]
        tables.remove(next(table for table in tables if table.get("name") == name))

    return edit


def set_switch(key: str, value: bool | None) -> Edit:
    """Set a key at the top of the file; ``None`` takes it out."""

    def edit(document: Document) -> None:
        if value is None:
            document.pop(key, None)
        else:
            document[key] = value

    return edit


def set_key(table: Table, key: str, value: Any) -> None:
    """Put the key behind the table's name, so that what stands below the table keeps its place."""
    if value is None:
        table.pop(key, None)
    elif key in table:
        if table[key] != value:
            table[key] = value
    elif "name" in table:
        table.value._insert_after("name", key, tomlkit.item(value))
    else:
        table[key] = value


def set_offer(group: str, offer: dict[str, Any]) -> Edit:
    """Set keys of a group's offer; those with ``None`` are taken out."""

    def edit(document: Document) -> None:
        table: Any = _table(document, "group", group)
        if "offer" not in table:
            table["offer"] = tomlkit.table()
        for key, value in offer.items():
            set_key(table["offer"], key, value)

    return edit


def _table(document: Document, kind: str, name: str) -> Table:
    table = _find(document, kind, name)
    if table is None:
        raise NoSuchError(kind, name)
    return table


def _find(document: Document, kind: str, name: str) -> Table | None:
    return next((one for one in document.get(kind, []) if one.get("name") == name), None)


def _add(document: Document, kind: str, fields: dict[str, Any]) -> None:
    table = tomlkit.table()
    for key, value in fields.items():
        table[key] = value
    if kind not in document:
        document[kind] = AoT([])
    document[kind].append(table)
