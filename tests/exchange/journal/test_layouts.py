"""Rows by position say what rows by name say, and rows of earlier releases stay readable.

The bytes of each layout stand here as they were first written: they must be read for ever. A whole
journal is read in the old form, in the new one and mixed, and leads to the same state.

Seen to fail on planted bugs: two fields of a layout changed places, a word put in the middle, an
order's rare fields left out, the key of the sender forgotten, the time of a batch's second frame
taken from the first, rows of names taken for damaged, a bit of a frame that is not read.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import msgspec
import pytest

from exchange.engine.engine import Engine
from exchange.journal.chain import ORIGIN, sealed
from exchange.journal.command_layout import command_body, read_body
from exchange.journal.frame_layout import frames_body, read_frames
from exchange.journal.replay import read_genesis, replay
from exchange.journal.rows import JournalRow, SpoiltFramesError, stored_frames
from exchange.model.commands import Command
from exchange.recovery.verifying import verified
from exchange.storage.schema import SCHEMA_VERSION, bring_forward
from exchange.storage.sqlite_journal import DataDirError, stored_rows
from exchange.storage.sqlite_store import SqliteStore
from exchange.wire.codec import MSGPACK
from exchange.wire.frames import AccountFrame, BalanceUpdate, OrderUpdate
from exchange.wire.requests import OrderCancel, OrderPlace, OrderReplace
from exchange.wire.types import Request
from tests.exchange.journal.test_golden_journal import golden, rows_of

FIRST_TABLES = """
CREATE TABLE journal(
  seq INTEGER PRIMARY KEY, now_ms INTEGER NOT NULL, rules INTEGER NOT NULL,
  body BLOB NOT NULL, chain BLOB NOT NULL) STRICT;
CREATE TABLE account_frames(
  account TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX account_frames_by_account ON account_frames(account, last_seq);
CREATE INDEX account_frames_by_age ON account_frames(ts_ms);
PRAGMA user_version = 1;
"""
"""As releases made them that wrote everything by name."""
PLAIN = OrderPlace(
    *("c1", "s", "buy", "limit", 3, 500, "gtc", None, False, None, "cancel_newest", None, None),
    req_id=7,
)
"""Spelled out: rows leave out what is usual, so what is usual may never change."""
FULL = OrderPlace(
    *("c2", "s", "sell", "limit", 3, 500, "gtd", 9, True, 2, "cancel_oldest", ["h-1"], 8), req_id=8
)
COMMANDS: list[tuple[str, Request]] = [
    ("9c01a3616e6ea3682d3103a3612d31a26331a173a3627579a56c696d697403cd01f407", PLAIN),
    (
        "9d01a3616e6ea3682d3103a3612d31a26332a173a473656c6ca56c696d697403cd01f40897a36774640"
        "9c302ad63616e63656c5f6f6c6465737491a3682d3108",
        FULL,
    ),
    ("9802a3616e6ea3682d3103a3612d31c0a2633101", OrderCancel(None, "c1", req_id=1)),
    ("9a03a3616e6ea3682d3103a3612d31a36f2d31c005c002", OrderReplace("o-1", None, 5, req_id=2)),
]
FRAMES_HEX = (
    "95060546cd03e8949f04000009a26331a17300020203000300cd01f4c0960500000a140cdc00130401010"
    "9a26331a173000308030300cd05dccd01f4c003cd01f4a3742d340a9f0402030aa26333a173010404030"
    "00000c0ac6e6f5f6c6971756964697479"
)
FRAMES: list[AccountFrame] = [
    OrderUpdate(5, 70, 1000, "o-9", "c1", "s", "buy", "new", "new", 3, 0, 3, 0, 500),
    BalanceUpdate(6, 70, 1000, 10, 20, "order"),
    OrderUpdate(
        *(7, 71, 1001, "o-9", "c1", "s", "buy", "trade", "filled", 3, 3, 0, 1500, 500),
        *(None, 3, 500, "t-4", "maker"),
    ),
    OrderUpdate(
        *(8, 72, 1003, "o-10", "c3", "s", "sell", "canceled", "canceled", 3, 0, 0, 0),
        *(None, "no_liquidity"),
    ),
]
Write = Callable[[Command], bytes]
WriteFrames = Callable[[list[AccountFrame]], bytes]


@pytest.mark.parametrize(("written", "message"), COMMANDS)
def test_a_layout_is_read_and_written_as_it_first_was(written: str, message: OrderPlace) -> None:
    command = Command("ann", "h-1", 3, message, "a-1")
    assert read_body(bytes.fromhex(written)) == command
    assert command_body(command).hex() == written
    assert read_body(MSGPACK.encode(command)) == command, "as earlier releases wrote it"


def test_frames_are_read_and_written_as_they_first_were() -> None:
    assert read_frames(bytes.fromhex(FRAMES_HEX)) == FRAMES
    assert frames_body(FRAMES).hex() == FRAMES_HEX
    assert read_frames(MSGPACK.encode(FRAMES)) == FRAMES, "as earlier releases wrote them"
    assert stored_frames(bytes.fromhex(FRAMES_HEX), 5, 7) == FRAMES[1:3]


def test_a_word_that_is_not_there_is_damage() -> None:
    row = MSGPACK.encode((6, 1, 1, 1, [(5, 0, 0, 1, 1, 999)]))
    with pytest.raises(SpoiltFramesError, match="no word 999"):
        stored_frames(row, 0, 9)


def by_name(command: Command) -> bytes:
    return bytes(MSGPACK.encode(command))


def frames_by_name(frames: list[AccountFrame]) -> bytes:
    return bytes(MSGPACK.encode(frames))


TURN = count()


def either(command: Command) -> bytes:
    return (by_name, command_body)[next(TURN) % 2](command)


def frames_either(frames: list[AccountFrame]) -> bytes:
    return (frames_by_name, frames_body)[next(TURN) % 2](frames)


FORMS: dict[str, tuple[Write, WriteFrames]] = {
    "by name": (by_name, frames_by_name),
    "by position": (command_body, frames_body),
    "mixed": (either, frames_either),
}


def told(rows: list[JournalRow]) -> Iterator[tuple[str, int, list[AccountFrame]]]:
    """Yield what the store gets of each row: account, time, frames."""
    engine = Engine(read_genesis(rows[0]).config)
    for row, outs in replay(engine.apply, rows):
        frames: dict[str, list[AccountFrame]] = {}
        for account, frame in outs:
            if isinstance(frame, AccountFrame):
                frames.setdefault(account, []).append(frame)
        yield from ((account, row.now_ms, some) for account, some in frames.items())


def store(data_dir: Path, form: str) -> str:
    """Make a data directory with the golden journal in that form; returns its state hash."""
    facts, lines = golden()
    write, write_frames = FORMS[form]
    rows = [JournalRow(seq, row.now_ms, write(row.command)) for seq, row in enumerate(lines, 1)]
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        database.executescript(FIRST_TABLES)
        database.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", sealed(ORIGIN, rows))
        database.executemany(
            "INSERT INTO account_frames VALUES (?, ?, ?, ?, ?)",
            (
                (account, some[0].account_seq, some[-1].account_seq, ts_ms, write_frames(some))
                for account, ts_ms, some in told(rows_of(lines))
            ),
        )
        database.commit()
    return facts.state_hash


@pytest.mark.parametrize("form", FORMS)
def test_a_journal_of_any_form_leads_to_the_same_state(tmp_path: Path, form: str) -> None:
    state_hash = store(tmp_path, form)
    assert verified(SqliteStore(tmp_path)).engine.state_hash() == state_hash
    _, lines = golden()
    read = [read_body(body) for _, _, _, body, _ in stored_rows(tmp_path)]
    assert [by_name(command) for command in read] == [by_name(line.command) for line in lines]


@pytest.mark.parametrize("form", FORMS)
def test_a_frame_that_tells_something_else_is_found_in_any_form(tmp_path: Path, form: str) -> None:
    store(tmp_path, form)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
        rows = database.execute("SELECT rowid, body FROM account_frames").fetchall()[-2:]
        for row, body in rows:
            frames = read_frames(body)
            frames[-1].ts_ms += 1
            write = frames_by_name if form == "by name" else frames_body
            sql = "UPDATE account_frames SET body = ? WHERE rowid = ?"
            database.execute(sql, (write(frames), row))
        database.commit()
    with pytest.raises(DataDirError, match="not what the journal's rows lead to"):
        verified(SqliteStore(tmp_path))


def test_an_older_file_loses_an_index_and_nothing_else(tmp_path: Path) -> None:
    state_hash = store(tmp_path, "by name")
    before = list(stored_rows(tmp_path))
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
        bring_forward(database)
        names = database.execute("SELECT name FROM sqlite_schema ORDER BY name").fetchall()
        assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert names == [("account_frames",), ("account_frames_by_account",), ("journal",)]
    assert list(stored_rows(tmp_path)) == before
    assert verified(SqliteStore(tmp_path)).engine.state_hash() == state_hash


def test_commands_by_position_take_less_than_half(tmp_path: Path) -> None:
    command = Command("ann", "", 3, msgspec.structs.replace(PLAIN, symbol="small.eu-de.flat.spot"))
    assert len(command_body(command)) * 2 < len(by_name(command))
