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
