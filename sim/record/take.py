"""Turn the journal of an exchange into a recording. Shell: it reads only, a server may go on.

Without a first moment the recording begins with the journal; with one, it holds the state at that
time: of a kept snapshot, and of a replay from there.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from exchange.engine.engine import Engine
from exchange.journal.chain import ORIGIN, RULES_VERSION, BrokenChainError, checked
from exchange.journal.replay import read_command, read_genesis
from exchange.journal.rows import JournalRow
from exchange.model.commands import Out
from exchange.recovery import past
from exchange.recovery.loading import one_line, usable_snapshots
from exchange.storage.sqlite_journal import DataDirError, stored_rows
from exchange.storage.sqlite_store import SqliteStore
from sim.network.marketplace import Digest
from sim.record.file import End, Head, Row, Writer

Told = Callable[[int], None]
"""(number of the journal's row): how far it is."""


class Taken(Struct):
    """What a recording holds: commands ``first_seq`` to ``last_seq`` and their times."""

    first_seq: int
    last_seq: int
    first_ms: int
    last_ms: int
    state_hash: str


class Taking:
    """One recording of the commands from ``from_ms`` up to before ``to_ms``.

    Raises `BrokenChainError` or `DataDirError`, each one line for the user.
    """

    def __init__(self, data_dir: Path, from_ms: int | None, to_ms: int | None, told: Told) -> None:
        self._data_dir = data_dir
        self._from_ms = from_ms or 0
        self._to_ms = to_ms
        self._told = told
        self._digest = Digest()

    def write(self, writer: Writer) -> Taken:
        engine, seq, chain = self._begin()
        taken: Taken | None = None
        for row, after in checked(self._rows(seq), seq, (seq, chain)):
            if self._to_ms is not None and row.now_ms >= self._to_ms:
                break
            if engine is None:
                engine = fresh_engine(row)
            if row.now_ms >= self._from_ms:
                if taken is None:
                    state = b"" if row.seq == 1 else engine.snapshot()
                    writer.add(Head(RULES_VERSION, row.seq - 1, chain, state))
                    taken = Taken(row.seq, 0, row.now_ms, 0, "")
                writer.add(Row(row.seq, row.now_ms, row.body, after))
                taken.last_seq, taken.last_ms = row.seq, row.now_ms
            outs = applied(engine, row)
            if taken is not None:
                self._digest.observe(read_command(row), outs, row.now_ms)
            chain = after
            self._told(row.seq)
        if engine is None or taken is None:
            raise DataDirError(f"data directory {self._data_dir}: no command in that time")
        taken.state_hash = engine.state_hash()
        writer.add(End(taken.last_seq, taken.state_hash, self._digest.hex()))
        return taken

    def _begin(self) -> tuple[Engine | None, int, bytes]:
        """Return the engine of the newest snapshot from before the first moment, and its row."""
        for snapshot in usable_snapshots(SqliteStore(self._data_dir)) if self._from_ms else ():
            if snapshot.now_ms < self._from_ms:
                past.check(SqliteStore(self._data_dir), snapshot.seq)
                engine = Engine.restore(snapshot.state)
                engine.state.replaying = True
                return engine, snapshot.seq, snapshot.chain
        return None, 0, ORIGIN

    def _rows(self, seq: int) -> Iterator[tuple[int, int, int, bytes, bytes]]:
        return stored_rows(self._data_dir, seq or None)


def fresh_engine(first: JournalRow) -> Engine:
    """Return the engine that the journal's first row makes, for rows of any release."""
    engine = Engine(read_genesis(first).config)
    engine.state.replaying = True
    return engine


def applied(engine: Engine, row: JournalRow) -> list[Out]:
    """Apply a row as it was applied. Raises `BrokenChainError`."""
    command = read_command(row)
    try:
        outs = engine.apply(command, row.now_ms)
    except Exception as error:
        raise BrokenChainError(row.seq, f"cannot be replayed: {one_line(error)}") from error
    if engine.seq != row.seq:
        raise BrokenChainError(row.seq, "is refused by these rules, which accepted it once")
    return outs
