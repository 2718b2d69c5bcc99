"""Routes each frame that arrives on the client's connection. Shell.

Answers go to whoever asked, book frames into the local books, and all else to the reader of the
events. A gap in a book or in the account's frames has its channel subscribed again.
"""

import asyncio
from typing import Final

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from exchange.client.dial import close_code, elsewhere, hung_up
from exchange.client.event_queue import EVENTS_MAX, EventQueue
from exchange.client.local_book import LocalBook
from exchange.client.requests import Requests
from exchange.client.snapshots import Snapshots
from exchange.client.subscriptions import Subscriptions
from exchange.wire.close_codes import CLOSE_LOST
from exchange.wire.codec import Codec
from exchange.wire.frames import Ack, BookSnapshot, BookUpdate, ErrorReply

TAKEN_AT_ONCE: Final = 64
"""Frames handled in a row before other tasks of the loop run."""


class Incoming:
    """Reads one connection at a time. ``books``: of the symbols whose book is subscribed."""

    def __init__(
        self, codec: Codec, requests: Requests, events: EventQueue, subscriptions: Subscriptions
    ) -> None:
        self.books: dict[str, LocalBook] = {}
        self._codec = codec
        self._requests = requests
        self._events = events
        self._subscriptions = subscriptions
        self._snapshots = Snapshots()
        self.go_to = ""
        """The address that serves instead, as the newest close said; "" when it did not."""

    async def read(self, connection: ClientConnection) -> tuple[int, str]:
        """Take frames until the connection ends; returns the close code and why, in words."""
        taken = 0
        self.go_to = ""
        try:
            while True:
                self._take(await connection.recv(decode=False))
                if self._events.full:
                    return CLOSE_LOST, await self._overflow(connection)
                taken += 1
                if taken % TAKEN_AT_ONCE == 0:
                    await asyncio.sleep(0)
        except ConnectionClosed as error:
            self.go_to = elsewhere(error)
            return close_code(error), hung_up(error)
        except msgspec.DecodeError as error:
            connection.transport.abort()
            return CLOSE_LOST, f"unreadable frame: {error}"

    def lost(self) -> None:
        """The connection is gone: drop snapshots that arrived only in part."""
        for book in self.books.values():
            book.seq = None
        self._snapshots.lost()

    async def _overflow(self, connection: ClientConnection) -> str:
        """Nobody reads: drop the waiting events, and fetch the account frames again later."""
        self._events.throw_away()
        await connection.close()
        return f"more than {EVENTS_MAX} events were not read"

    def _take(self, data: bytes) -> None:
        frame = self._snapshots.whole(self._codec.decode_frame(data))
        kind = type(frame)
        if kind is Ack or kind is ErrorReply:
            self._requests.answered(frame)  # type: ignore[arg-type]
        elif kind is BookUpdate or kind is BookSnapshot:
            self._book_frame(frame)  # type: ignore[arg-type]
        elif frame is not None and not self._events.put(frame):
            self._subscriptions.ask_again("account", progress=self._events.received_seq)

    def _book_frame(self, frame: BookSnapshot | BookUpdate) -> None:
        book = self.books.get(frame.symbol)
        if book is None:
            return
        outcome = book.apply(frame)
        if outcome == "applied":
            self._events.put(frame)
        elif outcome == "gap":
            self._subscriptions.ask_again("book", frame.symbol, progress=book.taken)
