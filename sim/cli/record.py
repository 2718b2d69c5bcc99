"""`headroom sim record`: the journal of an exchange as a file that `sim replay` reads."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.common import EXIT_USAGE, Json, date_option, fail, moment, print_json
from exchange.files import why
from exchange.journal.chain import BrokenChainError
from exchange.storage.sqlite_journal import DataDirError, opened_to_read, require
from sim.cli.progress import Progress
from sim.cli.written import check_writable
from sim.record.file import MAGIC, written
from sim.record.take import Taking

DataDir = Annotated[Path, typer.Option("--data", help="The exchange's data directory.")]
To = Annotated[Path, typer.Argument(help="The file to write.")]
Since = Annotated[int | None, date_option("--from", "First day or moment, UTC; default: all.")]
Until = Annotated[int | None, date_option("--to", "Up to before this day or moment.")]


def record(
    data: DataDir, out: To, since: Since = None, until: Until = None, as_json: Json = False
) -> None:
    """Write what an exchange was told into OUT; it may be running."""
    if until is not None and until <= (since or 0):
        fail("--to: not after --from", EXIT_USAGE)
    _check(out, data)
    try:
        progress = Progress("recorded", _last_seq(data))
        with written(out) as writer:
            taken = Taking(data, since, until, progress).write(writer)
    except (BrokenChainError, DataDirError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"recording {out}: {why(error)}")
    if as_json:
        print_json(
            {
                "commands": taken.last_seq - taken.first_seq + 1,
                "first_seq": taken.first_seq,
                "last_seq": taken.last_seq,
                "from_ms": taken.first_ms,
                "to_ms": taken.last_ms,
                "state_hash": taken.state_hash,
            }
        )
        return
    print(f"{out}: commands {taken.first_seq} to {taken.last_seq},", end=" ")
    print(f"{moment(taken.first_ms)} to {moment(taken.last_ms)}, state {taken.state_hash}")


def _check(out: Path, data: Path) -> None:
    """Refuse, before anything is read, what cannot become a recording or must not."""
    inside = Path(os.path.realpath(out)).is_relative_to(os.path.realpath(data))
    if inside and os.path.isfile(out) and not _is_recording(out):
        fail(f"recording {out}: a file of the exchange is there", EXIT_USAGE)
    if os.path.exists(out) and not os.path.isdir(out) and not os.path.isfile(out):
        fail(f"recording {out}: not a regular file", EXIT_USAGE)
    check_writable("recording", out)


def _is_recording(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _last_seq(data: Path) -> int:
    path = require(data)
    try:
        with closing(opened_to_read(path)) as database:
            return database.execute("SELECT max(seq) FROM journal").fetchone()[0] or 0
    except sqlite3.Error as error:
        raise DataDirError(f"{path}: {error}") from error
