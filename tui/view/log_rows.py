"""The Log as rows of a list, newest first. Pure."""

from typing import Final

from tui.view.log import Entry, Log
from tui.view.table import Cell, Column, Row
from tui.view.text import clock_text

LOG_COLUMNS: Final = (
    Column("time", 0, least=8),
    Column("kind", 1, least=7),
    Column("what", 0, least=20),
    Column("id", 2, least=8),
)


TABS: Final = {
    "fill": "orders",
    "order": "orders",
    "lease": "leases",
    "notice": "leases",
    "vm": "leases",
    "manager": "automation",
}


def whereabouts(row: Row) -> tuple[str, str] | None:
    """Return the tab and the key of what an entry is about, None when there is none to go to."""
    tab = TABS.get(row.cells[1].text)
    return (tab, row.cells[3].text) if tab and row.cells[3].text else None


def log_rows(log: Log) -> list[Row]:
    return [_row(entry) for entry in reversed(log.entries)]


def _row(entry: Entry) -> Row:
    return Row(
        str(entry.number),
        (
            Cell(clock_text(entry.at_ms), "dim", entry.number),
            Cell(entry.kind, "warn" if entry.ink == "warn" else "label"),
            Cell(entry.text, entry.ink),
            Cell(entry.ident, "dim"),
        ),
        entry._asdict(),
    )
