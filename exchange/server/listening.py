"""The listening socket: how the library is set up, and how accepting ends. Shell."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as websocket_server
from websockets.http11 import Request, Response

from exchange.server.upgrade import choose_subprotocol
from exchange.wire.types import MAX_FRAME_BYTES

QUIET: Final = logging.getLogger("headroom.websockets")
"""Protocol errors of peers are not logged."""
QUIET.setLevel(logging.CRITICAL)
OPEN_TIMEOUT_S: Final = 5
CLOSE_TIMEOUT_S: Final = 2
PING_S: Final = 10
WRITE_LIMIT_BYTES: Final = 64 * 1024
LISTEN_BACKLOG: Final = 1024

Listener: TypeAlias = Server
"""What `listen` returns."""


async def listen(
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    *,
    handle: Callable[[ServerConnection], Awaitable[None]],
    make_connection: Callable[..., ServerConnection],
    route: Callable[[ServerConnection, Request], Awaitable[Response | None]],
) -> Listener:
    """Listen for WebSockets. Raises `OSError`."""
    return await websocket_server(
        handle,
        host,
        port,
        ssl=tls,
        create_connection=make_connection,  # type: ignore[arg-type]
        select_subprotocol=choose_subprotocol,
        process_request=route,
        compression=None,
        open_timeout=OPEN_TIMEOUT_S,
        close_timeout=CLOSE_TIMEOUT_S,
        ping_interval=PING_S,
        ping_timeout=PING_S,
        max_size=MAX_FRAME_BYTES,
        write_limit=WRITE_LIMIT_BYTES,
        server_header=None,
        logger=QUIET,
        backlog=LISTEN_BACKLOG,
    )


async def stop_accepting(server: Listener) -> None:
    """Accept no more connections; those that were accepted are the server's when this returns.

    One whose accept is under way while its server closes would lose its socket unclosed: asyncio
    fails to attach it. Two turns of the loop finish what was begun.
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        loop.remove_reader(listening.fileno())
    for _ in range(2):
        await asyncio.sleep(0)
