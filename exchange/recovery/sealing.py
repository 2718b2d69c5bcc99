"""Seals rows that only the past needs: into a segment first, then out of the table. Shell.

A child process writes the segments, so that no order waits for it; the exchange deletes the rows
between batches. Whatever is killed leaves each row in a segment, in the table, or in both. When it
is done, and what is checked: docs/decisions/0122-old-rows-are-sealed.md.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from exchange.gateway import log_events
from exchange.journal.chain import BrokenChainError, StoredRow, link
from exchange.journal.segment import BEFORE_ALL, Head
from exchange.log import log
from exchange.recovery.past import PastError
from exchange.storage import segments, snapshots
from exchange.storage.joined import joined
from exchange.storage.segments import Segment, SpoiltSegmentError
from exchange.storage.sqlite_journal import DataDirError
from exchange.storage.table import table_rows

AT_ONCE: Final = 8
"""Segments that one child writes."""
_NICE: Final = 10
_END_S: Final = 5.0
"""How long to wait for a killed child to end."""


def seal(data_dir: Path, each: int, most: int = AT_ONCE) -> list[Segment]:
    """Write up to ``most`` segments of ``each`` rows that are older than every snapshot; returns
    them. The rows stay in the table.

    Raises `BrokenChainError`, `DataDirError` for damaged rows, `OSError` for a full disk.
    """
    segments.drop_drafts(data_dir)
    found = joined(data_dir)
    last = found[-1].head if found else BEFORE_ALL
    made: list[Segment] = []
    while len(made) < most and is_due(data_dir, last.last_seq, each):
        made.append(_sealed(data_dir, last, each))
        last = made[-1].head
    return made


def _sealed(data_dir: Path, last: Head, each: int) -> Segment:
    upto = last.last_seq + each
    rows = _sound(last, table_rows(data_dir, last.last_seq, upto))
    try:
        return segments.write(data_dir, last.last_seq + 1, last.end, rows)
    except SpoiltSegmentError as error:
        raise DataDirError(str(error)) from error


def _sound(last: Head, rows: Iterator[StoredRow]) -> Iterator[StoredRow]:
    """Yield rows that follow ``last`` by their digests, or raise `BrokenChainError`."""
    chain = last.end
    for expected, row in enumerate(rows, last.last_seq + 1):
        chain = link(chain, *row[:4])
        if (row[0], row[4]) != (expected, chain):
            raise BrokenChainError(expected, "its hash does not agree with its contents")
        yield row


def is_due(data_dir: Path, sealed_seq: int, each: int) -> bool:
    """Return whether a segment's rows are all older than the oldest snapshot."""
    kept = snapshots.newest_first(data_dir)
    return bool(kept) and snapshots.seq_of(kept[-1]) > sealed_seq + each


class Sealer:
    """Seals beside a running exchange, ``each`` rows a segment; `look` is called now and then."""

    def __init__(self, data_dir: Path, each: int) -> None:
        self._data_dir = data_dir
        self._each = each
        self._sealed_seq = segments.last_seq_in(data_dir)
        self._tried_for: Path | None = None
        self._child: subprocess.Popen[str] | None = None
        self.drop_upto = self._sealed_seq
        """Rows up to this one may leave the table; 0 when they have. At first those that an
        exchange which was killed has left there."""

    def look(self) -> None:
        """Begin what is due, or hear how it went. Raises `PastError` for damaged rows."""
        if self._child is None:
            self._begin()
        elif self._child.poll() is not None:
            self._ended(self._child)

    def _begin(self) -> None:
        kept = snapshots.newest_first(self._data_dir)
        if not kept or kept[-1] == self._tried_for:
            return
        if not is_due(self._data_dir, self._sealed_seq, self._each):
            self._tried_for = kept[-1]
            return
        words = [sys.executable, "-m", __name__, str(self._data_dir), str(self._each)]
        try:
            self._child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is for the exchange, which ends the child
            )
        except OSError as error:
            self._failed(str(error.strerror))

    def _ended(self, child: subprocess.Popen[str]) -> None:
        self._child = None
        told, _ = child.communicate()
        if child.returncode == _DAMAGED and told:
            raise PastError(told.strip())
        if child.returncode:
            self._failed(told.strip() or f"its writer ended with {child.returncode}")
            return
        try:
            found = segments.listed(self._data_dir)
        except SpoiltSegmentError as error:
            raise PastError(str(error)) from error
        for segment in found:
            if segment.head.first_seq > self._sealed_seq:
                rows = segment.head.first_seq, segment.head.last_seq
                log.write(log_events.sealed(*rows, segment.path.stat().st_size))
        self._sealed_seq = self.drop_upto = segments.last_seq(found)

    def _failed(self, why: str) -> None:
        """Nothing is lost: the rows are still in the table. The next snapshot tries it again."""
        kept = snapshots.newest_first(self._data_dir)
        self._tried_for = kept[-1] if kept else None
        log.write(log_events.seal_failed(why))

    def end(self) -> None:
        """End the child, since the exchange ends."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate(timeout=_END_S)


_DAMAGED: Final = 1
_NOT_WRITTEN: Final = 70


def main(data_dir: str, each: str) -> int:
    """Run in the child. On an error prints one line on stdout."""
    with suppress(OSError):  # forbidden where system calls are filtered
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    os.nice(_NICE)
    try:
        seal(Path(data_dir), int(each))
    except (BrokenChainError, DataDirError) as error:
        sys.stdout.write(f"{error}\n")
        return _DAMAGED
    except OSError as error:
        sys.stdout.write(f"{error.strerror or error}\n")
        return _NOT_WRITTEN
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
