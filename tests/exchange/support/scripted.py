"""A stand-in for an exchange that does what a script says: for what the real one does rarely.

It speaks the real wire over real sockets, but takes any key, keeps no money, and can be told to
stop, kill, refuse, drip and fall silent.
"""

import asyncio
import http
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Literal, TypeAlias

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from exchange.wire.codec import BY_SUBPROTOCOL, JSON
from exchange.wire.frames import Ack, BalanceUpdate, BookSnapshot, ErrorReply, Hello, Shutdown
from exchange.wire.reasons import RefusalReason
from exchange.wire.requests import (
    AccountState,
    AccountStatement,
    Auth,
    ImageGet,
    OrderPlace,
    Subscribe,
)
from exchange.wire.session_requests import SessionClaim

Kind: TypeAlias = Literal["up", "standby", "cut", "drip", "mute", "http 503", "http 429"]
Mode: TypeAlias = Kind | RefusalReason | int
"""What happens to who dials or asks: all is well; closed with 1012 before the hello; cut off after
the login; the hello comes a byte a second; requests are done and not answered; turned away; refused
so; closed so after the login."""
RETRY_AFTER_MS = 700


class Peer:
    """A connection. ``listens``: (channel, symbol) of its subscriptions."""

    def __init__(self, wire: ServerConnection) -> None:
        self.wire = wire
        self.account = ""
        self.listens: dict[tuple[str, str], None] = {}
        self.codec = BY_SUBPROTOCOL.get(wire.subprotocol or "", JSON)

    async def send(self, *frames: Any) -> None:
        for frame in frames:
            await self.wire.send(self.codec.encode(frame), text=not self.codec.binary)


class Scripted:
    """``orders`` and ``frames`` outlive a stop. ``asked`` counts requests by type and symbol."""

    def __init__(self) -> None:
        self.mode: Mode = "up"
        self.dials = 0
        self.asked: Counter[str] = Counter()
        self.orders: dict[str, Counter[str]] = {}
        self.account_seq: Counter[str] = Counter()
        self.kept_from: Counter[str] = Counter()
        self.peers: set[Peer] = set()
        self.gone: set[str] = set()
        """Symbols that are no longer traded."""
        self.on_subscribe: Callable[[Peer, Subscribe], bool] = lambda peer, message: False
        """A test's own answer to a subscription; True when it gave one."""
        self.reason = "scripted"
        """Of the closes."""
        self._server: Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/v1/ws"

    async def start(self) -> None:
        if self._server is None:
            self._server = await serve(
                self._handle,
                "127.0.0.1",
                self._port,
                subprotocols=[Subprotocol(name) for name in BY_SUBPROTOCOL],
                process_request=self._route,
                compression=None,
                ping_interval=None,
                close_timeout=1,
            )
            self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self, code: int = 1001, reason: str = "shutting down") -> None:
        """End orderly: say so, then close every connection with ``code`` for ``reason``."""
        server, self._server = self._server, None
        if server is not None:
            self.mode = "shutting_down"
            for peer in list(self.peers):
                with suppress(ConnectionClosed):
                    await peer.send(Shutdown(0))
            server.close(code=code, reason=reason)
            await server.wait_closed()
            self.mode = "up"

    async def kill(self) -> None:
        """End without a goodbye."""
        self.cut()
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()

    def cut(self) -> None:
        for peer in self.peers:
            peer.wire.transport.abort()

    def listeners(self, account: str) -> list[Peer]:
        return [peer for peer in self.peers if peer.account == account]

    def _route(self, wire: ServerConnection, request: Request) -> Response | None:
        self.dials += 1
        if self.mode in ("http 503", "http 429"):
            status = http.HTTPStatus(int(self.mode[-3:]))
            return Response(status, status.phrase, Headers({"Retry-After": "1"}), b"")
        return None

    async def _handle(self, wire: ServerConnection) -> None:
        peer = Peer(wire)
        self.peers.add(peer)
        try:
            if self.mode == "standby":
                await wire.close(1012, self.reason)
                return
            hello = Hello("scripted", "00" * 32, 1, 0)
            if self.mode == "drip":
                await wire.send(dripped(JSON.encode(hello).decode()))
            await peer.send(hello)
            async for data in wire:
                await self._request(peer, peer.codec.decode_request(data))
        except ConnectionClosed:
            return
        finally:
            self.peers.discard(peer)

    async def _request(self, peer: Peer, message: Any) -> None:
        mode = self.mode
        self.asked[f"{message.__struct_config__.tag} {getattr(message, 'symbol', None) or ''}"] += 1
        if isinstance(message, Auth):
            peer.account = message.key_id
            if mode == "bad_signature":
                await peer.send(ErrorReply(message.req_id, "bad_signature", "revoked"))
                await peer.wire.close(4401, "bad_signature")
                return
            who = {"account": peer.account, "role": "trader"}
            await peer.send(Ack(message.req_id, result=who))
            if isinstance(mode, int):
                await peer.wire.close(mode, self.reason)
            if mode == "cut":
                peer.wire.transport.abort()
        elif isinstance(mode, str) and mode in (
            "busy",
            "rate_limited",
            "shutting_down",
            "internal",
        ):
            after_ms = RETRY_AFTER_MS if mode == "rate_limited" else None
            await peer.send(ErrorReply(message.req_id, mode, "not now", None, after_ms))
        elif isinstance(message, Subscribe):
            if not self.on_subscribe(peer, message):
                await self._subscribe(peer, message)
        elif isinstance(message, AccountState):
            if mode != "mute":
                await peer.send(Ack(message.req_id, result=self._state(peer)))
        elif isinstance(message, AccountStatement):
            await peer.send(Ack(message.req_id, result={"columns": [], "rows": [], "next": None}))
        elif isinstance(message, SessionClaim):
            await peer.send(Ack(message.req_id, result={"names": len(message.names)}))
        elif isinstance(message, ImageGet):
            begun = {"size": 1024 * 1024, "offset": message.offset, "format": "raw"}
            await peer.send(Ack(message.req_id, result=begun))
            while True:
                await peer.wire.send(b"x")
                await asyncio.sleep(1)
        elif isinstance(message, OrderPlace):
            await self._place(peer, message)

    async def _subscribe(self, peer: Peer, message: Subscribe) -> None:
        symbol, req_id = message.symbol or "", message.req_id
        if symbol in self.gone:
            await peer.send(ErrorReply(req_id, "unknown_instrument", "no instrument", "symbol"))
            return
        now, after = self.account_seq[peer.account], message.resume_from
        if after is not None and after + 1 < self.kept_from[peer.account]:
            await peer.send(ErrorReply(req_id, "too_old", "read account.state"))
            return
        peer.listens[message.channel, symbol] = None
        if message.channel != "account":
            await peer.send(Ack(req_id))
        else:
            await peer.send(Ack(req_id, result=self._state(peer)))
            for number in range((now if after is None else after) + 1, now + 1):
                await peer.send(balance(number))
        if message.channel == "book":
            await peer.send(BookSnapshot(symbol, 1, 0, [], [], 0))

    def _state(self, peer: Peer) -> dict[str, Any]:
        """Return the account, which holds nothing."""
        rows: dict[str, list[Any]] = {"orders": [], "leases": [], "vms": []}
        return {"account_seq": self.account_seq[peer.account], **rows}

    async def _place(self, peer: Peer, message: OrderPlace) -> None:
        done = self.orders.setdefault(peer.account, Counter())
        duplicate = message.client_order_id in done
        if not duplicate:
            done[message.client_order_id] += 1
            self.account_seq[peer.account] += 1
            frame = balance(self.account_seq[peer.account])
            for other in self.listeners(peer.account):
                if ("account", "") in other.listens:
                    with suppress(ConnectionClosed):
                        await other.send(frame)
        if self.mode != "mute":
            await peer.send(Ack(message.req_id, result={"duplicate": duplicate}))


def balance(account_seq: int) -> BalanceUpdate:
    return BalanceUpdate(account_seq, account_seq, 0, 0, 0, "deposit")


async def dripped(text: str) -> AsyncIterator[str]:
    for character in text:
        yield character
        await asyncio.sleep(1)
