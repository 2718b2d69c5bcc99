"""Create an exchange, or restore it from its newest good snapshot and the rows after it. Shell.

Rows after the snapshot are checked here; `past` checks the earlier ones while the exchange serves.
A snapshot is used only when its hashes are right and it belongs to this journal: the row it names
is there with the digest it names.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain as chained
from itertools import takewhile
from pathlib import Path
from time import perf_counter

from msgspec import Struct

from exchange import keys
from exchange.engine.engine import Engine
from exchange.gateway import log_events
from exchange.gateway.gateway import Gateway
from exchange.journal.chain import BrokenChainError, StoredRow, checked
from exchange.journal.replay import read_command, read_genesis, server_id
from exchange.journal.rows import JournalRow
from exchange.log import log
from exchange.model.commands import Command, Genesis, Out
from exchange.model.config import ExchangeConfig
from exchange.storage.snapshots import SnapshotError, SnapshotFile
from exchange.storage.sqlite_journal import DataDirError, create
from exchange.storage.store import Store
from exchange.units import MS_PER_SECOND
from exchange.wire.codec import MSGPACK

Rows = Iterator[tuple[JournalRow, bytes]]
OnRow = Callable[[Command, int, list[Out]], None]


class Loaded(Struct):
    """An exchange as it was at ``last_ms``, and the digest of its journal's last row."""

    engine: Engine
    gateway: Gateway
    last_ms: int
    last_chain: bytes
    restored_seq: int = 0
    """Row of the snapshot it came from, 0 when every row was replayed; those up to it are not
    checked yet (`past.check`)."""
    replay_ms: int = 0
    """How long `load` took."""
    state_hash: str = ""
    """`Engine.state_hash`, where `verifying.verified` computed it."""


def create_exchange(data_dir: Path, config: ExchangeConfig, operator_key: str, now_ms: int) -> None:
    """Make a new journal in ``data_dir``: row 1 is the `Genesis` with the first operator's key.

    Raises `DataDirError` when there is an exchange already, or `OSError`.
    """
    create(data_dir, [first_row(config, operator_key, now_ms)])


def first_row(config: ExchangeConfig, operator_key: str, now_ms: int) -> JournalRow:
    """Return the row that a journal begins with."""
    genesis = Command("", "", 0, Genesis(config, operator_key))
    return JournalRow(1, now_ms, MSGPACK.encode(genesis))


def load(
    store: Store,
    make_engine: type[Engine] = Engine,
    private: bool = False,
    to_seq: int | None = None,
) -> Loaded:
    """Return the exchange in ``store``, read-only; ``to_seq``: as it was at this row.

    Raises `BrokenChainError` or `DataDirError`, each one line for the user.
    """
    begun_s = perf_counter()
    store.require()
    with collector_off():
        loaded = _loaded(store, make_engine, private, to_seq)
    loaded.replay_ms = int((perf_counter() - begun_s) * MS_PER_SECOND)
    return loaded


def follow(loaded: Loaded, stored: Sequence[StoredRow]) -> None:
    """Go on with the rows behind the last one. Raises `BrokenChainError`."""
    seq = loaded.engine.seq
    rows = checked(stored, seq, (seq, loaded.last_chain))
    loaded.engine.state.replaying = True
    with collector_off():
        _replayed(loaded, rows)


def _loaded(store: Store, make_engine: type[Engine], private: bool, to_seq: int | None) -> Loaded:
    for snapshot in usable_snapshots(store):
        if to_seq is not None and snapshot.seq > to_seq:
            continue
        behind = snapshot.seq, snapshot.chain
        rows = _up_to(to_seq, checked(store.rows(snapshot.seq), snapshot.seq, behind))
        try:
            loaded = restored(store, snapshot, make_engine, private)
        except SnapshotError as error:
            _not_used(str(error))
        else:
            return _replayed(loaded, rows)
    return replayed(store, make_engine, private, to_seq=to_seq)


def restored(
    store: Store, snapshot: SnapshotFile, make_engine: type[Engine] = Engine, private: bool = False
) -> Loaded:
    """Return the exchange as it was at the snapshot's row. Raises `SnapshotError`."""
    _, first_chain = _first(store, checked(store.rows(0), snapshot.seq))
    try:
        loaded = made(make_engine.restore(snapshot.state), first_chain, private)
        loaded.gateway.feed.recall(snapshot.memory)
    except Exception as error:
        # A snapshot that does not match the rows must not stop the start: the journal has
        # everything.
        text = f"snapshot {snapshot.seq}: cannot be restored: {one_line(error)}"
        raise SnapshotError(text) from error
    loaded.restored_seq, loaded.last_chain = snapshot.seq, snapshot.chain
    return loaded


def replayed(
    store: Store,
    make_engine: type[Engine] = Engine,
    private: bool = False,
    on_row: OnRow | None = None,
    to_seq: int | None = None,
) -> Loaded:
    """Like `load`, but replays from the first row; ``on_row`` gets every command and its
    effects."""
    with collector_off():
        rows = checked(store.rows())
        first, first_chain = _first(store, rows)
        loaded = made(make_engine(read_genesis(first).config), first_chain, private)
        return _replayed(loaded, _up_to(to_seq, chained(((first, first_chain),), rows)), on_row)


def usable_snapshots(store: Store) -> Iterator[SnapshotFile]:
    """Yield the snapshots that a start may restore, newest first; logs why one cannot be used."""
    for seq in store.snapshots():
        try:
            snapshot = store.read_snapshot(seq)
        except SnapshotError as error:
            _not_used(str(error))
            continue
        if store.chain_of(snapshot.seq) == snapshot.chain:
            yield snapshot
        else:
            _not_used(f"snapshot {seq}: does not belong to the journal's rows")


def _not_used(fault: str) -> None:
    log.write(log_events.snapshot_unused(fault))


def one_line(error: BaseException) -> str:
    """Return an exception as a person reads it in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


@contextmanager
def collector_off() -> Iterator[None]:
    """Garbage collection is off: nearly everything a replay makes stays alive, and scanning it
    again and again doubles the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _up_to(seq: int | None, rows: Rows) -> Rows:
    return rows if seq is None else takewhile(lambda row: row[0].seq <= seq, rows)


def _first(store: Store, rows: Rows) -> tuple[JournalRow, bytes]:
    first = next(rows, None)
    if first is None:
        raise DataDirError(f"{store.name}: the journal is empty")
    return first


def made(engine: Engine, first_chain: bytes, private: bool) -> Loaded:
    engine.state.replaying = True
    name = server_id(first_chain)
    gateway = Gateway(engine, server_id=name, verify=keys.verify, private=private)
    return Loaded(engine, gateway, engine.now_ms, first_chain)


def _replayed(loaded: Loaded, rows: Rows, on_row: OnRow | None = None) -> Loaded:
    loaded.engine.state.quiet = on_row is None
    for row, chain in rows:
        if row.seq > loaded.restored_seq:
            apply(loaded, row, chain, on_row)
        loaded.last_chain = chain
    loaded.engine.state.quiet = loaded.engine.state.replaying = False
    for symbol in loaded.engine.symbols():
        loaded.engine.take_touched(symbol)
    return loaded


def apply(loaded: Loaded, row: JournalRow, chain: bytes, on_row: OnRow | None = None) -> None:
    command = read_command(row)
    try:
        outs = loaded.gateway.replay(command, row.now_ms)
    except Exception as error:
        raise BrokenChainError(row.seq, f"cannot be replayed: {one_line(error)}") from error
    if loaded.engine.seq != row.seq:
        raise BrokenChainError(row.seq, "is refused by these rules, which accepted it once")
    if on_row is not None:
        on_row(command, row.seq, outs)
    loaded.last_ms, loaded.last_chain = loaded.engine.now_ms, chain
