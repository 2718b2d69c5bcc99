"""What the pure parts need of others, as `typing.Protocol`: where live and simulation differ, and
the engine as the gateway sees it.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from exchange.feed.account_channel import AccountRow
from exchange.feed.book_stream import BookSource
from exchange.feed.directory import HostSource
from exchange.feed.fleet import FleetSource
from exchange.model.commands import Command, Out, Refused
from exchange.session.session import SessionKey
from exchange.wire.frames import HostLimit, HostSync, VmKill
from exchange.wire.login import Verify
from exchange.wire.types import HostStatus

__all__ = ["Clock", "EngineView", "Journal", "JournalRow", "Verify"]


class JournalRow(Struct, frozen=True, gc=False):
    """One accepted command; ``body`` is the MessagePack of its `Command`."""

    seq: int
    now_ms: int
    body: bytes


class Clock(Protocol):
    """Time that never goes back."""

    def now_ms(self) -> int: ...


class Journal(Protocol):
    """The authority: state is the replay of what was appended."""

    async def append(self, rows: list[JournalRow], accounts: list[AccountRow]) -> None:
        """Make all of it durable, or raise and be of no further use."""

    async def account_rows(
        self, account: str, after: int, upto: int, limit: int
    ) -> list[AccountRow]:
        """Return stored rows holding frames ``after < account_seq <= upto``, oldest first."""


class HostFacts(Protocol):
    """What liveness asks of a host."""

    @property
    def host(self) -> str: ...
    @property
    def status(self) -> HostStatus: ...


class OrderLimits(Protocol):
    @property
    def orders_per_s(self) -> int: ...


class ImageFacts(Protocol):
    @property
    def sha256(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def format(self) -> str: ...
    @property
    def owners(self) -> list[str]: ...


class EngineView(BookSource, HostSource, FleetSource, Protocol):
    """The engine: `exchange.engine.Engine`, as far as the gateway knows it."""

    @property
    def now_ms(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    def apply(self, command: Command, now_ms: int) -> list[Out]: ...
    def next_deadline_ms(self) -> int | None: ...
    def snapshot(self) -> bytes: ...
    def key(self, name: str) -> SessionKey | None: ...
    def account_seq(self, account: str) -> int: ...
    def account_page(
        self, account: str, kinds: tuple[str, ...], after: str | None, limit: int
    ) -> tuple[dict[str, list[Any]], str | None] | Refused: ...
    def usable_images(self, account: str) -> Sequence[Any]: ...
    def balance(self, account: str) -> Any: ...
    def balance_page(
        self, after: str | None, limit: int
    ) -> tuple[dict[str, Any], str | None] | Refused: ...
    def hosts(self) -> Sequence[HostFacts]: ...
    def host_statuses(self) -> dict[str, int]: ...
    def has_account(self, account: str) -> bool: ...
    def lost_after_ms(self, host: str) -> int: ...
    def host_sync(self, host: str, instruction_id: str) -> HostSync: ...
    def host_kills(self, host: str, prefix: str) -> list[VmKill]: ...
    def host_limit(self, host: str, instruction_id: str) -> HostLimit | None: ...
    def vm_host(self, account: str, vm_id: str) -> str | Refused: ...
    def limits(self, account: str) -> OrderLimits: ...
    def image(self, sha256: str) -> ImageFacts | None: ...
    def account_may_use_image(self, account: str, sha256: str) -> bool: ...
    def host_may_read_image(self, host: str, sha256: str) -> bool: ...
