"""Reads the journal's table alone, without the sealed segments before it. Shell."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from exchange.journal.chain import StoredRow
from exchange.storage import sql
from exchange.storage.schema import NewerSchemaError, version
from exchange.storage.sqlite_journal import BUSY_MS, DataDirError, opened_to_read, require

PAGE_ROWS: Final = 4_096


def table_rows(data_dir: Path, behind: int, upto: int) -> Iterator[StoredRow]:
    """Yield the table's rows ``behind < seq <= upto``, some at a time: no log of the server's
    grows for it. Raises `DataDirError`."""
    path = require(data_dir)
    try:
        with closing(opened_to_read(path)) as database:
            database.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            while page := database.execute(sql.SELECT_PAGE, (behind, upto, PAGE_ROWS)).fetchall():
                yield from page
                behind = page[-1][0]
    except sqlite3.Error as error:
        raise DataDirError(f"{path}: {error}") from error


def last_in_table(data_dir: Path) -> tuple[int, bytes] | None:
    """Return the last row of the table and its digest, None for an empty one."""
    path = require(data_dir)
    try:
        with closing(opened_to_read(path)) as database:
            found: tuple[int, bytes] | None = database.execute(sql.SELECT_LAST).fetchone()
    except sqlite3.Error as error:
        raise DataDirError(f"{path}: {error}") from error
    return found


def first_stored(data_dir: Path) -> StoredRow | None:
    """Return the first row of the table, None for an empty one. Raises `DataDirError`."""
    path = require(data_dir)
    try:
        with closing(opened_to_read(path)) as database:
            version(database)
            found: StoredRow | None = database.execute(
                f"{sql.SELECT_ROWS} LIMIT 1", (0,)
            ).fetchone()
    except (sqlite3.Error, NewerSchemaError) as error:
        raise DataDirError(f"{path}: {error}") from error
    return found
