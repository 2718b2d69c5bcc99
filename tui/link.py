"""What the terminal needs of a connection: a live client is one, a scripted feed another."""

from collections.abc import AsyncIterator
from typing import Protocol

from exchange.frames import ServerMessage
from exchange.protocol import Channel, Request


class Up:
    """The link is logged in; ``who`` is the account, "" when only watching."""

    def __init__(self, who: str) -> None:
        self.who = who


class Down:
    """The link broke and is being dialled again."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class RefusedError(Exception):
    """The exchange refused a request."""

    def __init__(self, reason: str, message: str, field: str | None = None) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason, self.message, self.field = reason, message, field


class NoAnswerError(Exception):
    """The connection was lost before the answer: nobody knows what became of the request."""


class Link(Protocol):
    """A logged-in connection that dials again by itself."""

    async def open(self) -> None:
        """Dial and log in, or raise `LinkError` with one line for the user."""

    async def close(self) -> None:
        """Leave; afterwards `events` ends."""

    async def request(self, message: Request) -> object:
        """Return the ack's result; raise `RefusedError` or `NoAnswerError`."""

    async def subscribe(self, channel: Channel, symbol: str | None = None) -> object:
        """Return the ack's result, and again after every reconnect by itself."""

    async def resubscribe(self, channel: Channel, symbol: str) -> None:
        """Ask for a fresh snapshot."""

    def events(self) -> AsyncIterator[ServerMessage | Up | Down]:
        """Yield frames in order, and what happens to the connection."""


class LinkError(Exception):
    """The exchange cannot be reached or refuses the key; ``str`` is one line for the user."""
