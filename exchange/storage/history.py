"""The read model ``history.db``: events older than those the engine keeps. Shell.

It holds the account frames that a replay of the journal makes (postings, trades, charges, leases,
VMs) and the usage reports among the journal's rows. So it can be deleted and built again at any
time (`rebuild`). A live exchange follows its own journal (`Follower`), outside the order path: the
journal is the authority, and no answer to an order waits for this file.
"""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final, TypeAlias

from exchange.journal.replay import read_command
from exchange.journal.rows import SpoiltFramesError, stored_frames
from exchange.model.commands import Command
from exchange.storage.history_source import HistorySource, SqliteSource
from exchange.storage.sqlite_journal import BUSY_MS, DiskLostError, opened_to_read
from exchange.units import MAX_INT
from exchange.wire import frames
from exchange.wire.codec import JSON
from exchange.wire.requests import UsageReport

FILE_NAME: Final = "history.db"
PAGE_ROWS: Final = 1_000
"""Journal rows copied in one transaction."""
MEND: Final = "stop the server; `headroom exchange rebuild` makes history.db anew"
VERSION: Final = 2
"""A file of version 1 is upgraded by adding columns; any other version is rebuilt from the
journal."""

_TABLES: Final = """
CREATE TABLE posting(
  account TEXT NOT NULL, account_seq INTEGER NOT NULL, seq INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL, why TEXT NOT NULL, available_ucr INTEGER NOT NULL,
  held_ucr INTEGER NOT NULL, PRIMARY KEY(account, account_seq)) STRICT, WITHOUT ROWID;
CREATE TABLE trade(
  trade_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, ts_ms INTEGER NOT NULL, symbol TEXT NOT NULL,
  price_ucr INTEGER NOT NULL, qty INTEGER NOT NULL, buyer TEXT, seller TEXT,
  taker_side TEXT) STRICT;
CREATE TABLE charge(
  account TEXT NOT NULL, account_seq INTEGER NOT NULL, seq INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL, lease_id TEXT NOT NULL, from_ms INTEGER NOT NULL,
  to_ms INTEGER NOT NULL, amount_ucr INTEGER NOT NULL, cpu_ms INTEGER, terms TEXT,
  PRIMARY KEY(account, account_seq)) STRICT, WITHOUT ROWID;
CREATE TABLE lease(
  lease_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, trade_id TEXT NOT NULL, symbol TEXT NOT NULL,
  host TEXT NOT NULL, units INTEGER NOT NULL, price_ucr INTEGER NOT NULL, state TEXT NOT NULL,
  start_ms INTEGER NOT NULL, ends_ms INTEGER, charged_ucr INTEGER NOT NULL,
  buyer TEXT, seller TEXT) STRICT;
CREATE TABLE vm(vm_id TEXT PRIMARY KEY, account TEXT NOT NULL, lease_id TEXT NOT NULL,
  name TEXT NOT NULL) STRICT;
CREATE TABLE usage(
  seq INTEGER PRIMARY KEY, host TEXT NOT NULL, vm_id TEXT NOT NULL, boot TEXT NOT NULL,
  at_ms INTEGER NOT NULL, cpu_ms_total INTEGER NOT NULL, mem_mib INTEGER NOT NULL,
  net_rx_total INTEGER NOT NULL, net_tx_total INTEGER NOT NULL) STRICT;
CREATE TABLE progress(frames INTEGER NOT NULL, rows INTEGER NOT NULL) STRICT;
INSERT INTO progress VALUES (0, 0);
CREATE INDEX posting_by_time ON posting(account, ts_ms);
CREATE INDEX charge_by_time ON charge(account, ts_ms);
CREATE INDEX trade_by_buyer ON trade(buyer, ts_ms);
CREATE INDEX trade_by_seller ON trade(seller, ts_ms);
CREATE INDEX lease_by_seller ON lease(seller);
"""
_POSTING: Final = "INSERT OR IGNORE INTO posting VALUES (?, ?, ?, ?, ?, ?, ?)"
_WITH_TERMS: Final = "ALTER TABLE charge ADD COLUMN terms TEXT"
"""Version 1 to 2. Charges stored before have no terms until the file is rebuilt."""
_CHARGE: Final = "INSERT OR IGNORE INTO charge VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TRADE: Final = """
INSERT INTO trade VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(trade_id) DO UPDATE SET
buyer = coalesce(buyer, excluded.buyer), seller = coalesce(seller, excluded.seller),
taker_side = coalesce(taker_side, excluded.taker_side)"""
_LEASE: Final = """
INSERT INTO lease VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(lease_id) DO UPDATE SET
seq = excluded.seq, units = max(lease.units, excluded.units), state = excluded.state,
ends_ms = excluded.ends_ms, charged_ucr = excluded.charged_ucr,
buyer = coalesce(buyer, excluded.buyer), seller = coalesce(seller, excluded.seller)
WHERE excluded.seq >= lease.seq"""
_VM: Final = "INSERT OR IGNORE INTO vm VALUES (?, ?, ?, ?)"
_USAGE: Final = "INSERT OR IGNORE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

Told: TypeAlias = tuple[str, frames.AccountFrame]
"""An account and one of its frames."""


class HistoryError(Exception):
    """The read model cannot go on. ``str()`` is one line for the user and says what fixes it."""


def require_usable(path: Path) -> None:
    """Raise `HistoryError` when ``path`` is not a regular file or is damaged; called at the
    start."""
    if os.path.lexists(path) and not path.is_file():
        raise HistoryError(f"{path}: not a file, or a link to none; move it away and start again")
    require_whole(path)


def require_whole(path: Path) -> None:
    """Raise `HistoryError` when there is a read model at ``path`` that SQLite finds damaged."""
    if not path.is_file():
        return
    try:
        with closing(opened_to_read(path)) as database:
            found = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return  # A fault of the disk: the next write will report it.
        found = str(error)
    if found != "ok":
        raise HistoryError(f"{path}: damaged: {' '.join(found.split())}; {MEND}")


def opened(path: Path) -> sqlite3.Connection:
    """Return the read model at ``path``; an empty one is made when none of this version is
    there."""
    database = sqlite3.connect(path, check_same_thread=False)
    database.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION - 1:
        database.executescript(f"BEGIN; {_WITH_TERMS}; PRAGMA user_version = {VERSION}; COMMIT")
        version = VERSION
    if version == VERSION:
        return database
    database.close()
    _make(path)
    return sqlite3.connect(path, check_same_thread=False)


def _make(path: Path) -> None:
    """Make an empty read model, whole or not at all: we may be killed at any moment of it."""
    # The log of an old one goes before its file: left alone, it would be read into the new one.
    for old in sorted(path.parent.glob(f"{path.name}*"), reverse=True):
        old.unlink()
    new = path.with_name(f"{path.name}.new")
    with closing(sqlite3.connect(new)) as database:
        database.execute("PRAGMA journal_mode=wal")
        database.executescript(_TABLES)
        database.execute(f"PRAGMA user_version = {VERSION}")
    new.replace(path)


def needs_rows(data_dir: Path, source: HistorySource | None = None) -> bool:
    """Return whether frames were dropped, or rows sealed, that the read model has not copied: only
    a replay of all rows can restore them.

    That happens when the file was lost, or was made by another release, after the first week or
    the first segment. Raises `DiskLostError`.
    """
    source, path = source or SqliteSource(data_dir), data_dir / FILE_NAME
    try:
        frame_mark, row_mark = _followed(path)
        return (source.oldest() or 0) > frame_mark + 1 or source.first_row() > row_mark + 1
    except sqlite3.Error as error:
        raise DiskLostError(f"{path}: {error}") from error


def _followed(path: Path) -> tuple[int, int]:
    """Return the number of the last frames copied and of the last row; zeros when there is no file
    of this version."""
    if not path.is_file():
        return 0, 0
    # Not to read only: what a killed process left half written must be rolled back first.
    with closing(sqlite3.connect(path)) as history:
        if history.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            return 0, 0
        found = history.execute("SELECT frames, rows FROM progress").fetchone()
        return int(found[0]), int(found[1])


def note(database: sqlite3.Connection, told: Iterable[Told]) -> None:
    """Copy account frames; copying the same ones again changes nothing."""
    for account, frame in told:
        row = _row(account, frame)
        if row is not None:
            database.execute(*row)


def _row(account: str, frame: frames.AccountFrame) -> tuple[str, tuple[object, ...]] | None:
    head = (account, frame.account_seq, frame.seq, frame.ts_ms)
    match frame:
        case frames.BalanceUpdate():
            return _POSTING, (*head, frame.why, frame.available_ucr, frame.held_ucr)
        case frames.Charge():
            span = (frame.lease_id, frame.from_ms, frame.to_ms)
            terms = None if frame.terms is None else JSON.encode(frame.terms).decode()
            return _CHARGE, (*head, *span, frame.amount_ucr, frame.cpu_ms, terms)
        case frames.OrderUpdate(exec="trade"):
            return _TRADE, _trade(account, frame)
        case frames.LeaseUpdate():
            return _LEASE, _lease(account, frame)
        case frames.VmUpdate():
            return _VM, (frame.vm_id, account, frame.lease_id, frame.name)
        case _:
            return None


def _trade(account: str, frame: frames.OrderUpdate) -> tuple[object, ...]:
    what = (frame.trade_id, frame.seq, frame.ts_ms, frame.symbol)
    taker_side = frame.side if frame.liquidity == "taker" else None
    return (*what, frame.last_price_ucr, frame.last_qty, *_sides(account, frame.side), taker_side)


def _lease(account: str, frame: frames.LeaseUpdate) -> tuple[object, ...]:
    what = (frame.lease_id, frame.seq, frame.trade_id, frame.symbol, frame.host, frame.units)
    terms = (frame.price_ucr, frame.state, frame.start_ms, frame.ends_ms, frame.charged_ucr)
    return (*what, *terms, *_sides(account, frame.side))


def _sides(account: str, side: str) -> tuple[str | None, str | None]:
    return (account, None) if side == "buy" else (None, account)


def note_usage(database: sqlite3.Connection, seq: int, command: Command) -> None:
    """Copy a journalled usage report; other commands are ignored."""
    report = command.message
    if isinstance(report, UsageReport):
        who = (seq, command.host, report.vm_id, report.boot, report.at_ms)
        net = (report.net_rx_total, report.net_tx_total)
        database.execute(_USAGE, (*who, report.cpu_ms_total, report.mem_mib, *net))


class Follower:
    """Keeps a running exchange's read model up to date with its journal. One thread at a time.

    ``source``: where the journal is, if it is not in ``data_dir``.
    """

    def __init__(self, data_dir: Path, source: HistorySource | None = None) -> None:
        self._path = data_dir / FILE_NAME
        self._source = source or SqliteSource(data_dir)

    def catch_up(self) -> None:
        """Copy everything that was committed since the last call.

        Raises `DiskLostError`, or `HistoryError` when what is stored is damaged.
        """
        try:
            with closing(opened(self._path)) as history:
                while self._page(history):
                    pass
        except SpoiltFramesError as error:
            raise HistoryError(f"{self._path.parent}: account frames: {error}; {MEND}") from error
        except (sqlite3.Error, OSError) as error:
            require_whole(self._path)
            raise DiskLostError(f"{self._path}: {error}") from error

    def _page(self, history: sqlite3.Connection) -> bool:
        """Copy one page in one transaction; False when it was the last."""
        frame_mark, row_mark = history.execute("SELECT frames, rows FROM progress").fetchone()
        behind = self._source.behind(frame_mark, row_mark, PAGE_ROWS)
        stored, last_seq, rows = behind.frames, behind.last_seq, behind.reports
        if stored and stored[0][0] > frame_mark + 1:
            raise HistoryError(f"{self._path}: lacks account frames that are gone by now; {MEND}")
        for _, account, body in stored:
            note(history, [(account, frame) for frame in stored_frames(body, 0, MAX_INT)])
        for row in rows:
            note_usage(history, row.seq, read_command(row))
        if stored or last_seq > row_mark:
            row_mark = rows[-1].seq if len(rows) == PAGE_ROWS else last_seq
            marks = (stored[-1][0] if stored else frame_mark, row_mark)
            history.execute("UPDATE progress SET frames = ?, rows = ?", marks)
            history.commit()
        return max(len(stored), len(rows)) == PAGE_ROWS
