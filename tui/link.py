"""The interface of a connection, implemented by a live client and by a scripted feed."""

from collections.abc import AsyncIterator
from typing import Any, Protocol, TypeAlias

from exchange.wire.frames import ServerMessage
from exchange.wire.types import Channel, RefusedAmounts, Request
from tui.view.words import Refusal


class Up:
    """The link is logged in; ``who`` is the account, "" when only watching."""

    def __init__(self, who: str, role: str = "") -> None:
        self.who, self.role = who, role


class AccountRead:
    """The account as a whole, when its frames could not be had one by one; see `AccountState`."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state


class Dropped:
    """After a reconnect the exchange refused to send ``what`` again."""

    def __init__(self, what: str, reason: str) -> None:
        self.what, self.reason = what, reason


class Down:
    """The link broke and is being dialed again, or, ``for_good``, is not."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        self.reason, self.for_good = reason, for_good


class RefusedError(Exception):
    """The exchange refused a request."""

    def __init__(
        self,
        reason: str,
        message: str,
        field: str | None = None,
        amounts: RefusedAmounts | None = None,
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.why = Refusal(reason, message, field, amounts)


class NoAnswerError(Exception):
    """The connection was lost before the answer: nobody knows what became of the request."""


Event: TypeAlias = ServerMessage | AccountRead | Dropped | Up | Down


class Link(Protocol):
    """A logged-in connection that dials again by itself."""

    @property
    def url(self) -> str:
        """The exchange's address, or several with commas between; "" when there is none."""

    @property
    def at(self) -> str:
        """The address it is connected to, or dials next; "" when there is none."""

    async def open(self) -> None:
        """Dial and log in, or raise `LinkError` with one line for the user."""

    async def close(self) -> None:
        """Leave; afterwards `events` ends."""

    async def request(self, message: Request) -> object:
        """Return the ack's result; raise `RefusedError` or `NoAnswerError`."""

    async def subscribe(self, channel: Channel, symbol: str | None = None) -> object:
        """Return the ack's result; done again after every reconnect by itself."""

    async def candles(self, symbol: str, interval_ms: int) -> None:
        """Subscribe to candles; done again after every reconnect by itself."""

    async def unsubscribe(self, channel: Channel, symbol: str) -> None:
        """End a subscription, after a reconnect too; raise as `request` does."""

    def events(self) -> AsyncIterator[Event]:
        """Yield frames in order, books without gaps, and what happens to the connection."""


class LinkError(Exception):
    """The exchange cannot be reached or refuses the key; ``str`` is one line for the user."""
