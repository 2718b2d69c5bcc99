"""A `tui.link.Link` over the exchange's own client: logs in, reconnects, keeps books whole."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from exchange.client import (
    AccountReset,
    Client,
    Connected,
    Disconnected,
    Refused,
    Unknown,
    Unreachable,
    Unsubscribed,
)
from exchange.client import Event as ClientEvent
from exchange.keys import KeyFileError, load_private_key
from exchange.wire.types import Channel, Request
from tui.link import AccountRead, Down, Dropped, Event, LinkError, NoAnswerError, RefusedError, Up
from tui.view.words import refusal

AGAIN_S: Final = 3.0
"""The longest pause between two dials: a person who sees the exchange come back waits no longer for
her screen. Programs, of which there may be a thousand, wait longer."""
ANSWER_TIMEOUT_S: Final = 10
"""A trader waits no longer for an answer; after it, nobody knows what became of the request."""


class LiveLink:
    """Connects to ``url`` with the key in ``key_path``; without a key it only watches."""

    def __init__(self, url: str, key_path: Path | None = None) -> None:
        self.url = url
        try:
            key = load_private_key(key_path) if key_path else None
            self._client = Client(url, key, codec="msgpack", backoff_max_s=AGAIN_S)
        except (KeyFileError, Unreachable) as error:
            raise LinkError(str(error)) from error

    @property
    def at(self) -> str:
        return self._client.url

    async def open(self) -> None:
        try:
            await self._client.__aenter__()
        except Unreachable as error:
            raise LinkError(str(error)) from error
        except Refused as error:
            raise LinkError(refusal(_refused(error).why)) from error

    async def close(self) -> None:
        await self._client.close()

    async def request(self, message: Request) -> object:
        try:
            return await self._client.request(message, ANSWER_TIMEOUT_S)
        except Refused as error:
            raise _refused(error) from error
        except Unknown as error:
            raise NoAnswerError(str(error)) from error

    async def subscribe(self, channel: Channel, symbol: str | None = None) -> object:
        return await self._subscribe(channel, symbol)

    async def candles(self, symbol: str, interval_ms: int) -> None:
        await self._subscribe("candles", symbol, interval_ms)

    async def unsubscribe(self, channel: Channel, symbol: str) -> None:
        try:
            await self._client.unsubscribe(channel, symbol)
        except Refused as error:
            raise _refused(error) from error
        except Unknown as error:
            raise NoAnswerError(str(error)) from error

    async def _subscribe(
        self, channel: Channel, symbol: str | None, interval_ms: int | None = None
    ) -> object:
        try:
            return await self._client.subscribe(
                channel, symbol, interval_ms=interval_ms, timeout_s=ANSWER_TIMEOUT_S
            )
        except Refused as error:
            raise _refused(error) from error
        except Unknown as error:
            raise NoAnswerError(str(error)) from error

    async def events(self) -> AsyncIterator[Event]:
        try:
            async for event in self._client.events():
                yield _event(event)
        except Refused as error:
            yield Down(refusal(_refused(error).why), for_good=True)


def _refused(error: Refused) -> RefusedError:
    return RefusedError(error.reason, error.message, error.field, error.amounts)


def _event(event: ClientEvent) -> Event:
    match event:
        case Connected():
            return Up(event.account, event.role)
        case Disconnected():
            return Down(event.reason)
        case AccountReset():
            return AccountRead(event.account_state)
        case Unsubscribed():
            return Dropped(f"{event.channel} {event.symbol}".strip(), event.reason)
        case _:
            return event
