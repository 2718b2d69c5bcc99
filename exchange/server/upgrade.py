"""What the request that opens a WebSocket says: where to, from where, in which protocol. Shell."""

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
    """Take the client's first that we speak; without one, and without another of ours, JSON."""
    chosen = next((name for name in offered if name in BY_SUBPROTOCOL), None)
    assert isinstance(connection, WireConnection)
    ours = any(name.startswith(f"{PROTOCOL_NAME}.") for name in offered)
    connection.speaks_other_version = ours and chosen is None
    return chosen


def peer_of(connection: ServerConnection) -> str:
    """Return the other end's address; one that is gone already counts as any stranger."""
    address = connection.remote_address
    return str(address[0]) if address else "0.0.0.0"  # noqa: S104 - compared, not bound


def path_of(request: Request) -> str:
    """Return where to, without a query."""
    return request.path.partition("?")[0]
