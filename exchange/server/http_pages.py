"""Plain HTTP on the exchange's port: health, metrics, instruments, schema. Shell.

Market data is read between two batches, so no page shows it before it is durable. Source:
protocol.md, "Plain HTTP".
"""

import asyncio
import http
from functools import cache
from typing import Final

import msgspec
from websockets.datastructures import Headers
from websockets.http11 import Response

from exchange.server.metrics import CONTENT_TYPE
from exchange.server.pump import Pump
from exchange.wire.schema import json_schema

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
TIMEOUT_S: Final = 4.0
"""Shorter than the handshake's time limit, so that the client gets an answer."""


class HttpPages:
    """The pages of one exchange, by path."""

    def __init__(self, pump: Pump, timeout_s: float = TIMEOUT_S) -> None:
        self._pump = pump
        self._timeout_s = timeout_s

    async def answer(self, path: str) -> Response:
        """Return the page at ``path``, 404 when there is none, 503 when the exchange is stuck."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._page(path)
        except TimeoutError:
            return page(TEXT, b"busy\n", http.HTTPStatus.SERVICE_UNAVAILABLE)

    async def _page(self, path: str) -> Response:
        pump = self._pump
        match path:
            case "/healthz":
                return page(TEXT, b"ok\n")
            case "/metrics":
                return page(CONTENT_TYPE, await pump.read(pump.metrics.text))
            case "/v1/instruments" if pump.gateway.context.private:
                return page(TEXT, b"needs a login over /v1/ws\n", http.HTTPStatus.FORBIDDEN)
            case "/v1/instruments":
                return page(JSON, await pump.read(self._instruments))
            case "/v1/schema":
                return page(JSON, _schema())
            case _:
                return page(TEXT, b"not found\n", http.HTTPStatus.NOT_FOUND)

    def _instruments(self) -> bytes:
        return msgspec.json.encode(self._pump.gateway.engine.instruments())


def page(content_type: str, body: bytes, status: http.HTTPStatus = http.HTTPStatus.OK) -> Response:
    """Return ``body`` as an HTTP response after which the connection ends."""
    headers = Headers(
        {
            "Content-Type": content_type,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "Cache-Control": "no-store",
        }
    )
    return Response(status.value, status.phrase, headers, body)


@cache
def _schema() -> bytes:
    return msgspec.json.encode(json_schema())
