"""The pump's ports: a clock, a journal, and who is connected. Shell."""

from collections.abc import Awaitable
from typing import Protocol

from exchange.journal.rows import AccountRow, JournalRow
from exchange.server.turns import Line
from exchange.session.deliveries import Delivery


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


class Reader(Protocol):
    """Who is sent stored account frames, page by page."""

    number: int

    def write_payloads(self, payloads: list[bytes]) -> None: ...
    async def drain(self) -> None: ...
    def close_soon(self, code: int, reason: str) -> None: ...
    def replayed(self, final: bool) -> None: ...


class Peer(Protocol):
    """A client's connection, here or at a door. ``number``: its session's."""

    number: int
    line: Line

    def deliver(self, items: list[Delivery]) -> None: ...
    def close_soon(self, code: int, reason: str) -> None: ...
    def rest(self, seconds: float) -> None: ...
    def resume(self) -> None: ...
    def spawn(self, work: Awaitable[None]) -> None: ...
