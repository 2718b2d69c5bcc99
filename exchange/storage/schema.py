"""The tables of ``journal.db`` and their versions, forward only. Shell.

The number stands in the file (``PRAGMA user_version``). An older file is brought forward step by
step in one transaction when a server opens it; a newer one is refused, for nobody can know what an
older release would leave out. Rows are never rewritten: each names the ``rules`` it was made under.
"""

import sqlite3
from typing import Final

SCHEMA_VERSION: Final = 1

TABLES: Final = f"""
CREATE TABLE journal(
  seq INTEGER PRIMARY KEY, now_ms INTEGER NOT NULL, rules INTEGER NOT NULL,
  body BLOB NOT NULL, chain BLOB NOT NULL) STRICT;
CREATE TABLE account_frames(
  account TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX account_frames_by_account ON account_frames(account, last_seq);
CREATE INDEX account_frames_by_age ON account_frames(ts_ms);
PRAGMA user_version = {SCHEMA_VERSION};
"""

STEPS: Final[dict[int, tuple[str, ...]]] = {
    0: (),  # before the number was written the tables were these
}
"""Version -> the statements that lead to the next one."""


class NewerSchemaError(Exception):
    """The file was written by a later release. ``str()`` is one line for the user."""


def version(database: sqlite3.Connection) -> int:
    """Return the file's version, or raise `NewerSchemaError`."""
    found = int(database.execute("PRAGMA user_version").fetchone()[0])
    if found > SCHEMA_VERSION:
        text = f"made by a later release (schema {found}, this one knows {SCHEMA_VERSION})"
        raise NewerSchemaError(text)
    return found


def bring_forward(database: sqlite3.Connection) -> None:
    """Make the file's tables those of this release. Raises `NewerSchemaError`, `sqlite3.Error`."""
    found = version(database)
    if found == SCHEMA_VERSION:
        return
    database.execute("BEGIN IMMEDIATE")
    for step in range(found, SCHEMA_VERSION):
        for statement in STEPS[step]:
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    database.commit()
