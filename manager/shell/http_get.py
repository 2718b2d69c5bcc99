"""One GET with bounds: on the whole time, on the bytes also when unpacked; no redirects. Shell.

The other side is not trusted: a seller's guest answers health probes. Every call has a connection
of its own, so that a slow server delays nobody else.
"""

import asyncio
import functools
import os
import socket
import ssl
import zlib
from collections.abc import Coroutine
from typing import Any, Final

import httpx

ENCODINGS: Final = ("", "gzip", "x-gzip", "deflate")
GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


async def get(url: str, limit_s: float, limit_bytes: int) -> tuple[int, bytes]:
    """Return status and body of ``url``. Raises `OSError`, whose text is one line."""
    return await _limited(_asked("GET", url, limit_bytes, None), limit_s)


async def post(url: str, body: bytes, limit_s: float, limit_bytes: int) -> int:
    """Send ``body``, which is JSON, and return the status. Raises as `get` does."""
    status, _ = await _limited(_asked("POST", url, limit_bytes, body), limit_s)
    return status


async def _limited(
    asked: Coroutine[Any, Any, tuple[int, bytes]], limit_s: float
) -> tuple[int, bytes]:
    try:
        async with asyncio.timeout(limit_s):
            return await asked
    except TimeoutError as error:
        raise OSError(f"no whole answer within {limit_s:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:
        raise OSError(_reason(error)) from error
    except ExceptionGroup as errors:  # the library connects in a group of tasks
        raise OSError(str(errors.exceptions[0])) from errors


async def _asked(
    method: str, url: str, limit_bytes: int, content: bytes | None
) -> tuple[int, bytes]:
    # No timeout of the library's: `_limited` bounds the whole.
    client = httpx.AsyncClient(verify=_trust(), timeout=None, trust_env=False)  # noqa: S113
    headers = {"Accept-Encoding": "gzip"}
    if content is not None:
        headers["Content-Type"] = "application/json"
    asked = client.stream(method, url, headers=headers, content=content)
    async with client, asked as response:
        body = _Body(response.headers.get("Content-Encoding", ""), limit_bytes)
        async for piece in response.aiter_raw():
            body.take(piece)
        body.end()
        return response.status_code, bytes(body.bytes)


class _Body:
    """The bytes of an answer as they come, unpacked; never many more than ``limit``."""

    def __init__(self, encoding: str, limit: int) -> None:
        if encoding.strip().lower() not in ENCODINGS:
            raise OSError("packed in a way that was not asked for")
        self._unpack = zlib.decompressobj(GZIP_OR_ZLIB) if encoding else None
        self._limit = limit
        self.bytes = bytearray()

    def take(self, piece: bytes) -> None:
        room = self._limit + 1 - len(self.bytes)
        try:
            self.bytes += self._unpack.decompress(piece, room) if self._unpack else piece[:room]
        except zlib.error as error:
            raise OSError("not gzip, though it says so") from error
        if len(self.bytes) > self._limit:
            raise OSError(f"more than {self._limit} bytes")

    def end(self) -> None:
        if self._unpack is not None and not self._unpack.eof:
            raise OSError("packed, but not to its end")


@functools.cache
def _trust() -> ssl.SSLContext:
    """Return whom this machine trusts; to read its certificates takes a while."""
    return ssl.create_default_context()


def _reason(error: BaseException) -> str:
    """Return the system's own words where there are any: the library's say little."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno and not isinstance(cause, socket.gaierror):
            return os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__
    return str(error).partition("\n")[0] or type(error).__name__
