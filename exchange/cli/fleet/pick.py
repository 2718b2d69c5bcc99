"""Which hosts and leases an owner means by words such as ``r7-*``, ``h-3`` and ``l-9``. Pure."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, TypeAlias

Row: TypeAlias = dict[str, Any]
"""A ``host.update`` or a row of ``leases`` in ``account.state``, as it came."""

ENDING: Final = "ending"


def hosts(rows: Sequence[Row], patterns: Sequence[str]) -> tuple[list[Row], list[str]]:
    """Return the hosts whose id or name fits a pattern, by number, and the patterns that fit none.

    No pattern at all means every host.
    """
    ordered = sorted(rows, key=number)
    if not patterns:
        return ordered, []
    useless = [each for each in patterns if not any(_fits(row, each) for row in ordered)]
    return [row for row in ordered if any(_fits(row, each) for each in patterns)], useless


def leases(rows: Sequence[Row], patterns: Sequence[str], of: Sequence[Row]) -> list[Row]:
    """Return the spot leases that a recall can end: those of the hosts ``of``, or named by id.

    Windows are firm, and what the owner rents is not his to recall.
    """
    ids = {host["host"] for host in of}
    return [
        row
        for row in rows
        if row["side"] == "sell"
        and row["symbol"].endswith(".spot")
        and row["state"] != ENDING
        and (row["host"] in ids or row["lease_id"] in patterns)
    ]


def sold(rows: Iterable[Row]) -> dict[str, int]:
    """Return the units sold of each host, by its id; of those that sold none there is no row."""
    units: dict[str, int] = {}
    for row in rows:
        if row["side"] == "sell":
            units[row["host"]] = units.get(row["host"], 0) + row["units"]
    return units


def number(host: Row) -> int:
    """Return what hosts are sorted by: ``h-10`` comes behind ``h-9``."""
    tail = host["host"].rpartition("-")[2]
    return int(tail) if tail.isdecimal() else 0


def _fits(row: Row, pattern: str) -> bool:
    return fnmatchcase(row["name"], pattern) or fnmatchcase(row["host"], pattern)
