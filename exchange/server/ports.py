"""The pump's ports: a clock and a journal. Shell."""

from typing import Protocol

from exchange.journal.rows import AccountRow, JournalRow


class Clock(Protocol):
    """Time that never goes back."""

    def now_ms(self) -> int: ...


class Journal(Protocol):
    """The source of truth: the state is the replay of the appended rows."""

    async def append(self, rows: list[JournalRow], accounts: list[AccountRow]) -> None:
        """Make all of it durable, or raise; after an error the journal must not be used again."""

    async def account_rows(
        self, account: str, after: int, upto: int, limit: int
    ) -> list[AccountRow]:
        """Return stored rows holding frames ``after < account_seq <= upto``, oldest first."""
