"""What a standby answers on its port: that it is one, and where the exchange is served. Shell."""

import http
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from exchange.server.http_pages import TEXT, page
from exchange.server.reception import PURPOSES
from exchange.server.upgrade import path_of
from exchange.wire.close_codes import CLOSE_RESTART, REASON_BYTES_MAX


def reason(url: str) -> str:
    """Return why a standby closes a connection; ``url``: who serves, "" when that is not known."""
    text = f"standby; {url} serves" if url else "standby"
    return text if len(text.encode()) <= REASON_BYTES_MAX else "standby"


class Refusing:
    """`handle` and `route` are what `listen` needs. ``metrics`` gives the page of that name."""

    def __init__(self, leader_url: Callable[[], str], metrics: Callable[[], str]) -> None:
        self._leader_url = leader_url
        self._metrics = metrics

    async def handle(self, connection: ServerConnection) -> None:
        await connection.close(CLOSE_RESTART, reason(self._leader_url()))

    async def route(self, connection: ServerConnection, request: Request) -> Response | None:
        path = path_of(request)
        if path in PURPOSES:
            return None
        if path == "/metrics":
            return page(TEXT, self._metrics().encode())
        return page(TEXT, b"standby\n", http.HTTPStatus.SERVICE_UNAVAILABLE)
