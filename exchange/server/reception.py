"""Lets connections in and sees them out: numbers, `connect`, and `disconnect` at the end. Shell."""

import secrets
from typing import Any, Final, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from exchange.server.admission import Admission, said_goodbye
from exchange.server.connection import WireConnection
from exchange.server.http_pages import HttpPages
from exchange.server.pump import Pump
from exchange.server.upgrade import path_of, peer_of
from exchange.session.session import Purpose
from exchange.wire.codec import BY_SUBPROTOCOL, JSON

CHUNK_MAX_BYTES: Final = 256 * 1024
PURPOSES: Final[dict[str, Purpose]] = {"/v1/ws": "trade", "/v1/images": "images"}


class Visits(Protocol):
    """Who hears of connections: the log."""

    def turned_away(self, peer: str, status: int) -> None: ...
    def opened(self, peer: str, number: int) -> None: ...
    def closed(self, peer: str, number: int, connection: ServerConnection) -> None: ...


class Reception:
    """`handle`, `make_connection` and `route` are what `listen` needs.

    ``last_number``: connections are numbered behind it.
    """

    def __init__(
        self, pump: Pump, admission: Admission, log: Visits | None, last_number: int = 0
    ) -> None:
        self.last_number = last_number
        self._pump = pump
        self._admission = admission
        self._log = log
        self._pages = HttpPages(pump)

    def make_connection(self, *args: Any, **kwargs: Any) -> WireConnection:
        connection = WireConnection(*args, **kwargs)
        connection.admission = self._admission
        return connection

    def next_number(self) -> int:
        """Return the number of a new session."""
        self.last_number += 1
        return self.last_number

    async def handle(self, connection: ServerConnection) -> None:
        """Register the connection with the pump until it is gone."""
        assert isinstance(connection, WireConnection)
        assert connection.request is not None
        number, pump, log = self.next_number(), self._pump, self._log
        codec = BY_SUBPROTOCOL.get(connection.subprotocol or "", JSON)
        spoken = "" if connection.speaks_other_version else codec.name
        purpose = PURPOSES[path_of(connection.request)]
        if purpose == "images":
            connection.take_messages_of(CHUNK_MAX_BYTES)
        nonce, peer = secrets.token_hex(32), peer_of(connection)
        pump.connections[number] = self._admission.connections[number] = connection
        self._admission.entered(peer)
        if log is not None:
            log.opened(peer, number)
        pump.submit(lambda now: pump.gateway.connect(number, nonce, spoken, peer, now, purpose))
        connection.attach(number, pump, codec.binary, pump.send_stored)
        try:
            await connection.wait_closed()
        finally:
            del pump.connections[number], self._admission.connections[number]
            self._admission.left(peer)
            connection.abandon()
            if log is not None:
                log.closed(peer, number, connection)
            clean = said_goodbye(connection)
            pump.submit_behind(connection, lambda now: pump.gateway.disconnect(number, clean, now))

    async def route(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer plain HTTP; None lets the WebSocket handshake go on."""
        path = path_of(request)
        peer = peer_of(connection)
        refused = self._admission.refusal(peer)
        if refused is not None and self._log is not None:
            self._log.turned_away(peer, refused.status_code)
        if refused is not None or path in PURPOSES:
            return refused
        return await self._pages.answer(path)
