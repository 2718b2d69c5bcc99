"""What the read model follows: the journal's account frames and usage reports, by pages. Shell."""

from contextlib import closing
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from exchange.journal.rows import JournalRow
from exchange.storage.sqlite_journal import FILE_NAME, opened_to_read

_STORED: Final = """
SELECT rowid, account, body FROM account_frames WHERE rowid > ? ORDER BY rowid LIMIT ?"""
_REPORTS: Final = """
SELECT seq, now_ms, body FROM journal
WHERE seq > ? AND seq <= ? AND instr(body, CAST('usage.report' AS BLOB)) ORDER BY seq LIMIT ?"""
"""SQL that finds the tag inside SQLite, so that the exchange's own thread is not held up."""


class Behind(Struct, frozen=True):
    """One page of what came behind two marks."""

    frames: list[tuple[int, str, bytes]]
    """Number, account, body; numbers have no holes."""
    last_seq: int
    """The journal's last row; ``reports`` are of rows up to it."""
    reports: list[JournalRow]
    """Rows that look like usage reports."""


class HistorySource(Protocol):
    """Methods raise `sqlite3.Error` or `DiskLostError`."""

    def behind(self, frames: int, rows: int, limit: int) -> Behind:
        """Return up to ``limit`` frames and reports behind these numbers."""

    def oldest(self) -> int | None:
        """Return the number of the oldest stored frames."""

    def first_row(self) -> int:
        """Return the seq of the oldest row that is in no segment, 0 when all are."""

    def newest(self) -> int:
        """Return the number of the newest stored frames, 0 when there are none."""


class SqliteSource:
    """The journal of a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME

    def behind(self, frames: int, rows: int, limit: int) -> Behind:
        with closing(opened_to_read(self._path)) as journal:
            stored = journal.execute(_STORED, (frames, limit)).fetchall()
            last_seq = journal.execute("SELECT max(seq) FROM journal").fetchone()[0]
            found = journal.execute(_REPORTS, (rows, last_seq, limit)).fetchall()
        return Behind(stored, last_seq, [JournalRow(*row) for row in found])

    def oldest(self) -> int | None:
        return self._number("min")

    def first_row(self) -> int:
        return self._number("min", "journal") or 0

    def newest(self) -> int:
        return self._number("max") or 0

    def _number(self, which: str, table: str = "account_frames") -> int | None:
        with closing(opened_to_read(self._path)) as journal:
            sql = f"SELECT {which}(rowid) FROM {table}"  # noqa: S608
            found: int | None = journal.execute(sql).fetchone()[0]
        return found
