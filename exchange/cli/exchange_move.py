"""`headroom exchange move`: an exchange from a data directory to PostgreSQL, or back."""

import sys
from pathlib import Path
from time import monotonic
from typing import Annotated, Literal

import typer

from exchange.cli.common import JsonAnyway, fail, print_json
from exchange.cli.exchange_place import require_library, shown
from exchange.journal.chain import BrokenChainError
from exchange.storage.snapshots import SnapshotError
from exchange.storage.sqlite_journal import DataDirError, DataLock, require

STEP_S = 1.0
MIN_S = 60


class Progress:
    """Tells a person how far it is, once a second."""

    def __init__(self) -> None:
        self._what = ""
        self._begun_s = self._told_s = monotonic()

    def __call__(self, what: str, done: int, whole: int) -> None:
        now_s = monotonic()
        if what != self._what:
            self._what, self._begun_s = what, now_s
        elif now_s - self._told_s < STEP_S and done < whole:
            return
        self._told_s = now_s
        left = ""
        if 0 < done < whole:
            left_s = int((now_s - self._begun_s) * (whole - done) / done) + 1
            left = f", {left_s // MIN_S} min {left_s % MIN_S} s left"
        sys.stderr.write(f"{what}: {done} of {whole}{left}\n")


def move(
    data: Annotated[Path, typer.Option("--data", help="The exchange's data directory.")],
    journal: Annotated[
        str, typer.Option("--journal", help="Its database: postgresql://HOST:PORT/DATABASE.")
    ],
    into: Annotated[
        Literal["journal", "data"], typer.Option("--into", help="Which of the two is the new one.")
    ] = "journal",
    as_json: JsonAnyway = True,
) -> None:
    """Copy an exchange that nobody serves into PostgreSQL, or back, and compare the copy."""
    require_library()
    from exchange.postgres.moving import Moved, require_idle, to_folder, to_postgres

    try:
        if into == "journal":
            require(data)
            with DataLock(data):
                moved = to_postgres(data, journal, Progress())
        else:
            require_idle(journal)
            loaded = to_folder(journal, data, Progress())
            moved = Moved(loaded.engine.seq, loaded.last_chain)
    except (BrokenChainError, DataDirError, SnapshotError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("stopped: nothing is served from what was copied; run it again")
    at = shown(journal) if into == "journal" else str(data)
    print_json({"to": at, "seq": moved.seq, "chain": moved.chain.hex()})
