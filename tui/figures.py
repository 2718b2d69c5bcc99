"""Reads the exchange's own figures: ``GET /metrics`` on its port (docs/metrics.md). Shell."""

import asyncio
import ssl
from typing import Final
from urllib.parse import urlsplit

from exchange.units import MIB

ANSWER_S: Final = 5.0
BYTES_MAX: Final = 4 * MIB
PORTS: Final = {"ws": 80, "http": 80, "wss": 443, "https": 443}
SECURE: Final = ("wss", "https")


class NoFiguresError(Exception):
    """The page cannot be had; ``str`` says why."""


async def read_figures(url: str) -> str:
    """Return the text of the page of the exchange at ``url``. Raises `NoFiguresError`."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise NoFiguresError("this terminal is not connected by an address")
    try:
        async with asyncio.timeout(ANSWER_S):
            return await _page(parts.hostname, parts.port or PORTS[parts.scheme], parts.scheme)
    except TimeoutError as error:
        raise NoFiguresError("the exchange does not answer") from error
    except (OSError, asyncio.IncompleteReadError, ValueError) as error:
        raise NoFiguresError(getattr(error, "strerror", None) or str(error)) from error


async def _page(host: str, port: int, scheme: str) -> str:
    tls = ssl.create_default_context() if scheme in SECURE else None
    reader, writer = await asyncio.open_connection(host, port, ssl=tls, limit=BYTES_MAX)
    try:
        name = f"[{host}]" if ":" in host else host
        writer.write(f"GET /metrics HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode())
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        if " 200 " not in head.partition("\r\n")[0]:
            raise NoFiguresError(f"the exchange answers {head.partition(chr(13))[0]}")
        body = bytearray()
        while chunk := await reader.read(MIB):
            body += chunk
            if len(body) > BYTES_MAX:
                raise NoFiguresError("the page is too long")
        return body.decode()
    finally:
        writer.close()
