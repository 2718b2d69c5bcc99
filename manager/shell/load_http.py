"""Reads the farm's load, a number in JSON behind an HTTP address. Shell.

A reading that fails is no reading: the core stops acting on the load when the last good one is
stale.
"""

from typing import Any, Final

import msgspec

from manager.core.figure import figure
from manager.core.ports import LoadError
from manager.shell.http_get import get

LIMIT_S: Final = 5.0
MAX_BODY: Final = 64 * 1024
HTTP_OK: Final = 200


class JsonLoad:
    """Implements `manager.core.ports.LoadSource`: the number at ``field`` ("a.b") per ``per_s``."""

    def __init__(self, url: str, field: str, per_s: float = 1.0) -> None:
        self._url = url
        self._field = field
        self._per_s = per_s

    async def read_rps(self) -> float:
        value = json_of(await fetch(self._url, MAX_BODY), self._url)
        for part in self._field.split(".") if self._field else []:
            if not isinstance(value, dict) or part not in value:
                raise LoadError(f"load {self._url}: there is no field {self._field!r}")
            value = value[part]
        try:
            return figure(value) / self._per_s
        except ValueError as error:
            what = self._field or "the answer"
            raise LoadError(f"load {self._url}: {what} {error}") from error


async def fetch(url: str, limit_bytes: int) -> bytes:
    """Return the body of a page that answers 200. Raises `LoadError`."""
    try:
        status, body = await get(url, LIMIT_S, limit_bytes)
    except OSError as error:
        raise LoadError(f"load {url}: {error.strerror or error}") from error
    if status != HTTP_OK:
        raise LoadError(f"load {url}: answered {status}")
    return body


def json_of(body: bytes, url: str) -> Any:
    """Return what ``body`` says. Raises `LoadError`, also for what is too deep or too large."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError) as error:
        raise LoadError(f"load {url}: not JSON: {error}") from error
