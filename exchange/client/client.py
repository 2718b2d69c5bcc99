"""The `Client`: keeps one connection up and passes on what arrives. See `exchange.client`.

The client logs in with its Ed25519 key, reconnects with pauses that grow until a connection has
held, subscribes again, resumes the account channel where it stopped, and asks for a new snapshot
when a book's updates have a gap. Shell.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from exchange.client.backoff import BACKOFF_MAX_S, STEADY_S, Backoff
from exchange.client.dial import hung_up, log_in, reach, send, shut_out, unanswered, urls_of
from exchange.client.errors import KEY_REFUSED, Refused, Unknown, Unreachable
from exchange.client.event_queue import EventQueue
from exchange.client.events import Connected, Disconnected, Event
from exchange.client.incoming import Incoming
from exchange.client.local_book import LocalBook
from exchange.client.pages import Ask, OnAck, subscribe, whole_answer
from exchange.client.requests import AnswerTime, Requests, answer, certain_answer
from exchange.client.subscriptions import Subscriptions
from exchange.wire.close_codes import CLOSE_LOST
from exchange.wire.codec import CODECS
from exchange.wire.frames import Hello
from exchange.wire.requests import OrderPlace, Subscribe, Unsubscribe
from exchange.wire.types import Channel, Report, Request
from exchange.wire.urls import TRADE_PATH, Urls

REQUEST_TIMEOUT_S: Final = 30


class Client:
    """A connection that comes back by itself. Use it as ``async with``; one event loop, no threads.

    ``url``: of the exchange; several, with commas between, are tried in turn, the one that worked
    last first. ``key``: None stays anonymous (public channels, enrollment). ``codec``: "json" or
    "msgpack". ``tls``: a context for wss other than the default. ``backoff_max_s``: longest pause
    between two attempts to reconnect. What is no address raises `Unreachable` at once.
    Entering raises `Unreachable`, or `Refused` when the key is not accepted, each one line; after
    that the client only gives up when its key is no longer accepted. Whoever subscribes must read
    `events`.
    """

    def __init__(
        self,
        url: str | Urls,
        key: Ed25519PrivateKey | None = None,
        *,
        codec: str = "json",
        tls: ssl.SSLContext | None = None,
        backoff_max_s: float = BACKOFF_MAX_S,
    ) -> None:
        self.account = ""
        self.role = ""
        self._urls = urls_of(url)
        self._key = key
        self._codec = CODECS[codec]
        self._tls = tls
        self._backoff_max_s = backoff_max_s
        self._connection: ClientConnection | None = None
        self._ready = asyncio.Event()
        self._requests = Requests()
        self._events = EventQueue()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._subscriptions = Subscriptions(self._ask, self._hang_up, self._events, backoff_max_s)
        self._incoming = Incoming(self._codec, self._requests, self._events, self._subscriptions)
        self._closed = False
        self._ended: Refused | None = None
        """Why the exchange will not let us in again."""

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
        self._requests.fail("the client was closed")
        self._ready.set()
        self._events.close()

    @property
    def connected(self) -> bool:
        return self._connection is not None and self._ready.is_set()

    @property
    def url(self) -> str:
        """The address of its connection, or the one that it dials next."""
        return self._urls.first

    @property
    def answer_time(self) -> AnswerTime | None:
        """When the newest answer was written, by the exchange's clock."""
        return self._requests.answer_time

    # --- requests ---

    async def request(
        self,
        message: Request,
        timeout_s: float = REQUEST_TIMEOUT_S,
        on_ack: OnAck | None = None,
        *,
        patient: bool = False,
    ) -> Any:
        """Send ``message`` (its ``req_id`` is replaced) and return the ack's ``result``.

        Waits for a connection first. ``on_ack`` gets the result before any later frame is looked
        at. Raises `Refused` (nothing changed) or `Unknown` (no answer: the connection was lost, or
        ``timeout_s`` passed). ``patient``: a refusal that says "later" is asked again after a
        pause, and raised when ``timeout_s`` is over. A long answer is read in pages, with
        ``timeout_s`` for each.
        """
        return await whole_answer(self._asking(timeout_s, patient), message, on_ack)

    def _asking(self, timeout_s: float, patient: bool) -> Ask:
        def ask(message: Request, on_ack: OnAck | None) -> Awaitable[Any]:
            pauses = Backoff(self._backoff_max_s) if patient else None
            return answer(lambda: self._ask(message, on_ack), self._ready, timeout_s, pauses)

        return ask

    async def place(self, order: OrderPlace, timeout_s: float = REQUEST_TIMEOUT_S) -> Any:
        """Place ``order``, asking again with the same ``client_order_id`` while unanswered.

        The exchange executes it once: a repeated order is answered with its outcome and
        ``duplicate: true``. Asks again after a pause, also when told "later". Raises `Refused`
        (there is no such order), or `Unknown` after ``timeout_s``.
        """

        def is_over() -> bool:
            return self._closed or self._ended is not None

        def ask(left_s: float) -> Awaitable[Any]:
            return self.request(order, left_s, patient=True)

        return await certain_answer(ask, is_over, timeout_s, Backoff(self._backoff_max_s))

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
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> Any:
        """Subscribe now and after every reconnect; returns the ack's ``result``.

        For ``account`` that is ``account.state``. For ``book`` see `book`. Raises like a patient
        `request`. A subscription that is lost later is an `Unsubscribed` event.
        """
        fields = {"symbol": symbol, "depth": depth, "interval_ms": interval_ms}
        message = msgspec.convert({"req_id": 1, "channel": channel, **fields}, Subscribe)
        if channel == "book" and symbol is not None:
            self._incoming.books[symbol] = LocalBook(symbol)

        def subscribed(result: Any) -> None:
            self._subscriptions.add(message)
            if channel == "account":
                self._events.begin_account(result["account_seq"])

        return await subscribe(self._asking(timeout_s, patient=True), message, subscribed)

    async def unsubscribe(self, channel: Channel, symbol: str | None = None) -> None:
        """End a subscription. Raises like `request`."""
        self._subscriptions.remove(channel, symbol or "")
        if channel == "book":
            self._incoming.books.pop(symbol or "", None)
        await self.request(Unsubscribe(req_id=1, channel=channel, symbol=symbol), patient=True)

    def book(self, symbol: str) -> LocalBook:
        """Return the book of a subscribed symbol, as of the last frame `events` will give."""
        return self._incoming.books[symbol]

    async def events(self) -> AsyncIterator[Event]:
        """Yield what the exchange sends, and `Connected` and `Disconnected` in between.

        Account frames come without gap or repetition, or an `AccountReset` tells of the gap. One
        reader at a time. Ends with `close`; raises `Refused` when the key is no longer let in.
        """
        async for event in self._events.read():
            yield event

    # --- inside ---

    async def _connect(self) -> ClientConnection:
        connection, hello = await reach(self._urls, TRADE_PATH, self._codec, self._tls)
        who: dict[str, Any] = {}
        if self._key is not None:
            who = await self._log_in(connection, hello, self._key)
            self.account, self.role = str(who["account"]), str(who["role"])
        self._connection = connection
        where = hello.server_id, str(who.get("host", "")), hello.branch or ""
        self._events.put(Connected(self.account, self.role, *where))
        self._ready.set()
        return connection

    async def _log_in(
        self, connection: ClientConnection, hello: Hello, key: Ed25519PrivateKey
    ) -> dict[str, Any]:
        try:
            asked_s = asyncio.get_running_loop().time()
            ack = await log_in(connection, hello, self._codec, key)
            self._requests.note_time(ack, asked_s)
            return dict(ack.result)
        except Unreachable as error:
            connection.transport.abort()
            about = self._urls.about(str(error))
            self._urls.failed()
            raise Unreachable(about, error.retry_after_s) from error
        except BaseException:
            connection.transport.abort()
            raise

    async def _run(self, connection: ClientConnection) -> None:
        """Keep a connection up, until the key is refused. Nothing may end this in silence."""
        backoff = Backoff(self._backoff_max_s)
        try:
            while True:
                await self._live(connection, backoff)
                connection = await self._dial_again(backoff)
        except Refused as error:
            self._ended = error
            self._events.put(Disconnected(str(error)))
            self._end(error)
        except Exception as error:
            self._end(error)
            raise

    async def _live(self, connection: ClientConnection, backoff: Backoff) -> None:
        """Receive until the connection ends. Raises `Refused` when it ended because of our key."""
        began_s = asyncio.get_running_loop().time()
        again = self._spawn(self._subscriptions.serve())
        code, reason = await self._incoming.read(connection)
        reason = self._urls.about(reason)
        self._urls.go_to(self._incoming.go_to)
        again.cancel()
        held_s = asyncio.get_running_loop().time() - began_s
        if held_s >= STEADY_S and self._subscriptions.settled:
            backoff.worked()
        self._lost(code, reason)
        if refused := shut_out(code, reason):
            raise refused

    async def _dial_again(self, backoff: Backoff) -> ClientConnection:
        """Dial until there is a connection. Raises `Refused` when the key is not let in."""
        at_least_s = 0.0
        while True:
            await asyncio.sleep(backoff.pause_s(at_least_s))
            try:
                return await self._connect()
            except (Unreachable, Refused) as error:
                if isinstance(error, Refused) and error.reason in KEY_REFUSED:
                    raise
                at_least_s = error.retry_after_s
                self._events.put(Disconnected(str(error)))

    def _end(self, error: Exception) -> None:
        """Stop dialing for good: raise the cause in every waiting request and in `events`."""
        self._lost(CLOSE_LOST, str(error))
        self._ready.set()
        self._events.close(error)

    async def _ask(self, message: Request, on_ack: OnAck | None = None) -> Any:
        connection = self._connection
        if self._ended is not None:
            raise self._ended.with_traceback(None)
        if connection is None:
            raise Unknown("the client is closed" if self._closed else "not connected")
        req_id, answered = self._requests.open(on_ack)
        try:
            await send(connection, self._codec, replace(message, req_id=req_id))
            return await answered
        except ConnectionClosed as error:
            # Until the reader notices that the connection is gone, every other send would fail too.
            if connection is self._connection:
                self._ready.clear()
            raise Unknown(unanswered(hung_up(error))) from error
        finally:
            self._requests.forget(req_id)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.transport.abort()

    def _lost(self, code: int, reason: str) -> None:
        self._ready.clear()
        self._connection = None
        self._incoming.lost()
        self._subscriptions.lost(code)
        self._requests.fail(unanswered(reason))
        self._events.put(Disconnected(reason, code))
        if self._events.full:
            self._events.throw_away()

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
