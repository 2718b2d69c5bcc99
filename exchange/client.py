"""Talk to an exchange: requests, events, and recovery from what networks do. Public API.

    async with Client("ws://127.0.0.1:8750/v1/ws", key) as client:
        await client.subscribe("book", symbol="small.eu-de.flat.spot")
        result = await client.request(OrderPlace(req_id=1, ...))
        async for event in client.events():
            ...

The client logs in with its Ed25519 key, reconnects for ever with full-jitter backoff, subscribes
again, resumes the account channel where it stopped, and asks for a new snapshot when a book's
updates have a gap. It never repeats a request by itself: one without an answer raises `Unknown`;
`place` is how to ask again safely.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from exchange.client_events import AccountReset, Connected, Disconnected, Event, Unsubscribed
from exchange.client_queue import EVENTS_MAX, EventQueue
from exchange.client_subscriptions import Subscriptions
from exchange.codec import CODECS
from exchange.dial import (
    BACKOFF_MAX_S,
    TRADE_PATH,
    Refused,
    Unknown,
    Unreachable,
    dial,
    endpoint,
    hung_up,
    log_in,
    pause_s,
    send,
    unanswered,
)
from exchange.frames import Ack, BookSnapshot, BookUpdate, ErrorReply
from exchange.image_client import fetch_image, put_image
from exchange.local_book import LocalBook
from exchange.protocol import (
    OrderPlace,
    Subscribe,
    Unsubscribe,
)
from exchange.wire import Channel, Report, Request

__all__ = [
    "TRADE_PATH",
    "AccountReset",
    "Client",
    "Connected",
    "Disconnected",
    "Event",
    "LocalBook",
    "Refused",
    "Unknown",
    "Unreachable",
    "Unsubscribed",
    "endpoint",
    "fetch_image",
    "put_image",
]

REQUEST_TIMEOUT_S: Final = 30
FIRST_REQ_ID: Final = 2
"""1 is the login's."""


class _Pending(Struct):
    """A request under way; ``on_ack`` runs before any later frame is looked at."""

    answer: "asyncio.Future[Any]"
    on_ack: Callable[[Any], None] | None = None


class Client:
    """A connection that mends itself. Use it as ``async with``; one event loop, no threads.

    ``url``: of the exchange. ``key``: None stays anonymous (public channels, enrolment).
    ``codec``: "json" or "msgpack". ``tls``: a context for wss other than the default.
    ``backoff_max_s``: longest pause between two attempts to reconnect.
    Entering raises `Unreachable`, or `Refused` when the key is not accepted, each one line; after
    that the client never gives up. Whoever subscribes must read `events`.
    """

    def __init__(
        self,
        url: str,
        key: Ed25519PrivateKey | None = None,
        *,
        codec: str = "json",
        tls: ssl.SSLContext | None = None,
        backoff_max_s: float = BACKOFF_MAX_S,
    ) -> None:
        self.account = ""
        self.role = ""
        self._url = url
        self._key = key
        self._codec = CODECS[codec]
        self._tls = tls
        self._backoff_max_s = backoff_max_s
        self._connection: ClientConnection | None = None
        self._ready = asyncio.Event()
        self._last_req_id = FIRST_REQ_ID - 1
        self._pending: dict[int, _Pending] = {}
        self._books: dict[str, LocalBook] = {}
        self._events = EventQueue()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._subscriptions = Subscriptions(self._ask, self._hang_up, self._spawn, self._events)
        self._closed = False

    # --- life ---

    async def __aenter__(self) -> Self:
        connection = await self._connect()
        self._spawn(self._run(connection))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up with code 1000; requests under way raise `Unknown`, `events` ends."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fail_pending("closed")
        self._events.close()

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    # --- requests ---

    async def request(
        self,
        message: Request,
        timeout_s: float = REQUEST_TIMEOUT_S,
        on_ack: Callable[[Any], None] | None = None,
    ) -> Any:
        """Send ``message`` (its ``req_id`` is replaced) and return the ack's ``result``.

        Waits for a connection first. ``on_ack`` gets the result before any later frame is looked
        at. Raises `Refused` (nothing changed) or `Unknown` (no answer: the connection was lost, or
        ``timeout_s`` passed).
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
                return await self._ask(message, on_ack)
        except TimeoutError as error:
            raise Unknown(f"no answer within {timeout_s:g} s") from error

    async def place(self, order: OrderPlace, timeout_s: float = REQUEST_TIMEOUT_S) -> Any:
        """Place ``order``, asking again with the same ``client_order_id`` while unanswered.

        The exchange executes it once: a repeated order is answered with its outcome and
        ``duplicate: true``. Raises `Refused`, or `Unknown` after ``timeout_s``.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    try:
                        return await self.request(order, timeout_s)
                    except Unknown:
                        if self._closed:
                            raise
        except TimeoutError as error:
            raise Unknown(f"no answer within {timeout_s:g} s") from error

    async def send(self, message: Report) -> None:
        """Send a message that gets no answer. Raises `Unknown` when not connected."""
        connection = self._connection
        if connection is None:
            raise Unknown("not connected")
        try:
            await send(connection, self._codec, message)
        except ConnectionClosed as error:
            raise Unknown(str(error)) from error

    async def subscribe(
        self,
        channel: Channel,
        symbol: str | None = None,
        depth: int | None = None,
        interval_ms: int | None = None,
    ) -> Any:
        """Subscribe now and after every reconnect; returns the ack's ``result``.

        For ``account`` that is ``account.state``. For ``book`` see `book`. Raises like `request`.
        """
        fields = {"symbol": symbol, "depth": depth, "interval_ms": interval_ms}
        message = msgspec.convert({"req_id": 1, "channel": channel, **fields}, Subscribe)
        if channel == "book" and symbol is not None:
            self._books[symbol] = LocalBook(symbol)

        def subscribed(result: Any) -> None:
            self._subscriptions.add(message)
            if channel == "account":
                self._events.begin_account(result["account_seq"])

        return await self.request(message, on_ack=subscribed)

    async def unsubscribe(self, channel: Channel, symbol: str | None = None) -> None:
        """End a subscription. Raises like `request`."""
        self._subscriptions.remove(channel, symbol or "")
        if channel == "book":
            self._books.pop(symbol or "", None)
        await self.request(Unsubscribe(req_id=1, channel=channel, symbol=symbol))

    def book(self, symbol: str) -> LocalBook:
        """Return the book of a subscribed symbol, as of the last frame `events` will give."""
        return self._books[symbol]

    async def events(self) -> AsyncIterator[Event]:
        """Yield what the exchange sends, and `Connected` and `Disconnected` in between.

        Account frames come without gap or repetition. One reader at a time. Ends with `close`.
        """
        async for event in self._events.read():
            yield event

    # --- inside ---

    async def _connect(self) -> ClientConnection:
        connection, hello = await dial(self._url, TRADE_PATH, self._codec, self._tls)
        if self._key is not None:
            try:
                who = await log_in(connection, hello, self._codec, self._key)
            except BaseException:
                connection.transport.abort()
                raise
            self.account, self.role = str(who["account"]), str(who["role"])
        self._connection = connection
        self._events.put(Connected(self.account, self.role))
        self._ready.set()
        return connection

    async def _run(self, connection: ClientConnection) -> None:
        attempt = 0
        while True:
            again = self._spawn(self._subscriptions.again())
            reason = await self._read(connection)
            again.cancel()
            self._lost(reason)
            found = None
            while found is None:
                await asyncio.sleep(pause_s(attempt, self._backoff_max_s))
                attempt += 1
                try:
                    found = await self._connect()
                except (Unreachable, Refused) as error:
                    self._events.put(Disconnected(str(error)))
            connection, attempt = found, 0

    async def _read(self, connection: ClientConnection) -> str:
        """Take frames until the connection ends; returns why it did."""
        try:
            while True:
                self._take(await connection.recv(decode=False))
                if self._events.full:
                    return await self._overflow(connection)
        except ConnectionClosed as error:
            return hung_up(error)
        except msgspec.DecodeError as error:
            connection.transport.abort()
            return f"unreadable frame: {error}"

    async def _overflow(self, connection: ClientConnection) -> str:
        """Nobody reads: forget what waits, and have the account frames again later."""
        self._events.throw_away()
        await connection.close()
        return f"more than {EVENTS_MAX} events were not read"

    def _take(self, data: bytes) -> None:
        frame = self._codec.decode_frame(data)
        kind = type(frame)
        if kind is Ack or kind is ErrorReply:
            self._answered(frame)  # type: ignore[arg-type]
        elif kind is BookUpdate or kind is BookSnapshot:
            self._book_frame(frame)  # type: ignore[arg-type]
        elif frame is not None and not self._events.put(frame):
            self._subscriptions.mend("account")

    def _answered(self, reply: Ack | ErrorReply) -> None:
        pending = self._pending.pop(reply.req_id, None)
        if pending is None or pending.answer.done():
            return
        if isinstance(reply, ErrorReply):
            pending.answer.set_exception(Refused(reply))
            return
        if pending.on_ack is not None:
            pending.on_ack(reply.result)
        pending.answer.set_result(reply.result)

    def _book_frame(self, frame: BookSnapshot | BookUpdate) -> None:
        book = self._books.get(frame.symbol)
        if book is None:
            return
        outcome = book.apply(frame)
        if outcome == "applied":
            self._events.put(frame)
        elif outcome == "gap":
            self._subscriptions.mend("book", frame.symbol)

    async def _ask(self, message: Request, on_ack: Callable[[Any], None] | None = None) -> Any:
        connection = self._connection
        if connection is None:
            raise Unknown("not connected")
        self._last_req_id = req_id = self._last_req_id + 1
        pending = _Pending(asyncio.get_running_loop().create_future(), on_ack)
        self._pending[req_id] = pending
        try:
            await send(connection, self._codec, replace(message, req_id=req_id))
            return await pending.answer
        except ConnectionClosed as error:
            raise Unknown(unanswered(hung_up(error))) from error
        finally:
            self._pending.pop(req_id, None)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.transport.abort()

    def _lost(self, reason: str) -> None:
        self._ready.clear()
        self._connection = None
        for book in self._books.values():
            book.seq = None
        self._subscriptions.lost()
        self._fail_pending(unanswered(reason))
        self._events.put(Disconnected(reason))

    def _fail_pending(self, reason: str) -> None:
        pending, self._pending = self._pending, {}
        for request in pending.values():
            if not request.answer.done():
                request.answer.set_exception(Unknown(reason))
                # Its caller may be in `send` still and find the lost connection there.
                request.answer.exception()

    def _spawn(self, work: Any) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
