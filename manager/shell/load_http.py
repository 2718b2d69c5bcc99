"""Reads the farm's load, a number in JSON behind an HTTP address; probes servers' health. Shell.

One GET per reading, on a connection of its own with a timeout, redirects not followed. The answer
is at most `MAX_BODY` bytes. A reading that fails is no reading: the core stops acting on the load
when the last good one is stale.
"""

import asyncio
import http.client
import math
from typing import Final
from urllib.parse import urlsplit

import msgspec

from manager.core.ports import LoadError

TIMEOUT_S: Final = 5.0
MAX_BODY: Final = 64 * 1024
HTTP_OK: Final = 200


class JsonLoad:
    """Implements `manager.ports.LoadSource`: the number at ``field`` ("a.b") per ``per_s``."""

    def __init__(self, url: str, field: str, per_s: float = 1.0) -> None:
        self._url = url
        self._field = field
        self._per_s = per_s

    async def read_rps(self) -> float:
        try:
            status, body = await get(self._url)
        except OSError as error:
            raise LoadError(f"load {self._url}: {error.strerror or error}") from error
        if status != HTTP_OK:
            raise LoadError(f"load {self._url}: answered {status}")
        return self._number(body) / self._per_s

    def _number(self, body: bytes) -> float:
        try:
            value = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise LoadError(f"load {self._url}: not JSON: {error}") from error
        for part in self._field.split(".") if self._field else []:
            if not isinstance(value, dict) or part not in value:
                raise LoadError(f"load {self._url}: there is no field {self._field!r}")
            value = value[part]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise LoadError(f"load {self._url}: {self._field or 'the answer'} is no number")
        if not 0 <= value < math.inf:
            raise LoadError(f"load {self._url}: {value} requests make no sense")
        return float(value)


async def get(url: str, timeout_s: float = TIMEOUT_S) -> tuple[int, bytes]:
    """Return status and body of ``url``. Raises `OSError`, in any case before long."""
    try:
        async with asyncio.timeout(2 * timeout_s):
            return await asyncio.to_thread(_get, url, timeout_s)
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP answer: {type(error).__name__}") from error
    except TimeoutError as error:
        raise OSError(f"no answer within {timeout_s:g} s") from error


async def is_healthy(address: str, port: int, health: str) -> bool:
    """Tell whether the server answers 200 at the path ``health``, or accepts TCP if it is ""."""
    host = f"[{address}]" if ":" in address else address
    try:
        if health:
            status, _ = await get(f"http://{host}:{port}{health}", timeout_s=2.0)
            return status == HTTP_OK
        async with asyncio.timeout(2.0):
            _, writer = await asyncio.open_connection(address, port)
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return True


def _get(url: str, timeout_s: float) -> tuple[int, bytes]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise OSError(f"more than {MAX_BODY} bytes")
        return response.status, body
    finally:
        connection.close()
