"""The door's process: listens for clients, and is linked to the writer as long as it can. Shell."""

import asyncio
import http
import signal
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from exchange import files
from exchange.doors import log_events
from exchange.doors.bus import BusSettings
from exchange.doors.hall import Hall
from exchange.doors.run import run_once
from exchange.log import log
from exchange.server import ready_file
from exchange.server.admission import (
    Admission,
    cut_slow,
    raise_file_limit,
    said_goodbye,
)
from exchange.server.connection import WireConnection
from exchange.server.http_pages import TEXT, page
from exchange.server.listening import Listener, listen, stop_accepting
from exchange.server.starting import StartError
from exchange.server.upgrade import path_of, peer_of
from exchange.session.addresses import Addresses
from exchange.units import MS_PER_SECOND
from exchange.wire.close_codes import CLOSE_GOING_AWAY
from exchange.wire.codec import BY_SUBPROTOCOL, JSON

AGAIN_S: Final = 0.5
TRADE_PATH: Final = "/v1/ws"
AT_THE_WRITER: Final = {"/v1/images": True, "/v1/instruments": False, "/v1/schema": False}
"""Pages that the writer itself has, and whether each is a WebSocket."""


class DoorSettings(Struct, frozen=True, kw_only=True):
    """``name`` is for the log alone; ``tls`` set: wss."""

    bus: BusSettings
    host: str
    port: int
    name: str = ""
    writer_url: str = ""
    """Where clients reach the writer itself; "" for where it says that it listens."""
    tls: ssl.SSLContext | None = None
    ready_file: Path | None = None


class Door:
    """`open`, then `run` until `stop`."""

    def __init__(self, settings: DoorSettings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._server: Listener
        addresses = Addresses()
        self.admission = Admission(addresses, {}, _now_ms, raise_file_limit())
        self.hall = Hall(self.admission.connections)

    @property
    def url(self) -> str:
        settings = self._settings
        port = int(self._server.sockets[0].getsockname()[1])
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return f"{'wss' if settings.tls else 'ws'}://{host}:{port}{TRADE_PATH}"

    async def open(self) -> None:
        """Listen, and print where. Raises `StartError`."""
        settings = self._settings
        try:
            self._server = await listen(
                settings.host,
                settings.port,
                settings.tls,
                handle=self._handle,
                make_connection=self._make_connection,
                route=self._route,
            )
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise StartError(f"cannot listen on {where}: {error.strerror or error}") from error
        try:
            if settings.ready_file is not None:
                ready_file.announce(settings.ready_file, self.url)
        except OSError as error:
            self._server.close()
            why = f"--ready-file {settings.ready_file}: {files.why(error)}"
            raise StartError(why) from error
        log.write(log_events.serving(self.url))

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Serve until `stop`."""
        linked = asyncio.create_task(self._stay_linked())
        watch = asyncio.create_task(self._watch())
        await self._stop.wait()
        watch.cancel()
        linked.cancel()
        await asyncio.wait((linked, watch))
        self.hall.end()
        if self._settings.ready_file is not None:
            ready_file.retract(self._settings.ready_file)
        await stop_accepting(self._server)
        self._server.close(code=CLOSE_GOING_AWAY, reason="shutting down")
        await self._server.wait_closed()
        log.write(log_events.stopped())

    async def _stay_linked(self) -> None:
        """One run after another. A reason is logged once in a row."""
        epoch, said = 0, ""
        name = self._settings.name or self.url
        while True:
            epoch, why = await run_once(self._settings.bus, self.hall, name, epoch)
            was_open = self.hall.is_open
            closed = self.hall.end()
            if was_open or why != said:
                log.write(log_events.link_lost(why, closed))
                said = why
            await asyncio.sleep(AGAIN_S)

    async def _watch(self) -> None:
        """Once a second: cut slow readers."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            connections = list(self.admission.connections.values())
            cut_slow(connections, loop.time())
            self.admission.stalls.cut(connections, loop.time())
            log.catch_up()

    def _make_connection(self, *args: Any, **kwargs: Any) -> WireConnection:
        connection = WireConnection(*args, **kwargs)
        connection.admission = self.admission
        return connection

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, WireConnection)
        peer = peer_of(connection)
        self.admission.entered(peer)
        codec = BY_SUBPROTOCOL.get(connection.subprotocol or "", JSON)
        self.hall.enter(connection, codec, peer)
        try:
            await connection.wait_closed()
        finally:
            self.admission.left(peer)
            connection.abandon()
            self.hall.leave(connection, said_goodbye(connection))

    async def _route(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer plain HTTP; None lets the WebSocket handshake go on."""
        path, hall = path_of(request), self.hall
        refused = self.admission.refusal(peer_of(connection))
        if refused is not None:
            return refused
        if path == "/metrics":
            return page(TEXT, self._metrics())
        if path in (TRADE_PATH, "/healthz", *AT_THE_WRITER) and not hall.is_open:
            return _no_exchange()
        if path == TRADE_PATH:
            return None
        if path == "/healthz":
            return page(TEXT, b"ok\n")
        if path in AT_THE_WRITER:
            return _moved(
                self._settings.writer_url or hall.url, path, websocket=AT_THE_WRITER[path]
            )
        return page(TEXT, b"not found\n", http.HTTPStatus.NOT_FOUND)

    def _metrics(self) -> bytes:
        hall = self.hall
        figures = {
            "headroom_door_linked": int(hall.is_open),
            "headroom_door_connections": len(hall.connections),
            "headroom_door_frames_under_way": hall.under_way,
            "headroom_door_slow_clients_cut_total": hall.cut_total,
        }
        return "".join(f"{name} {value}\n" for name, value in figures.items()).encode()


async def serve_door(settings: DoorSettings, make: Callable[[DoorSettings], Door] = Door) -> None:
    """Serve until SIGTERM or SIGINT. Raises `StartError`."""
    door = make(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, door.stop)
    await door.open()
    ready_file.print_url(door.url)
    await door.run()


def _no_exchange() -> Response:
    response = page(TEXT, b"no exchange\n", http.HTTPStatus.SERVICE_UNAVAILABLE)
    response.headers["Retry-After"] = "1"
    return response


def _moved(url: str, path: str, websocket: bool) -> Response:
    """Send the client to the writer; ``url``: its own /v1/ws."""
    parts = urlsplit(url)
    scheme = parts.scheme if websocket else {"ws": "http", "wss": "https"}[parts.scheme]
    where = urlunsplit((scheme, parts.netloc, path, "", ""))
    headers = Headers({"Location": where, "Content-Length": "0", "Connection": "close"})
    status = http.HTTPStatus.TEMPORARY_REDIRECT
    return Response(status.value, status.phrase, headers, b"")


def _now_ms() -> int:
    return int(asyncio.get_running_loop().time() * MS_PER_SECOND)
