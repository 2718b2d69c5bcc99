"""Talks to a running exchange from a command line: log in, send a request, print. Shell."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec

from exchange.cli.bounds import by_options, plainly
from exchange.cli.common import DEFAULT_URL, EXIT_USAGE, fail, print_json
from exchange.cli.result_text import result_lines
from exchange.client import Client, Refused, Unknown, Unreachable
from exchange.keys import KeyFileError, load_private_key
from exchange.units import MS_PER_SECOND, ceil_div
from exchange.wire.types import Request

T = TypeVar("T")
R = TypeVar("R", bound=Request)

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def ask(url: str | None, key: Path | None, message: Request) -> Any:
    """Log in (without ``key``: not), send ``message``, return the result.

    Ends with one line and exit 1 when there is no result.
    """
    return logged_in(url, key, lambda client: client.request(message), type(message))


def logged_in(
    url: str | None,
    key: Path | None,
    work: Callable[[Client], Awaitable[T]],
    kind: type[Request] | None = None,
    options: Mapping[str, str] = _NONE,
) -> T:
    """Log in (without ``key``: not), return what ``work`` returns, and hang up.

    Ends with one line and exit 1 when there is no login, or ``work`` has no answer or a refusal.
    ``kind``: what is sent, if its fields were given as options; ``options``: their names.
    """

    async def run() -> T:
        private_key = load_private_key(key) if key else None
        async with Client(url or DEFAULT_URL, private_key) as client:
            return await work(client)

    try:
        return asyncio.run(run())
    except (KeyFileError, Unreachable, Unknown) as error:
        fail(str(error))
    except Refused as error:
        fail(refusal(error, kind, options))


def refusal(
    error: Refused, kind: type[Request] | None = None, options: Mapping[str, str] = _NONE
) -> str:
    """Return why a request was refused, which field it was, and when to ask again.

    ``kind``: of the request, if its fields were given as options; ``options``: their names.
    """
    field = f" (field {options.get(error.field, error.field)})" if error.field else ""
    wait_s = ceil_div(error.retry_after_ms or 0, MS_PER_SECOND)
    why = f"{error}{field}" if kind is None else by_options(f"{error}{field}", kind, options)
    return f"refused: {why}" + (f"; ask again in {wait_s} s" if wait_s else "")


def show(result: Any, as_json: bool) -> None:
    """Print a result: one JSON object, or lines for people."""
    if as_json:
        print_json(result)
        return
    for line in result_lines(result or {"done": True}):
        sys.stdout.write(line + "\n")


def checked(
    command: str, fields: dict[str, Any], kind: type[R], options: Mapping[str, str] = _NONE
) -> R:
    """Return the request with ``fields``; exit 2 when one is out of the protocol's bounds.

    ``options``: what a field is called on the command line, where the line shall name that.
    """
    tag = {"type": kind.__struct_config__.tag, "req_id": 1}
    try:
        return msgspec.convert(tag | fields, kind)
    except msgspec.ValidationError as error:
        fail(f"{command}: {plainly(error, fields, kind, options)}", EXIT_USAGE)
