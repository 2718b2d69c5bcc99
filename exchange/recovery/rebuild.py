"""Rebuilds the read model from every row of the journal; the old one stays until that is done."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from exchange.model.commands import Command, Out
from exchange.recovery.loading import replayed
from exchange.storage.history import FILE_NAME, note, note_usage, opened
from exchange.storage.history_source import HistorySource, SqliteSource
from exchange.storage.sqlite_journal import DiskLostError
from exchange.storage.sqlite_store import SqliteStore
from exchange.storage.store import Store
from exchange.wire import frames


def rebuild(data_dir: Path) -> int:
    """Rebuild the read model from every row of the journal; returns the last ``seq``.

    No server may be running. Raises what `loading.replayed` raises, or `DiskLostError`.
    """
    return rebuilt(data_dir / FILE_NAME, SqliteStore(data_dir), SqliteSource(data_dir))


def rebuilt(path: Path, store: Store, source: HistorySource) -> int:
    """Like `rebuild`, of the journal in ``store`` to a file at ``path``."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    try:
        with closing(opened(draft)) as history:

            def noted(command: Command, seq: int, outs: list[Out]) -> None:
                told = [(a, frame) for a, frame in outs if isinstance(frame, frames.AccountFrame)]
                note(history, told)
                note_usage(history, seq, command)

            seq = replayed(store, on_row=noted).engine.seq
            marks = (source.newest(), seq)
            history.execute("UPDATE progress SET frames = ?, rows = ?", marks)
            history.commit()
            history.execute("PRAGMA journal_mode=delete")
        for old in path.parent.glob(f"{path.name}*"):
            old.unlink()
        os.replace(draft, path)
    except (sqlite3.Error, OSError) as error:
        raise DiskLostError(f"{path}: {error}") from error
    return seq
