"""Seals rows of a journal in a process that is killed at one step. Only for test_sealing.py.

python -m tests.crash.sealed DIR EACH

For step 1, 2, 3 and so on it forks a child that seals and drops, on a copy of DIR, and is killed
with SIGKILL before that step; a step is a sync, a rename or a commit. Then the copy is read, sealed
to the end, and read again. It ends when a child was not killed, and prints how many steps there
were. With ``--early`` the rows leave the table before they are in a segment: a planted bug.
"""

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange.journal.chain import StoredRow, checked
from exchange.recovery.sealing import seal
from exchange.storage import segments
from exchange.storage.joined import joined
from exchange.storage.sqlite_journal import SqliteJournal, stored_rows


class Steps:
    """Counts steps, and kills this process before number ``last``."""

    def __init__(self, last: int) -> None:
        self._last = last
        self._count = 0

    def before(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*given: Any, **named: Any) -> Any:
            self._count += 1
            if self._count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)
            return work(*given, **named)

        return stepped


def seal_all(data_dir: Path, each: int, early: bool) -> None:
    if early:
        asyncio.run(drop(data_dir, each))
    while seal(data_dir, each, 1):
        asyncio.run(drop(data_dir, segments.last_seq(joined(data_dir))))
    asyncio.run(drop(data_dir, segments.last_seq(joined(data_dir))))


async def drop(data_dir: Path, upto_seq: int) -> None:
    journal = SqliteJournal(data_dir, b"")
    await journal.open()
    while await journal.drop_sealed(upto_seq):
        pass
    await journal.close()


def killed_at(data_dir: Path, each: int, number: int, early: bool) -> bool:
    """Return whether a child came to step ``number``."""
    child = os.fork()
    if child == 0:
        steps = Steps(number)
        os.fsync = steps.before(os.fsync)
        os.replace = steps.before(os.replace)
        setattr(SqliteJournal, "drop_sealed", steps.before(SqliteJournal.drop_sealed))  # noqa: B010
        seal_all(data_dir, each, early)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def read(data_dir: Path) -> list[StoredRow]:
    found = list(stored_rows(data_dir))
    list(checked(found))
    return found


def main(where: str, each: str, *options: str) -> int:
    source, early = Path(where), "--early" in options
    expected = read(source)
    number, was_killed = 0, True
    while was_killed:
        number += 1
        with tempfile.TemporaryDirectory() as scratch:
            data_dir = Path(shutil.copytree(source, Path(scratch) / "data"))
            was_killed = killed_at(data_dir, int(each), number, early)
            assert read(data_dir) == expected, f"rows differ after a kill at step {number}"
            seal_all(data_dir, int(each), False)
            assert read(data_dir) == expected, f"rows differ when step {number} was done again"
            assert in_table(data_dir) == len(expected) - segments.last_seq_in(data_dir)
            assert not list(segments.folder(data_dir).glob("*.new"))
    print(f"{number - 1} steps")
    return 0


def in_table(data_dir: Path) -> int:
    with sqlite3.connect(data_dir / "journal.db") as database:
        return int(database.execute("SELECT count(*) FROM journal").fetchone()[0])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
