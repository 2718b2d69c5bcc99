"""Events on their way from the connection to whoever reads them, bounded. Shell.

The queue knows the account channel's place: what was received (to drop repetitions) and what was
consumed (to resume from when the waiting events had to be thrown away).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from exchange.client_events import Event

EVENTS_MAX: Final = 20_000
"""Events that may wait; beyond it the client reconnects and resumes."""


class EventQueue:
    """One writer, one reader. ``received_seq``: the last account frame taken in."""

    def __init__(self) -> None:
        self.received_seq: int | None = None
        self._consumed_seq: int | None = None
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._closed = False

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
        self._events.append(event)
        self._arrived.set()
        return True

    def begin_account(self, account_seq: int) -> None:
        """The account was read as of ``account_seq``; its frames go on from there."""
        self.received_seq = self._consumed_seq = account_seq

    def throw_away(self) -> None:
        """Forget what waits; the account channel resumes from what was consumed."""
        self._events.clear()
        self.received_seq = self._consumed_seq

    def close(self) -> None:
        """Let the reader end when it has read what waits."""
        self._closed = True
        self._arrived.set()

    async def read(self) -> AsyncIterator[Event]:
        while True:
            while self._events:
                event = self._events.popleft()
                self._consumed_seq = getattr(event, "account_seq", self._consumed_seq)
                yield event
            if self._closed:
                return
            self._arrived.clear()
            await self._arrived.wait()
