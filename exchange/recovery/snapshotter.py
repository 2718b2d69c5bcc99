"""Takes the snapshots of a running exchange, without stopping it. Shell.

Writing out a large state takes seconds, so a forked child does it: it owns a copy-on-write image of
the memory as it was between two batches, writes the file and ends. The exchange pauses for the fork
alone. If the child cannot write, the disk fails, and the exchange ends (exit 70).
Measured in operations.md, "The figures"; the choice is docs/decisions/0020-snapshots.md.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Final, NoReturn

from exchange.gateway import log_events
from exchange.gateway.gateway import Gateway
from exchange.journal.chain import RULES_VERSION
from exchange.log import log
from exchange.model import stories
from exchange.storage.snapshots import SnapshotFile
from exchange.storage.sqlite_journal import DiskLostError
from exchange.storage.store import Store
from exchange.units import MS_PER_SECOND

FINAL_SHARE: Final = 10
"""At the end, take a snapshot only after this share of `SNAPSHOT_EVERY` commands."""
SNAPSHOT_EVERY: Final = 50_000
"""Commands from one snapshot to the next: a start replays at most about this many."""
_CHILD_DISK_LOST: Final = 70
_CHILD_BROKEN: Final = 1
_NICE: Final = 10
_FIRST_INHERITED: Final = 3
_FD_MAX: Final = 65_536
_CHILD_S: Final = 60.0
"""How long the exchange's shutdown waits for a child that is still writing."""


class Snapshotter:
    """``chain()`` is the journal's digest of the last committed row.

    ``taken_seq``: the row of the snapshot that the exchange was restored from, 0 for none.
    """

    def __init__(
        self,
        store: Store,
        gateway: Gateway,
        chain: Callable[[], bytes],
        every: int,
        taken_seq: int = 0,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._chain = chain
        self._every = every
        self._child: int | None = None
        self._taken_seq = taken_seq
        store.drop_drafts()

    async def if_due(self) -> None:
        """Begin a snapshot when enough commands came; the pump calls this between batches.

        Raises `DiskLostError` when the one before could not be written.
        """
        if self._child is not None:
            self.reap(os.WNOHANG)
        elif self.is_due:
            self._begin()

    @property
    def is_due(self) -> bool:
        """Return whether the next `if_due` forks."""
        return self._child is None and self._gateway.engine.seq - self._taken_seq >= self._every

    def _begin(self) -> None:
        try:
            child = os.fork()
        except OSError as error:  # Trading goes on when there is no memory for a child.
            log.write(log_events.snapshot_failed(str(error.strerror)))
            self._taken_seq = self._gateway.engine.seq
            return
        if child == 0:
            self._write_and_exit()
        self._child = child
        self._taken_seq = self._gateway.engine.seq

    def _write_and_exit(self) -> NoReturn:
        """Run in the child, which has only a copy of the exchange's memory."""
        code = _CHILD_BROKEN
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            os.closerange(_FIRST_INHERITED, _FD_MAX)  # above all the lock on the directory
            # The exchange may run before everything else, by `chrt`: then nice alone is nothing.
            with suppress(OSError):  # forbidden where system calls are filtered
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            os.nice(_NICE)
            self._write()
            code = 0
        except OSError as error:
            code = _CHILD_DISK_LOST
            log.write(log_events.snapshot_failed(str(error.strerror or error)))
        finally:
            os._exit(code)

    def _write(self) -> None:
        begun_s = time.monotonic()
        engine = self._gateway.engine
        state = engine.snapshot()
        snapshot = SnapshotFile(
            RULES_VERSION,
            engine.seq,
            engine.now_ms,
            self._chain(),
            sha256(stories.split(state)[0]).hexdigest(),
            state,
            self._gateway.feed.memory(),
        )
        size = self._store.write_snapshot(snapshot)
        took_ms = int((time.monotonic() - begun_s) * MS_PER_SECOND)
        log.write(log_events.snapshot_written(snapshot.seq, size, took_ms))

    def reap(self, flags: int) -> None:
        """Check how the child ended; ``flags`` are those of `os.waitpid`."""
        assert self._child is not None
        pid, status = os.waitpid(self._child, flags)
        if pid == 0:
            return
        self._child = None
        code = os.waitstatus_to_exitcode(status)
        if code == _CHILD_DISK_LOST:
            raise DiskLostError(f"{self._store.name}: a snapshot could not be written")
        assert code in (0, -signal.SIGKILL, -signal.SIGTERM), f"the snapshot's writer ended {code}"

    async def finish(self, *, last: bool = True) -> None:
        """Take a last snapshot at the orderly end, so that the next start replays little.

        Not ``last``: a standby is waiting, which replays nothing.

        Skipped after only a few commands: a start replays them quickly, and a journal that loses
        its last rows can still be used, since no snapshot is ahead of it.
        """
        if not last:
            self.abandon()
            return
        loop = asyncio.get_running_loop()
        if self._child is not None:
            waiting = loop.run_in_executor(None, self.reap, 0)
            try:
                await asyncio.wait_for(asyncio.shield(waiting), _CHILD_S)
            except TimeoutError:
                os.kill(self._child, signal.SIGKILL)
                await waiting
        if self._gateway.engine.seq - self._taken_seq >= max(1, self._every // FINAL_SHARE):
            self._taken_seq = self._gateway.engine.seq
            try:
                self._write()
            except OSError as error:
                text = f"{self._store.name}: snapshot failed: {error.strerror or error}"
                raise DiskLostError(text) from error

    def abandon(self) -> None:
        """The exchange ends without another snapshot: leave no child behind."""
        if self._child is not None:
            with suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self._child, 0)
            self._child = None
