"""The contract of journals, kept by SQLite."""

from pathlib import Path

import pytest

from exchange.journal.rows import JournalRow
from exchange.storage.sqlite_journal import SqliteJournal, create
from exchange.storage.sqlite_store import SqliteStore
from tests.exchange.support.journal_contract import JournalContract


class DataDir:
    """A data directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = SqliteStore(path)

    def create(self, rows: list[JournalRow]) -> None:
        create(self.path, rows)

    def journal(self, last_chain: bytes) -> SqliteJournal:
        return SqliteJournal(self.path, last_chain)


@pytest.fixture
def place(tmp_path: Path) -> DataDir:
    (tmp_path / "data").mkdir()
    return DataDir(tmp_path / "data")


class TestSqlite(JournalContract):
    """All of it."""
