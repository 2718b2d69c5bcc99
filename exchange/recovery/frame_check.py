"""Compares the stored account frames with those that a replay of the rows makes. Shell.

Frames are not chained by digest as rows are. What can be checked is that they equal the frames of a
replay and that an account's frames have no gap. Older ones are dropped after 7 days
(`journal.KEEP_MS`), so an account's first stored frame may have any number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, get_args

from exchange.journal.frame_layout import by_position, frames_body
from exchange.journal.rows import SpoiltFramesError, stored_frames
from exchange.model.commands import Command, Out
from exchange.storage.sqlite_journal import DataDirError
from exchange.storage.store import FrameRow, Store, StoredFrames
from exchange.units import MAX_INT
from exchange.wire.codec import MSGPACK
from exchange.wire.frames import AccountFrame, Charge

_KINDS: Final[frozenset[Any]] = frozenset(get_args(AccountFrame))
"""Asked for each frame of a journal: found in a set sooner than by `isinstance`."""


@contextmanager
def frame_check(store: Store) -> Iterator[FrameCheck]:
    """Open the stored frames for a `FrameCheck`. Raises `DataDirError` when they cannot be read."""
    with store.frames() as frames:
        yield FrameCheck(frames)


def told_as_before(found: list[AccountFrame], expected: list[AccountFrame]) -> None:
    """Remove from ``expected`` the fields that an older release did not send yet: a charge's
    terms."""
    for old, new in zip(found, expected, strict=False):
        if isinstance(old, Charge) and isinstance(new, Charge) and old.terms is None:
            new.terms = None


class FrameCheck:
    """Reads the stored frames as of its start, even while a server goes on writing.

    Call `row` for each row in order, then `end`. Both raise `DataDirError` at the first difference.
    """

    def __init__(self, frames: StoredFrames) -> None:
        self._where = frames.where
        self.upto_seq = frames.upto_seq
        self._next = dict(frames.first)
        """The number of an account's next stored frame; accounts without any are left out."""
        self._made: dict[str, deque[AccountFrame]] = {account: deque() for account in self._next}
        """Frames of the replay that are not compared yet: those of one batch."""
        self._stored = frames.rows
        self._waiting: FrameRow | None = next(self._stored, None)

    def begin(self, told: dict[str, int]) -> None:
        """The replay begins with a state in which accounts had been ``told`` so many frames: those
        are passed over."""
        for account, first_seq in self._next.items():
            self._next[account] = max(first_seq, told.get(account, 0) + 1)
        while self._waiting is not None and self._waiting[2] < self._next[self._waiting[0]]:
            self._waiting = next(self._stored, None)

    def row(self, command: Command, seq: int, outs: list[Out]) -> None:
        """Row ``seq`` was replayed: compare the batches that are complete by now."""
        if seq > self.upto_seq:
            return
        first, made_by = self._next, self._made
        for account, frame in outs:
            made: Any = frame
            if type(made) in _KINDS and made.account_seq >= first.get(account, MAX_INT):
                made_by[account].append(made)
        while self._waiting is not None:
            account, _, last_seq, _ = self._waiting
            ready = self._made[account]
            if not ready or ready[-1].account_seq < last_seq:
                return
            self._compare(self._waiting, ready)
            self._waiting = next(self._stored, None)

    def end(self, seq: int) -> None:
        """All rows up to ``seq`` were replayed: neither side may have frames left."""
        if seq < self.upto_seq:
            return
        if self._waiting is not None:
            raise self._fault(self._waiting[0], self._waiting[1], "no row leads to them")
        for account, made in self._made.items():
            if made:
                raise self._fault(account, made[0].account_seq, "they are missing")

    def _compare(self, stored: FrameRow, made: deque[AccountFrame]) -> None:
        account, first_seq, last_seq, body = stored
        if first_seq != self._next[account]:
            raise self._fault(account, self._next[account], "they are missing")
        expected: list[AccountFrame] = []
        # The row's numbers may be damaged: use them to stop, never as a loop count.
        while made and made[0].account_seq <= last_seq:
            expected.append(made.popleft())
        same = bool(expected) and expected[0].account_seq == first_seq
        # Nearly all are stored as this release would store them.
        if not (same and (frames_body(expected) == body or self._is_told_as(stored, expected))):
            raise self._fault(account, first_seq, "not what the journal's rows lead to")
        self._next[account] = last_seq + 1

    def _is_told_as(self, stored: FrameRow, expected: list[AccountFrame]) -> bool:
        """Return whether stored frames say what is ``expected``, as an older release did.

        Compared as encoded bytes: a VM's endpoint has one type in the engine and another when read
        from disk.
        """
        account, first_seq, _, body = stored
        try:
            found = stored_frames(body, 0, MAX_INT)
        except SpoiltFramesError as error:
            raise self._fault(account, first_seq, f"damaged: {error}") from error
        if by_position(body) and (not found or frames_body(found) != body):
            return False  # it reads the same, yet a bit is another
        told_as_before(found, expected)
        return bool(MSGPACK.encode(found) == MSGPACK.encode(expected))

    def _fault(self, account: str, account_seq: int, what: str) -> DataDirError:
        where = f"account frames of {account} from {account_seq} on"
        return DataDirError(f"{self._where}: {where}: {what}")
