"""``GET /metrics`` of a Manager on a port of its own, for a scraper and nobody else. Shell.

One request a connection, with limits on its bytes, its time and how many there are at once.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

from manager.shell.metrics import CONTENT_TYPE

HEAD_BYTES_MAX: Final = 8 * 1024
LIMIT_S: Final = 5.0
CONNECTIONS_MAX: Final = 16
LOOPBACK: Final = "127.0.0.1"


class AddressError(Exception):
    """The page cannot be served there; one line."""


def listen(address: str) -> socket.socket:
    """Return a socket that listens at ``ADDR:PORT``, or ``PORT`` on loopback."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]") or LOOPBACK
    if not (port.isascii() and port.isdigit() and 0 <= int(port) <= 65_535):
        raise AddressError(f"--metrics {address!r}: not ADDR:PORT, such as 127.0.0.1:9465")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family)
    except OSError as error:
        raise AddressError(f"--metrics {address}: {error.strerror or error}") from error


class MetricsPage:
    """``text`` returns the page as of now."""

    def __init__(self, text: Callable[[], bytes]) -> None:
        self._text = text
        self._open = 0

    async def serve(self, listener: socket.socket) -> None:
        """Serve until canceled."""
        server = await asyncio.start_server(self._accept, sock=listener, limit=HEAD_BYTES_MAX)
        async with server:
            await server.serve_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        wrong = (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
        try:
            if self._open <= CONNECTIONS_MAX:
                with contextlib.suppress(*wrong):
                    async with asyncio.timeout(LIMIT_S):
                        head = await reader.readuntil(b"\r\n\r\n")
                        writer.write(self._answer(head))
                        await writer.drain()
        finally:
            self._open -= 1
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if path != b"/metrics":
            return _response("404 Not Found", "text/plain", b"not found\n")
        if method != b"GET":
            return _response("405 Method Not Allowed", "text/plain", b"GET only\n")
        return _response("200 OK", CONTENT_TYPE, self._text())


def _response(status: str, content_type: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Cache-Control: no-store\r\nConnection: close\r\n\r\n" + body
