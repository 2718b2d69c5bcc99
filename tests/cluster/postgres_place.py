"""A database as the place of a journal that this test leads."""

from exchange.journal.rows import JournalRow
from exchange.postgres import leader
from exchange.postgres.connecting import ask
from exchange.postgres.postgres_journal import PostgresJournal
from exchange.postgres.postgres_store import PostgresStore
from exchange.postgres.schema import create


class Database:
    """``epoch``: of the journals that it opens."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store = PostgresStore(url)
        self.epoch = 0

    def create(self, rows: list[JournalRow]) -> None:
        create(self.url, rows)
        self.epoch = self.lead()

    def journal(self, last_chain: bytes) -> PostgresJournal:
        return PostgresJournal(self.url, last_chain, self.epoch, unsafe_single=True)

    def lead(self) -> int:
        """Take over, as if the lease of whoever leads had run out; returns the epoch."""
        ask(self.url, lambda c: c.execute("UPDATE headroom.leader SET until = '-infinity'"))
        epoch = ask(self.url, lambda c: leader.take(c, "test", ""))
        assert epoch is not None
        return epoch
