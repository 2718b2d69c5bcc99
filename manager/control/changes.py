"""What has changed between two snapshots, row by row. Pure.

A subscriber that reads slowly skips what lay between: the next change goes from what it was sent
last to what is so now. So nothing waits for it but one snapshot.
"""

from collections.abc import Sequence
from typing import Any, Final

from manager.control.frames import Change, Snapshot

TABLES: Final[dict[str, str]] = {
    "rules": "name",
    "bursts": "name",
    "library": "name",
    "groups": "name",
    "alerts": "number",
}
"""The key of each table's rows."""


def change(before: Snapshot, after: Snapshot) -> Change | None:
    """Return what leads from ``before`` to ``after``, ``None`` when nothing differs."""
    rows: dict[str, list[Any]] = {}
    gone: dict[str, list[str]] = {}
    for table, key in TABLES.items():
        old, new = _by_key(getattr(before, table), key), _by_key(getattr(after, table), key)
        if new_rows := [row for name, row in new.items() if old.get(name) != row]:
            rows[table] = new_rows
        if lost := [name for name in old if name not in new]:
            gone[table] = lost
    load = None if before.load == after.load else after.load
    spend = None if before.spend == after.spend else after.spend
    if load is None and spend is None and not rows and not gone:
        return None
    return Change(after.at_ms, load, **rows, gone=gone, spend=spend)


def applied(before: Snapshot, news: Change) -> Snapshot:
    """Return the snapshot that ``news`` makes of ``before``; rows keep their order."""
    tables: dict[str, list[Any]] = {}
    for table, key in TABLES.items():
        rows = _by_key(getattr(before, table), key) | _by_key(getattr(news, table), key)
        for name in news.gone.get(table, []):
            rows.pop(name, None)
        tables[table] = list(rows.values())
    spend = news.spend or before.spend
    return Snapshot(news.at_ms, news.load or before.load, **tables, spend=spend)


def _by_key(rows: Sequence[Any], key: str) -> dict[str, Any]:
    return {str(getattr(row, key)): row for row in rows}
