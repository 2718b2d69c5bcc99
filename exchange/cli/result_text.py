"""A result of the exchange as text for people: credits and UTC times instead of integers. Pure.

A unit in a field's name (``price_ucr``, ``end_ms``) is left out: the value shows it.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from exchange.cli.common import moment, money

GAP: Final = "  "
POINTS_FROM_MS: Final = 10**11
"""Values from here on (the year 1973) are points in time: no result has so long a duration."""

Row = Sequence[str]


def result_lines(result: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a line for each field, and for rows a table behind an empty line."""
    for name, value in result.items():
        if value == {}:
            yield f"{prefix}{name}: none"
        elif isinstance(value, dict) and not _is_all(dict, value.values()):
            yield from result_lines(value, f"{prefix}{name}.")
        elif isinstance(value, dict):
            yield from _rows([{name: key, **row} for key, row in value.items()])
        elif isinstance(value, list) and _is_all(dict, value):
            yield from _rows(value)
        else:
            yield f"{prefix}{_shown_name(name, value)}: {shown(name, value)}"


def table(names: Row, rows: Sequence[Row]) -> Iterator[str]:
    """Yield an empty line, the names and the rows, columns aligned; nothing without rows."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    yield ""
    for row in (names, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield GAP.join(cells).rstrip()


def shown(name: str, value: Any) -> str:
    """Return the value of the field ``name`` for people."""
    match value:
        case str():
            return "".join(char if char.isprintable() else "\ufffd" for char in value)
        case bool():
            return "yes" if value else "no"
        case int() if name.endswith("_ucr"):
            return money(value)
        case int() if name.endswith("_ms"):
            return moment(value) if value >= POINTS_FROM_MS else f"{value} ms"
        case None:
            return "-"
        case list() if not value:
            return "none"
        case list() if _is_all((str, int), value):
            return ", ".join(shown(name, each) for each in value)
    return json.dumps(value)


def _is_all(kind: type | tuple[type, ...], values: Collection[Any]) -> bool:
    return bool(values) and all(isinstance(value, kind) for value in values)


def _shown_name(name: str, value: Any) -> str:
    if isinstance(value, int) and name.endswith(("_ucr", "_ms")):
        return name.rpartition("_")[0]
    return name


def _rows(rows: list[dict[str, Any]]) -> Iterator[str]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    heads = [head(name) for name in names]
    yield from table(heads, [[shown(name, row.get(name)) for name in names] for row in rows])


def head(name: str) -> str:
    """Return a field's name as that of a column."""
    for unit in ("_ucr", "_ms"):
        name = name.removesuffix(unit)
    return name.replace("_", " ").upper()
