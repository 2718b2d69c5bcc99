"""What a simulated exchange keeps for clients that resume: account frames, in memory."""

from exchange.journal.rows import AccountRow, JournalRow

KEPT_ROWS = 10_000
"""Batches of one account; who resumes from before them takes the account's state instead."""


class MemoryStore:
    """The part of a journal that the pump reads."""

    def __init__(self) -> None:
        self._rows: dict[str, list[AccountRow]] = {}

    def keep(self, accounts: list[AccountRow]) -> None:
        for row in accounts:
            rows = self._rows.setdefault(row.account, [])
            rows.append(row)
            if len(rows) > KEPT_ROWS:
                del rows[: KEPT_ROWS // 2]

    def clear(self) -> None:
        self._rows.clear()

    async def append(self, rows: list[JournalRow], accounts: list[AccountRow]) -> None:
        """Keep the frames; a simulated run has no journal on disk."""
        self.keep(accounts)

    async def account_rows(
        self, account: str, after: int, upto: int, limit: int
    ) -> list[AccountRow]:
        found = self._rows.get(account, [])
        return [row for row in found if row.last_seq > after and row.first_seq <= upto][:limit]
