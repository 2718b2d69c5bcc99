"""Reads the request that opens a WebSocket: its path, peer address and subprotocol. Shell."""

from collections.abc import Sequence

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request
from websockets.typing import Subprotocol

from exchange.server.connection import WireConnection
from exchange.wire.codec import BY_SUBPROTOCOL
from exchange.wire.types import PROTOCOL_NAME


def choose_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """Choose the client's first subprotocol that we support; JSON if it offers none of ours."""
    chosen = next((name for name in offered if name in BY_SUBPROTOCOL), None)
    if isinstance(connection, WireConnection):  # a standby's connections are refused anyway
        ours = any(name.startswith(f"{PROTOCOL_NAME}.") for name in offered)
        connection.speaks_other_version = ours and chosen is None
    return chosen


def peer_of(connection: ServerConnection) -> str:
    """Return the other end's address; a peer that is already gone gets a general one."""
    address = connection.remote_address
    return str(address[0]) if address else "0.0.0.0"  # noqa: S104 - compared, not bound


def path_of(request: Request) -> str:
    """Return the path without its query."""
    return request.path.partition("?")[0]
