"""Follows the rows of a journal that another process writes, with an engine that is ready. Shell.

Everything blocks: a standby calls it in a thread, one call at a time.
"""

import os
import signal
from itertools import islice
from typing import Final, NoReturn

from exchange.journal.chain import RULES_VERSION, StoredRow
from exchange.recovery.loading import Loaded, follow, load
from exchange.standby.takeover import Agreement
from exchange.storage.store import Store

LOOK_ROWS: Final = 2_000
"""Rows that one look brings at most: it holds them all, and the pages answer after it."""
SAME: Final = 0
DIFFERENT: Final = 3
NOT_COMPARED: Final = 4
_NICE: Final = 10


class Follower:
    """``loaded`` is the exchange as of the last row read.

    ``agreement``: with the state that the leader wrote to its newest snapshot.
    """

    def __init__(self, store: Store, loaded: Loaded) -> None:
        self.loaded = loaded
        self.agreement: Agreement = "unknown"
        self.compared_seq = loaded.restored_seq
        """The newest snapshot of the leader that we have looked at."""
        self._store = store
        self._child: int | None = None

    @property
    def seq(self) -> int:
        return self.loaded.engine.seq

    def look(self) -> list[StoredRow]:
        """Read what has come, `LOOK_ROWS` at most, and apply it. Raises `BrokenChainError`,
        `DataDirError`."""
        found = list(islice(self._store.rows(self.seq), LOOK_ROWS))
        if found:
            follow(self.loaded, found)
        return found

    def snapshot_to_compare(self) -> int | None:
        """Return the row of a snapshot that we have reached and not compared yet."""
        if self._child is not None:
            return None
        newest = next(iter(self._store.snapshots()), 0)
        return newest if self.compared_seq < newest <= self.seq else None

    def compare(self, seq: int) -> None:
        """Have a child compare the leader's state at row ``seq`` with ours; see `reap`.

        The child goes on from the leader's snapshot to the row that we are at. The same rules over
        the same rows must lead to the same state from there as from where we began.
        """
        self.compared_seq = seq
        child = os.fork()
        if child == 0:
            self._compare_and_exit()
        self._child = child

    def _compare_and_exit(self) -> NoReturn:
        code = NOT_COMPARED
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            os.closerange(3, 65_536)
            os.nice(_NICE)
            code = self._compared()
        finally:
            os._exit(code)

    def _compared(self) -> int:
        snapshot = self._store.read_snapshot(self.compared_seq)
        if snapshot.rules != RULES_VERSION:
            return NOT_COMPARED
        theirs = load(self._store, to_seq=self.seq)
        if theirs.restored_seq != self.compared_seq or theirs.engine.seq != self.seq:
            return NOT_COMPARED
        same = theirs.engine.state_hash() == self.loaded.engine.state_hash()
        return SAME if same else DIFFERENT

    def reap(self, *, wait: bool = False) -> None:
        """Take the result of a comparison that has ended."""
        if self._child is None:
            return
        pid, status = os.waitpid(self._child, 0 if wait else os.WNOHANG)
        if pid == 0:
            return
        self._child = None
        code = os.waitstatus_to_exitcode(status)
        if code == DIFFERENT:
            self.agreement = "different"
        elif code == SAME:
            self.agreement = "same"

    def end(self) -> None:
        """Leave no child behind."""
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
            self.reap(wait=True)
