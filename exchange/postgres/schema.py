"""The tables of an exchange in PostgreSQL, in the schema ``headroom``. Shell.

Numbers of account frames are given by the journal, so that they have no holes: the read model
counts by them. Names compare byte by byte (``COLLATE "C"``), whatever the database's own language.
"""

from typing import Final

from exchange.journal.chain import ORIGIN, StoredRow, sealed
from exchange.journal.rows import JournalRow
from exchange.postgres.connecting import Connection, DatabaseError, ask, shown

VERSION: Final = 1
PART_BYTES: Final = 1 << 20
"""The largest piece of a snapshot or an image in one row."""

TABLES: Final = """
CREATE SCHEMA headroom;
CREATE TABLE headroom.version(version integer NOT NULL);
CREATE TABLE headroom.journal(
  seq bigint PRIMARY KEY, now_ms bigint NOT NULL, rules integer NOT NULL,
  body bytea NOT NULL, chain bytea NOT NULL);
CREATE TABLE headroom.account_frames(
  id bigint PRIMARY KEY, account text COLLATE "C" NOT NULL, first_seq bigint NOT NULL,
  last_seq bigint NOT NULL, ts_ms bigint NOT NULL, body bytea NOT NULL);
CREATE INDEX account_frames_by_account ON headroom.account_frames(account, last_seq);
CREATE TABLE headroom.snapshots(seq bigint PRIMARY KEY, bytes bigint NOT NULL);
CREATE TABLE headroom.snapshot_parts(
  seq bigint REFERENCES headroom.snapshots ON DELETE CASCADE, part integer, body bytea NOT NULL,
  PRIMARY KEY(seq, part));
CREATE TABLE headroom.images(
  digest text COLLATE "C" PRIMARY KEY, bytes bigint NOT NULL, owned_s bigint NOT NULL);
CREATE TABLE headroom.image_parts(
  digest text COLLATE "C" REFERENCES headroom.images ON DELETE CASCADE, part integer,
  body bytea NOT NULL, PRIMARY KEY(digest, part));
CREATE TABLE headroom.quarantine(
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, entry bytea NOT NULL);
CREATE TABLE headroom.branch(
  branch text NOT NULL, place text NOT NULL, seq bigint NOT NULL, chain bytea NOT NULL);
CREATE TABLE headroom.leader(
  epoch bigint PRIMARY KEY, owner text NOT NULL, url text NOT NULL, until timestamptz NOT NULL);
INSERT INTO headroom.leader VALUES (0, '', '', '-infinity');
"""
INSERT_ROW: Final = "INSERT INTO headroom.journal VALUES ($1, $2, $3, $4, $5)"
_MADE: Final = "SELECT to_regclass('headroom.version') IS NOT NULL"
_BEGUN: Final = "SELECT EXISTS (SELECT FROM headroom.version)"


async def check(connection: Connection, where: str) -> None:
    """Raise `DatabaseError` when there is no exchange here that this release can use."""
    if not await connection.fetchval(_MADE) or not await connection.fetchval(_BEGUN):
        raise DatabaseError(f"{where}: no exchange here; run `exchange init`")
    found = await connection.fetchval("SELECT version FROM headroom.version")
    if found != VERSION:
        raise DatabaseError(f"{where}: made by another release (schema {found}, not {VERSION})")


async def make(connection: Connection, where: str) -> None:
    """Make the tables in a transaction of the caller, without the mark of a whole exchange.

    What a copy that did not end has left is replaced. Raises `DatabaseError` over an exchange.
    """
    if await connection.fetchval(_MADE):
        if await connection.fetchval(_BEGUN):
            raise DatabaseError(f"{where}: holds an exchange already")
        await connection.execute("DROP SCHEMA headroom CASCADE")
    await connection.execute(TABLES)


async def mark(connection: Connection) -> None:
    """Mark what is here as a whole exchange."""
    await connection.execute("INSERT INTO headroom.version VALUES ($1)", VERSION)


def create(url: str, rows: list[JournalRow]) -> None:
    """Make a new journal that begins with ``rows``; never over an old one.

    Raises `DatabaseError`, and then leaves nothing behind.
    """

    async def created(connection: Connection) -> None:
        async with connection.transaction():
            await make(connection, shown(url))
            stored: list[StoredRow] = sealed(ORIGIN, rows)
            await connection.executemany(INSERT_ROW, stored)
            await mark(connection)

    ask(url, created)
