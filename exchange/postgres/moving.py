"""Copies an exchange between a data directory and PostgreSQL, with its chain. Shell.

Rows, account frames, snapshots and images go over as they are. The copy is read back and compared
before it counts: until then the tables are not marked as a whole exchange and the directory has
another name, so whatever stops it, it can be tried again.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, TypeAlias

from msgspec import Struct

from exchange.journal.chain import checked
from exchange.postgres import leader, schema
from exchange.postgres.connecting import Asker, Connection, DatabaseError, ask, asking, shown
from exchange.postgres.postgres_images import fetch_image, names, store_image
from exchange.postgres.postgres_store import PAGE_ROWS, PostgresStore, page
from exchange.recovery.loading import Loaded
from exchange.recovery.verifying import Look, unseen, verified
from exchange.storage import snapshots
from exchange.storage.images import DIR_NAME, ImageStore
from exchange.storage.schema import TABLES
from exchange.storage.sqlite_journal import FILE_NAME, DataDirError, opened_to_read, require
from exchange.storage.sqlite_store import SqliteStore

Told: TypeAlias = Callable[[str, int, int], None]
"""Is told what is copied, how much of it, and how much there is."""
FrameRow: TypeAlias = tuple[int, str, int, int, int, bytes]

_FRAMES: Final = """
SELECT rowid, account, first_seq, last_seq, ts_ms, body FROM account_frames ORDER BY rowid"""
_PAGE: Final = """
SELECT id, account, first_seq, last_seq, ts_ms, body FROM headroom.account_frames
WHERE id > $1 ORDER BY id LIMIT $2"""
_ROW_NAMES: Final = ("seq", "now_ms", "rules", "body", "chain")
_FRAME_NAMES: Final = ("id", "account", "first_seq", "last_seq", "ts_ms", "body")
_ADD_FRAMES: Final = """
INSERT INTO account_frames(rowid, account, first_seq, last_seq, ts_ms, body)
VALUES (?, ?, ?, ?, ?, ?)"""
BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Moved(Struct, frozen=True):
    """The last row of both, and its digest."""

    seq: int
    chain: bytes


def to_postgres(data_dir: Path, url: str, told: Told) -> Moved:
    """Copy the exchange in ``data_dir``, which nobody serves, to the empty database at ``url``.

    Raises `DataDirError` and `BrokenChainError`.
    """
    source, target = SqliteStore(data_dir), PostgresStore(url)
    path = require(data_dir)
    with asking(url) as asker, closing(opened_to_read(path)) as database:
        asker.ask(lambda c: _made(c, shown(url)))
        end = database.execute("SELECT max(seq) FROM journal").fetchone()[0]
        moved = _rows_over(source, asker, end, told)
        sent = _frames_over(database, asker, told)
        for seq in reversed(source.snapshots()):
            target.write_snapshot(source.read_snapshot(seq))
        _images_over(ImageStore(data_dir), url, told)
        asker.ask(lambda c: c.execute(BEGIN))
        told("checking", 0, moved.seq)
        if _last(_pages(asker)) != moved or _digest(_frame_pages(asker)) != sent:
            raise DatabaseError(f"{shown(url)}: the copy is not what was copied")
        asker.ask(lambda c: c.execute("COMMIT"))
        asker.ask(schema.mark)
    return moved


async def _made(connection: Connection, where: str) -> None:
    async with connection.transaction():
        await schema.make(connection, where)


def _rows_over(source: SqliteStore, asker: Asker, end: int, told: Told) -> Moved:
    moved = Moved(0, b"")
    rows = source.rows()
    while some := list(islice(rows, PAGE_ROWS)):
        _copy(asker, "journal", some, _ROW_NAMES)
        moved = Moved(some[-1][0], some[-1][4])
        told("rows", moved.seq, end)
    return moved


def _frames_over(database: sqlite3.Connection, asker: Asker, told: Told) -> bytes:
    first, end = database.execute("SELECT min(rowid), max(rowid) FROM account_frames").fetchone()
    digest = sha256()
    frames = database.execute(_FRAMES)
    while some := frames.fetchmany(PAGE_ROWS):
        _copy(asker, "account_frames", some, _FRAME_NAMES)
        _add(digest, some)
        told("account frames", some[-1][0] - first + 1, end - first + 1)
    return digest.digest()


def _copy(asker: Asker, table: str, rows: list[Any], columns: tuple[str, ...]) -> None:
    def copied(connection: Connection) -> Any:
        return connection.copy_records_to_table(
            table, records=rows, columns=columns, schema_name="headroom"
        )

    asker.ask(copied)


def _images_over(images: ImageStore, url: str, told: Told) -> None:
    every = images.names()
    for number, digest in enumerate(every, 1):
        try:
            store_image(url, images.path(digest))
        except OSError as error:
            raise DatabaseError(f"{shown(url)}: image {digest}: {error.strerror}") from error
        told("images", number, len(every))


def _pages(asker: Asker) -> Iterator[tuple[int, int, int, bytes, bytes]]:
    last = 0
    while found := asker.ask(lambda c: page(c, last)):  # noqa: B023
        yield from found
        last = found[-1][0]


def _frame_pages(asker: Asker) -> Iterator[list[FrameRow]]:
    last = 0
    while found := asker.ask(lambda c: c.fetch(_PAGE, last, PAGE_ROWS)):  # noqa: B023
        yield [tuple(row) for row in found]
        last = found[-1][0]


def _last(rows: Iterator[tuple[int, int, int, bytes, bytes]]) -> Moved:
    """Return the last row, once the chain is seen to lead there."""
    moved = Moved(0, b"")
    for row, chain in checked(rows):
        moved = Moved(row.seq, chain)
    return moved


def _digest(pages: Iterator[list[FrameRow]]) -> bytes:
    digest = sha256()
    for some in pages:
        _add(digest, some)
    return digest.digest()


def _add(digest: Any, frames: list[FrameRow]) -> None:
    for *head, body in frames:
        digest.update(repr((head, len(body))).encode())
        digest.update(body)


def require_idle(url: str) -> None:
    """Raise `DatabaseError` while a process leads the exchange at ``url``."""
    found = ask(url, leader.look)
    if found.left_s:
        raise DatabaseError(f"{shown(url)}: in use by another process ({found.owner} {found.url})")


def copied_to(url: str, out: Path, look: Look) -> Loaded:
    """Back the exchange at ``url`` up to ``out``, as `recovery.backup` does: without images."""
    return to_folder(url, out, lambda what, done, whole: None, look, images=False)


def to_folder(url: str, out: Path, told: Told, look: Look = unseen, images: bool = True) -> Loaded:
    """Copy the exchange at ``url`` to ``out``, new or empty, and replay the copy. A server may be
    running: the copy is of one moment.

    Raises `DataDirError`, `BrokenChainError` and `SnapshotError`, and then leaves nothing.
    """
    PostgresStore(url).require()
    out = Path(os.path.realpath(out))
    if (out.is_dir() and any(out.iterdir())) or (os.path.lexists(out) and not out.is_dir()):
        raise DataDirError(f"{out}: exists already; this needs a new directory")
    try:
        partial = Path(mkdtemp(".partial", f"{out.name}.", out.parent))
        try:
            _fill(url, partial, told, images)
            loaded = verified(SqliteStore(partial), None, look)
            snapshots.sync_dir(partial)
            os.replace(partial, out)
            snapshots.sync_dir(out.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise DataDirError(f"{out}: {error.strerror or error}") from error
    except sqlite3.Error as error:
        raise DataDirError(f"{out}: {error}") from error
    return loaded


def _fill(url: str, partial: Path, told: Told, images: bool) -> None:
    source = PostgresStore(url)
    # Before the rows, so that no snapshot runs ahead of them.
    for seq in reversed(source.snapshots()):
        snapshots.write(partial, source.read_snapshot(seq))
    with asking(url) as asker, closing(sqlite3.connect(partial / FILE_NAME)) as copy:
        asker.ask(lambda c: c.execute(BEGIN))
        end = asker.ask(lambda c: c.fetchval("SELECT max(seq) FROM headroom.journal"))
        copy.executescript(TABLES)
        rows = _pages(asker)
        while some := list(islice(rows, PAGE_ROWS)):
            copy.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", some)
            told("rows", some[-1][0], end)
        for frames in _frame_pages(asker):
            copy.executemany(_ADD_FRAMES, frames)
        copy.commit()
    if images:
        (partial / DIR_NAME).mkdir()
        for digest in ask(url, names):
            fetch_image(url, digest, partial / DIR_NAME / digest)
    told("checking", 0, end)
