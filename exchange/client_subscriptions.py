"""What a client listens to, and how that survives lost connections and lost frames. Shell.

After a reconnect everything is subscribed again, the account channel from where it stopped. Frames
that are missing in the middle are had again by subscribing again, once at a time: the answer to a
subscription is complete from there on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from exchange.client_events import AccountReset, Unsubscribed
from exchange.client_queue import EventQueue
from exchange.dial import Refused, Unknown
from exchange.protocol import Subscribe

ANSWER_TIMEOUT_S: Final = 30

OnAck: TypeAlias = Callable[[Any], None]
Ask: TypeAlias = Callable[[Subscribe, OnAck | None], Awaitable[Any]]
Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], object]


class Subscriptions:
    """``ask`` sends a request, ``hang_up`` breaks a connection that does not answer."""

    def __init__(
        self, ask: Ask, hang_up: Callable[[], None], spawn: Spawn, events: EventQueue
    ) -> None:
        self._ask = ask
        self._hang_up = hang_up
        self._spawn = spawn
        self._events = events
        self._messages: dict[tuple[str, str, int], Subscribe] = {}
        self._mending: set[tuple[str, str]] = set()
        """Asked for again because of a gap and not answered yet."""

    def add(self, message: Subscribe) -> None:
        """The exchange accepted ``message``."""
        self._messages[_place(message)] = message

    def remove(self, channel: str, symbol: str) -> None:
        for place in [key for key in self._messages if key[:2] == (channel, symbol)]:
            del self._messages[place]

    def lost(self) -> None:
        """The connection is gone, and what was asked over it."""
        self._mending.clear()

    async def again(self) -> None:
        """Subscribe to everything on a new connection."""
        for message in list(self._messages.values()):
            if message.channel == "account":
                await self._resume(message)
            else:
                await self._quietly(message)

    def mend(self, channel: str, symbol: str = "") -> None:
        """Frames of the channel are missing."""
        message = self._messages.get((channel, symbol, 0))
        place = channel, symbol
        if message is None or place in self._mending:
            return
        self._mending.add(place)

        def answered(_: Any) -> None:
            # What follows the ack is complete again, or has a gap of its own.
            self._mending.discard(place)

        if channel == "account":
            self._spawn(self._resume(message, answered))
        else:
            self._spawn(self._quietly(message, answered))

    async def _resume(self, message: Subscribe, on_ack: OnAck | None = None) -> None:
        resumed = replace(message, resume_from=self._events.received_seq)
        try:
            await self._answered(resumed, on_ack)
        except Refused:
            await self._quietly(message, self._begin_anew)
        except Unknown:
            return

    def _begin_anew(self, state: dict[str, Any]) -> None:
        self._mending.discard(("account", ""))
        self._events.begin_account(state["account_seq"])
        self._events.put(AccountReset(state))

    async def _quietly(self, message: Subscribe, on_ack: OnAck | None = None) -> None:
        """Subscribe again; a refusal becomes an event, a lost connection tells itself."""
        try:
            await self._answered(message, on_ack)
        except Refused as error:
            self._messages.pop(_place(message), None)
            self._mending.discard((message.channel, message.symbol or ""))
            self._events.put(Unsubscribed(message.channel, message.symbol or "", str(error)))
        except Unknown:
            return

    async def _answered(self, message: Subscribe, on_ack: OnAck | None) -> None:
        """Wait for the answer; a connection without one is worth nothing."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._ask(message, on_ack)
        except TimeoutError:
            self._hang_up()


def _place(message: Subscribe) -> tuple[str, str, int]:
    """Return what tells two subscriptions apart: a symbol's candles may have several intervals."""
    return message.channel, message.symbol or "", message.interval_ms or 0
