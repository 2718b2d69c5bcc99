"""The contract of journals, kept by PostgreSQL."""

import pytest

from tests.cluster.postgres_place import Database
from tests.exchange.support.journal_contract import JournalContract


@pytest.fixture
def place(postgres: str) -> Database:
    return Database(postgres)


class TestPostgres(JournalContract):
    """All of it."""
