"""Ask a running exchange one thing from a command line: dial, ask, print. Shell."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exchange.cli.common import DEFAULT_URL, fail, print_json
from exchange.client.client import Client, Refused, Unknown, Unreachable
from exchange.keys import KeyFileError, load_private_key
from exchange.units import MS_PER_SECOND, ceil_div
from exchange.wire.types import Request


def ask(url: str | None, key: Path | None, message: Request) -> Any:
    """Log in (without ``key``: not), send ``message``, return the result.

    Leaves with one line and exit 1 when there is none.
    """
    try:
        return asyncio.run(_ask(url or DEFAULT_URL, key, message))
    except (KeyFileError, Unreachable, Unknown) as error:
        fail(str(error))
    except Refused as error:
        fail(refusal(error))


def refusal(error: Refused) -> str:
    """Return why a request was refused, which field it was, and when to ask again."""
    field = f" (field {error.field})" if error.field else ""
    wait_s = ceil_div(error.retry_after_ms or 0, MS_PER_SECOND)
    return f"refused: {error}{field}" + (f"; ask again in {wait_s} s" if wait_s else "")


async def _ask(url: str, key: Path | None, message: Request) -> Any:
    async with Client(url, load_private_key(key) if key else None) as client:
        return await client.request(message)


def show(result: Any, as_json: bool) -> None:
    """Print a result: one JSON object, or a line a field for people."""
    if as_json:
        print_json(result)
        return
    for line in _lines(result or {"done": True}, ""):
        sys.stdout.write(line + "\n")


def _lines(result: dict[str, Any], prefix: str) -> Iterator[str]:
    for name, value in result.items():
        if isinstance(value, dict):
            yield from _lines(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}: {value if isinstance(value, str) else json.dumps(value)}"
