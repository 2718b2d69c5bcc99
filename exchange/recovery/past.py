"""Checks the table's rows before the snapshot, while the exchange already serves. Shell.

A start from a snapshot checks only the rows after it, so that its time does not grow with the
journal. A child process checks the table before it: SQLite's own check of the file, and the digest
of each row. Sealed rows were read back when they were sealed, and are not read again. An error ends
the exchange as it would have ended the start: one line, exit code 1. The choice is
docs/decisions/0023-a-start-looks-behind-its-snapshot.md.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from exchange.gateway import log_events
from exchange.journal.chain import ORIGIN, BrokenChainError, checked
from exchange.log import log
from exchange.storage.joined import joined
from exchange.storage.sqlite_journal import DataDirError, quick_check
from exchange.storage.sqlite_store import SqliteStore
from exchange.storage.store import Store

_NICE: Final = 10
_END_S: Final = 5.0
"""How long to wait for a killed child to end."""


class PastError(Exception):
    """A row before the snapshot was changed or damaged. ``str()`` is one line for the user."""


def check(store: SqliteStore, upto_seq: int) -> None:
    """Read the table's rows up to ``upto_seq``. Raises `BrokenChainError`, `DataDirError`."""
    quick_check(store.data_dir)
    sealed = joined(store.data_dir)
    behind = (sealed[-1].head.last_seq, sealed[-1].head.end) if sealed else (0, ORIGIN)
    check_rows(store, upto_seq, behind)


def check_rows(store: Store, upto_seq: int, behind: tuple[int, bytes] = (0, ORIGIN)) -> None:
    """Read the rows behind this one, whose digest this is, up to ``upto_seq``."""
    for row, _ in checked(store.rows(behind[0]), upto_seq, behind):
        if row.seq >= upto_seq:
            return


def words(data_dir: Path, upto_seq: int) -> list[str]:
    """Return the command line of the child that checks a data directory."""
    return [sys.executable, "-m", __name__, str(data_dir), str(upto_seq)]


class PastCheck:
    """The check of one run; ``upto_seq`` is the snapshot's row, 0 when there is nothing to do."""

    def __init__(
        self, words: list[str], upto_seq: int, secret: Mapping[str, str] | None = None
    ) -> None:
        """``words`` start the child; ``secret`` is added to its environment."""
        self._words = words
        self._secret = secret or {}
        self._upto_seq = upto_seq
        self._child: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        """Start the child. If that fails, it is logged and trading goes on."""
        if not self._upto_seq:
            return
        try:
            self._child = subprocess.Popen(
                self._words,
                env=os.environ | self._secret,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is for the exchange, which ends the child
            )
        except OSError as error:
            log.write(log_events.past_unchecked(self._upto_seq, str(error.strerror)))

    def look(self) -> None:
        """Check whether the child has ended. Raises `PastError` if it found an error."""
        if self._child is None or self._child.poll() is None:
            return
        child, self._child = self._child, None
        found, _ = child.communicate()
        if child.returncode == 1 and found:
            raise PastError(found.strip())
        if child.returncode:
            why = f"its reader ended with {child.returncode}"
            log.write(log_events.past_unchecked(self._upto_seq, why))

    def end(self) -> None:
        """End the child, since the exchange ends."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate(timeout=_END_S)


def main(data_dir: str, upto_seq: str) -> int:
    """Run in the child. On an error prints one line on stdout and returns 1."""
    os.nice(_NICE)
    try:
        check(SqliteStore(Path(data_dir)), int(upto_seq))
    except (BrokenChainError, DataDirError) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
