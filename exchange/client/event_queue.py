"""Events on their way from the connection to whoever reads them, bounded. Shell.

The queue knows the account channel's place: what was received (to drop repetitions) and what was
consumed (to resume from when the waiting events had to be thrown away).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from exchange.client.events import AccountReset, Disconnected, Event, Unsubscribed

EVENTS_MAX: Final = 20_000
"""How many events may wait; beyond it the client reconnects and resumes."""
READ_AT_ONCE: Final = 256
"""Events handed out in a row before other tasks of the loop run."""


class EventQueue:
    """One writer, one reader. ``received_seq``: the last account frame taken in."""

    def __init__(self) -> None:
        self.received_seq: int | None = None
        self._consumed_seq: int | None = None
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._closed = False
        self._error: Exception | None = None

    @property
    def full(self) -> bool:
        return len(self._events) > EVENTS_MAX

    def put(self, event: Event) -> bool:
        """Queue ``event``, unless it is an account frame that came before.

        Returns False, and takes nothing, when account frames are missing in front of it.
        """
        account_seq: int | None = getattr(event, "account_seq", None)
        if account_seq is not None:
            if self.received_seq is not None:
                if account_seq <= self.received_seq:
                    return True
                if account_seq != self.received_seq + 1:
                    return False
            self.received_seq = account_seq
        if self._events and type(event) is type(self._events[-1]) is Disconnected:
            self._events.pop()  # of many failed attempts only the last is kept
        self._events.append(event)
        self._arrived.set()
        return True

    def begin_account(self, account_seq: int) -> None:
        """The account was read as of ``account_seq``; its frames go on from there."""
        self.received_seq = self._consumed_seq = account_seq

    def reset_account(self, reset: AccountReset, account_seq: int) -> None:
        """The account was read anew, for whoever reads the events to begin from."""
        self.received_seq = account_seq
        self.put(reset)

    def throw_away(self) -> None:
        """Drop the waiting events, except those that no later frame repeats.

        The account channel resumes from what was consumed, or behind the last reset.
        """
        self.received_seq = self._consumed_seq
        kept: dict[tuple[str, str], Event] = {}
        for event in self._events:
            if isinstance(event, AccountReset):
                self.received_seq = event.account_state["account_seq"]
                kept["account", "reset"] = event
            elif isinstance(event, Unsubscribed):
                kept[event.channel, event.symbol] = event
        self._events = deque(kept.values())

    def close(self, error: Exception | None = None) -> None:
        """End the reader once it has read the waiting events, raising ``error`` if there is one."""
        self._closed, self._error = True, error
        self._arrived.set()

    async def read(self) -> AsyncIterator[Event]:
        handed_out = 0
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, AccountReset):
                    self._consumed_seq = event.account_state["account_seq"]
                else:
                    self._consumed_seq = getattr(event, "account_seq", self._consumed_seq)
                yield event
                handed_out += 1
                if handed_out % READ_AT_ONCE == 0:
                    await asyncio.sleep(0)
            if self._error is not None:
                raise self._error
            if self._closed:
                return
            self._arrived.clear()
            await self._arrived.wait()
