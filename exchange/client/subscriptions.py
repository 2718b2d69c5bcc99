"""A client's subscriptions, kept through lost connections and lost frames. Shell.

One task a connection asks for what is due, one subscription at a time: on a new connection all of
them, the account channel from where it stopped; later those whose frames have a gap. "Later" is not
"no": such a refusal is asked again after a pause. A subscription ends in two ways only, `remove` or
an `Unsubscribed` event. An account channel that cannot be resumed begins anew, with an
`AccountReset` event.
"""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, Final, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from exchange.client.backoff import STEADY_S, Backoff
from exchange.client.errors import Refused, Unknown
from exchange.client.event_queue import EventQueue
from exchange.client.events import AccountReset, Unsubscribed
from exchange.client.pages import subscribe
from exchange.wire.close_codes import CLOSE_INTERNAL
from exchange.wire.requests import Subscribe
from exchange.wire.types import Request

ANSWER_TIMEOUT_S: Final = 30
IN_VAIN_MAX: Final = 5
"""Failed attempts in a row to get missing frames before giving up."""
NOT_KEPT: Final = ("too_old", "invalid_field")
"""Refusals of a resume that concern its number; without a number it may be accepted."""

OnAck: TypeAlias = Callable[[Any], None]
Ask: TypeAlias = Callable[[Request, OnAck | None], Awaitable[Any]]
Place: TypeAlias = tuple[str, str, int]


class _Kept(Struct):
    """A subscription. ``progress``: how far its frames were at the last gap, in any unit."""

    message: Subscribe
    later: Backoff
    after_gap: Backoff
    asked_again_s: float = -inf
    progress: int | None = None
    in_vain: int = 0
    missing_from: int | None = None
    """The account channel, resumed from here: frames are on their way."""
    gap: str = ""
    """Why the account channel cannot be resumed; "" when it can."""
    check: asyncio.TimerHandle | None = field(default=None)


class Subscriptions:
    """``ask`` sends a request, ``hang_up`` breaks a connection that does not answer."""

    def __init__(
        self, ask: Ask, hang_up: Callable[[], None], events: EventQueue, longest_s: float
    ) -> None:
        self._ask = ask
        self._hang_up = hang_up
        self._events = events
        self._longest_s = longest_s
        self._kept: dict[Place, _Kept] = {}
        self._due_s: dict[Place, float] = {}
        """When to ask for what is not subscribed, or not whole, on this connection."""
        self._asked: Place | None = None
        self._not_before_s = -inf
        self._wake = asyncio.Event()

    @property
    def settled(self) -> bool:
        """Is everything subscribed on this connection?"""
        return not self._due_s and self._asked is None

    def add(self, message: Subscribe) -> None:
        """The exchange accepted ``message``."""
        place = _place(message)
        self._forget(place)
        self._kept[place] = _Kept(message, Backoff(self._longest_s), Backoff(self._longest_s))

    def remove(self, channel: str, symbol: str) -> None:
        for place in [key for key in self._kept if key[:2] == (channel, symbol)]:
            self._forget(place)

    def lost(self, code: int) -> None:
        """The connection is gone, with ``code``; all of it is due on the next."""
        self._due_s = dict.fromkeys(self._kept, -inf)
        self._asked = None
        self._not_before_s = -inf
        for kept in self._kept.values():
            _uncheck(kept)
            resumed_from, kept.missing_from = kept.missing_from, None
            received = self._events.received_seq
            if code == CLOSE_INTERNAL and resumed_from is not None and resumed_from == received:
                self._in_vain(kept, received, "stored frames cannot be read")

    async def serve(self) -> None:
        """Ask for what is due as long as the connection lives."""
        try:
            await self._serve()
        except Exception:
            # Without this task nothing is subscribed any more, so the connection is useless.
            self._hang_up()
            raise

    async def _serve(self) -> None:
        now_s = asyncio.get_running_loop().time
        while True:
            self._wake.clear()
            place = min(self._due_s, key=self._due_s.__getitem__, default=None)
            due_s = inf if place is None else max(self._due_s[place], self._not_before_s)
            if place is None or due_s > now_s():
                await self._woken(due_s)
                continue
            del self._due_s[place]
            self._asked = place
            await self._subscribe(place, self._kept[place])
            self._asked = None

    def ask_again(self, channel: str, symbol: str = "", progress: int | None = None) -> None:
        """Frames of the channel are missing; ``progress`` tells whether any came since."""
        place = channel, symbol, 0
        kept = self._kept.get(place)
        if kept is None or place in self._due_s or place == self._asked:
            return
        if not self._in_vain(kept, progress, "frames are missing"):
            self._drop(place, "its frames do not fit together, however often it is asked again")
            return
        now_s = asyncio.get_running_loop().time()
        pause_s = kept.after_gap.pause_s()
        if now_s - kept.asked_again_s > STEADY_S:
            pause_s = 0
            kept.after_gap.worked()
        self._ask_at(place, now_s + pause_s)
        kept.asked_again_s = now_s + pause_s

    def _in_vain(self, kept: _Kept, progress: int | None, why: str) -> bool:
        """Count attempts without effect; False after too many."""
        kept.in_vain = kept.in_vain + 1 if progress == kept.progress else 1
        kept.progress = progress
        if kept.in_vain <= IN_VAIN_MAX:
            return True
        kept.in_vain = 0
        if kept.message.channel != "account":
            return False
        kept.gap = why
        return True

    async def _subscribe(self, place: Place, kept: _Kept) -> None:
        """Ask once; what is refused for now stays due."""
        message, resume_from = kept.message, None
        if message.channel == "account" and not kept.gap:
            resume_from = self._events.received_seq
            message = replace(message, resume_from=resume_from)

        def answered(result: Any) -> None:
            # What follows the ack is complete again, or has a gap of its own.
            self._asked = None
            kept.later.worked()
            if message.channel == "account":
                self._account_answered(kept, resume_from, result)

        try:
            await subscribe(self._answered, message, answered)
        except Refused as error:
            self._refused(place, kept, error, resumed=resume_from is not None)
        except Unknown:
            # A connection that does not answer is useless: break it and dial again.
            self._hang_up()

    async def _answered(self, message: Request, on_ack: OnAck | None) -> Any:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await self._ask(message, on_ack)
        except TimeoutError as error:
            raise Unknown(f"no answer within {ANSWER_TIMEOUT_S} s") from error

    def _refused(self, place: Place, kept: _Kept, error: Refused, *, resumed: bool) -> None:
        if self._kept.get(place) is not kept:
            return
        if error.later:
            now_s = asyncio.get_running_loop().time()
            self._not_before_s = now_s + kept.later.pause_s(error.retry_after_s)
            self._ask_at(place, self._not_before_s)
        elif resumed and error.reason in NOT_KEPT:
            kept.gap = str(error)
            self._ask_at(place, -inf)
        else:
            self._drop(place, str(error))

    def _account_answered(self, kept: _Kept, resume_from: int | None, result: Any) -> None:
        account_seq = result["account_seq"]
        _uncheck(kept)
        if resume_from is None:
            self._events.reset_account(AccountReset(result, kept.gap), account_seq)
            kept.gap, kept.missing_from = "", None
        elif account_seq > resume_from:
            kept.missing_from = resume_from
            self._look_later(kept, resume_from, account_seq)

    def _look_later(self, kept: _Kept, received: int, promised: int) -> None:
        """Notice when frames that an ack promised do not come: no later frame may show the gap."""
        loop = asyncio.get_running_loop()
        kept.check = loop.call_later(ANSWER_TIMEOUT_S, self._look, kept, received, promised)

    def _look(self, kept: _Kept, before: int, promised: int) -> None:
        received = self._events.received_seq
        kept.check = None
        if received is None or received >= promised:
            return
        if received == before:
            self.ask_again("account", progress=received)
        else:
            self._look_later(kept, received, promised)

    def _drop(self, place: Place, why: str) -> None:
        self._forget(place)
        self._events.put(Unsubscribed(place[0], place[1], why))

    def _forget(self, place: Place) -> None:
        kept = self._kept.pop(place, None)
        self._due_s.pop(place, None)
        if kept is not None:
            _uncheck(kept)

    def _ask_at(self, place: Place, at_s: float) -> None:
        self._due_s[place] = at_s
        self._wake.set()

    async def _woken(self, due_s: float) -> None:
        """Wait for ``due_s`` of the loop's clock, or for something else to be due."""
        try:
            async with asyncio.timeout_at(None if due_s == inf else due_s):
                await self._wake.wait()
        except TimeoutError:
            return


def _uncheck(kept: _Kept) -> None:
    if kept.check is not None:
        kept.check.cancel()
        kept.check = None


def _place(message: Subscribe) -> Place:
    """Return a subscription's key: a symbol's candles may have several intervals."""
    return message.channel, message.symbol or "", message.interval_ms or 0
