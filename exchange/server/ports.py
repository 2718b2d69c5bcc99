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


class KeptJournal(Journal, Protocol):
    """A journal as the server opens, tends and closes it. Methods raise `DiskLostError`."""

    @property
    def chain(self) -> bytes:
        """Digest of the last committed row."""

    @property
    def checkpoint_is_due(self) -> bool: ...

    async def open(self) -> None:
        """Open for writing. Raises `DataDirError` too."""

    async def checkpoint(self) -> None:
        """Begin a checkpoint beside commits."""

    async def checkpoint_rest(self) -> None:
        """End it; nothing may be appended meanwhile."""

    async def kept_from(self, now_ms: int) -> dict[str, int]:
        """Return each account's oldest account_seq that is kept at ``now_ms``, if it has any."""

    async def forget(self, now_ms: int) -> bool:
        """Delete some account frames that are too old; False: there are no more."""

    async def drop_sealed(self, upto_seq: int) -> bool:
        """Delete some rows up to this one, which a segment holds; False: there are no more."""

    async def abandon(self) -> None:
        """Give up after an error, without waiting for what failed."""

    async def close(self) -> None:
        """Close; the journal is complete without it."""
