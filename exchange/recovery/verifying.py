"""Checks all of a journal: its chain, what its rows lead to, and what was told. Shell.

This process replays the rows and compares the account frames that they make with the stored ones. A
child (`beside`) reads the rows too and checks their digests; another hashes the state at a
snapshot's row, from a copy of the memory. What is told is the fault that comes first in the
journal, a row's digest before its replay, as if one process had done one thing after another.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from exchange.engine.engine import Engine
from exchange.journal.chain import RULES_VERSION, BrokenChainError, StoredRow, checked
from exchange.journal.replay import read_genesis
from exchange.journal.rows import JournalRow
from exchange.recovery.beside import Beside
from exchange.recovery.frame_check import FrameCheck, frame_check
from exchange.recovery.loading import (
    Loaded,
    apply,
    collector_off,
    made,
    restored,
    usable_snapshots,
)
from exchange.storage.snapshots import OtherLayoutError, SnapshotError, SnapshotFile
from exchange.storage.sqlite_journal import DataDirError
from exchange.storage.store import Store

Look: TypeAlias = Callable[[int, int], None]
"""Called now and then with the last row that was replayed and the last of all."""

LOOK_ROWS: Final = 1_000


def unseen(done: int, whole: int) -> None:
    """Nobody looks."""


class Fault(Struct, frozen=True):
    """What a child found at row ``seq``; ``store``: before or between rows."""

    seq: int
    kind: Literal["row", "store", "snapshot"]
    what: str

    def error(self) -> Exception:
        if self.kind == "row":
            return BrokenChainError(self.seq, self.what)
        return DataDirError(self.what) if self.kind == "store" else SnapshotError(self.what)


class _Snapshot(Struct, frozen=True):
    """What a snapshot says of the state after its row."""

    seq: int
    rules: int
    chain: bytes
    state_hash: str


def verified(
    store: Store, to_seq: int | None = None, look: Look = unseen, since: int | None = None
) -> Loaded:
    """Replay everything, and compare every snapshot and all stored account frames with it.

    With ``since`` only what came behind that row: its rows' digests are checked, and what is behind
    the newest snapshot from before it, or else behind the oldest, is replayed. Without a snapshot
    that can be used it is everything.

    Raises `BrokenChainError`, `DataDirError`, also when there is no row ``to_seq``, or
    `SnapshotError` when a snapshot is damaged, is ahead of the rows or differs from their replay.
    """
    store.require()
    with collector_off(), ExitStack() as children:
        # First the snapshots, then the rows: a running server only ever adds to both.
        run = _Run(store, Asked(to_seq, since), children, look)
        try:
            with frame_check(store) as frames:
                run.through(frames)
        except (BrokenChainError, DataDirError, SnapshotError) as error:
            _raise_first([*run.hash_faults(), *run.digest_faults(run.reached)], error)
            raise
        return run.end()


def digest_faults(store: Store, upto_seq: int, since: int = 0) -> list[Fault]:
    """Return the first fault of the store, or of its chain behind row ``since`` up to row
    ``upto_seq``, if any."""
    seq = since
    try:
        for row, _ in _chained_behind(store, since):
            seq = row.seq
            if seq >= upto_seq:
                break
    except BrokenChainError as error:
        return [Fault(error.seq, "row", error.what)]
    except DataDirError as error:
        return [Fault(seq, "store", str(error))]
    return []


def _chained_behind(store: Store, since: int) -> Iterator[tuple[JournalRow, bytes]]:
    if not since:
        return checked(store.rows())
    chain = store.chain_of(since)
    if chain is None:
        raise BrokenChainError(since, "is missing")
    return checked(store.rows(since), behind=(since, chain))


def _base(store: Store, since: int) -> SnapshotFile | None:
    """Return the newest snapshot of ``since`` or a row before it, else the oldest, if any."""
    oldest = None
    for snapshot in usable_snapshots(store):
        oldest = snapshot
        if snapshot.seq <= since:
            break
    return oldest


def _raise_first(faults: list[Fault], then: BaseException | None = None) -> None:
    """Raise the earliest; of the same row that of its digest."""
    if faults:
        first = min(faults, key=lambda fault: (fault.seq, fault.kind == "snapshot"))
        raise first.error() from then


class Asked(Struct, frozen=True):
    """Which rows to check, see `verified`."""

    to_seq: int | None = None
    since: int | None = None


class _Run:
    """The replay, and the children beside it. ``reached``: the row that is being replayed."""

    def __init__(self, store: Store, asked: Asked, children: ExitStack, look: Look) -> None:
        self.reached = 0
        self._store = store
        self._asked = asked
        self._base = None if asked.since is None else _base(store, asked.since)
        self._children = children
        self._look = look
        self._loaded: Loaded
        self._waiting = _snapshots_to_check(store)
        self._digests: Beside[list[Fault]]
        self._hashes: list[tuple[_Snapshot, Beside[str]]] = []
        self._last_seq = 0
        """The journal's last row."""

    def through(self, frames: FrameCheck) -> None:
        """Replay the rows as far as asked, or up to the first whose digest is wrong."""
        store, self._last_seq = self._store, frames.upto_seq
        digests = Beside(lambda: self.digest_faults(frames.upto_seq), list[Fault])
        self._digests = self._children.enter_context(digests)
        rows = iter(store.rows(self._base.seq if self._base else 0))
        self._begin(rows, frames)
        upto = min(frames.upto_seq, self._asked.to_seq or frames.upto_seq)
        while (begun := self.reached) < upto:
            self._replay(islice(rows, min(LOOK_ROWS, upto - begun)), frames)
            if self.reached == begun:
                break  # rows were taken away meanwhile
            self._look(self.reached, upto)
            if self._digests.is_done:
                upto = min([upto, *(fault.seq - 1 for fault in self._digests.result())])
        self._ends()
        frames.end(self.reached)

    def _ends(self) -> None:
        """What was asked for is there, and no snapshot is behind the end."""
        for option, seq in (("--to-seq", self._asked.to_seq), ("--since", self._asked.since)):
            if seq is not None and seq > self._last_seq:
                text = f"{option} {seq}: the journal ends with row {self._last_seq}"
                raise DataDirError(f"{self._store.name}: {text}")
        for seq in self._waiting:
            if seq > self._last_seq:
                text = f"runs ahead of the journal, which ends {self._last_seq}"
                raise SnapshotError(f"snapshot {seq}: {text}")

    def digest_faults(self, upto_seq: int) -> list[Fault]:
        """Return the first fault of the rows' digests up to ``upto_seq``, if any."""
        since = min(self._asked.since or 0, self._base.seq) if self._base else 0
        return digest_faults(self._store, upto_seq, since)

    def _begin(self, rows: Iterator[StoredRow], frames: FrameCheck) -> None:
        if self._base is not None:
            self.reached = self._base.seq
            self._loaded = restored(self._store, self._base)
            accounts = self._loaded.engine.state.ledger.accounts
            frames.begin({name: account.account_seq for name, account in accounts.items()})
            return
        first = next(rows, None)
        if first is None:
            raise DataDirError(f"{self._store.name}: the journal is empty")
        seq, now_ms, _, body, chain = first
        self.reached = seq
        genesis = read_genesis(JournalRow(seq, now_ms, body))
        self._loaded = made(Engine(genesis.config), chain, private=False)
        self._replay(iter((first,)), frames)

    def _replay(self, rows: Iterator[StoredRow], frames: FrameCheck) -> None:
        loaded, waiting = self._loaded, self._waiting
        for seq, now_ms, _, body, chain in rows:
            self.reached = seq
            apply(loaded, JournalRow(seq, now_ms, body), chain, frames.row)
            if seq in waiting:
                self._hash(waiting.pop(seq))

    def _hash(self, snapshot: _Snapshot) -> None:
        """The state is as it is to be in ``snapshot``: compare, beside what goes on."""
        if snapshot.chain != self._loaded.last_chain:
            raise SnapshotError(f"snapshot {snapshot.seq}: does not belong to the journal's rows")
        for _, before in self._hashes:  # one at a time: each may copy all of the memory
            before.result()
        child = Beside(self._loaded.engine.state_hash, str)
        self._hashes.append((snapshot, self._children.enter_context(child)))

    def hash_faults(self) -> list[Fault]:
        """Return the snapshots that are of another state than the replay's."""
        return [
            Fault(
                one.seq, "snapshot", f"snapshot {one.seq}: is not what the journal's rows lead to"
            )
            for one, child in self._hashes
            if one.rules == RULES_VERSION and one.state_hash != child.result()
        ]

    def end(self) -> Loaded:
        """All was replayed: hear the children, and return what it came to."""
        _raise_first([*self.hash_faults(), *self._digests.result()])
        loaded = self._loaded
        hashed = {snapshot.seq: child for snapshot, child in self._hashes}
        child = hashed.get(loaded.engine.seq)
        loaded.state_hash = loaded.engine.state_hash() if child is None else child.result()
        return loaded


def _snapshots_to_check(store: Store) -> dict[int, _Snapshot]:
    """Return the snapshots by row. Those of another release are left out: they cannot be
    compared."""
    found: dict[int, _Snapshot] = {}
    for seq in store.snapshots():
        try:
            read = store.read_snapshot(seq)
        except OtherLayoutError as error:
            sys.stderr.write(f"headroom: snapshot not verified: {error}\n")
        else:
            found[seq] = _Snapshot(read.seq, read.rules, read.chain, read.state_hash)
    return found
