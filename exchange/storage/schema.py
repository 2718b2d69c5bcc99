"""The tables of ``journal.db`` and their versions, forward only. Shell.

The number stands in the file (``PRAGMA user_version``). When a server opens an older file, it is
upgraded step by step in one transaction. A newer file is refused: an older release may ignore data
that it does not know. Rows are never rewritten: each names the ``rules`` it was made under.
"""

import sqlite3
from typing import Final

SCHEMA_VERSION: Final = 2
SEALED_VERSION: Final = 3
"""The same tables without the rows that are sealed in segments; never before rows are sealed, so
that an earlier release can read a journal that has none."""
PAGE_BYTES: Final = 2048
"""Of new files. A commit writes whole pages, and one order changes three."""

TABLES: Final = f"""
PRAGMA page_size = {PAGE_BYTES};
CREATE TABLE journal(
  seq INTEGER PRIMARY KEY, now_ms INTEGER NOT NULL, rules INTEGER NOT NULL,
  body BLOB NOT NULL, chain BLOB NOT NULL) STRICT;
CREATE TABLE account_frames(
  account TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX account_frames_by_account ON account_frames(account, last_seq);
PRAGMA user_version = {SCHEMA_VERSION};
"""

STEPS: Final[dict[int, tuple[str, ...]]] = {
    0: (),  # the tables of releases that did not write the number yet
    1: ("DROP INDEX IF EXISTS account_frames_by_age",),  # rows are in the order of age
}
"""Version -> the statements that lead to the next one."""


class NewerSchemaError(Exception):
    """The file was written by a later release. ``str()`` is one line for the user."""


def version(database: sqlite3.Connection) -> int:
    """Return the file's version, or raise `NewerSchemaError`."""
    found = int(database.execute("PRAGMA user_version").fetchone()[0])
    if found > SEALED_VERSION:
        text = f"made by a later release (schema {found}, this one knows {SEALED_VERSION})"
        raise NewerSchemaError(text)
    return found


def bring_forward(database: sqlite3.Connection) -> None:
    """Upgrade the file's tables to this release. Raises `NewerSchemaError`, `sqlite3.Error`."""
    found = version(database)
    if found >= SCHEMA_VERSION:
        return
    database.execute("BEGIN IMMEDIATE")
    for step in range(found, SCHEMA_VERSION):
        for statement in STEPS[step]:
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    database.commit()
