"""Writes a statement to a CSV file: the columns of ``headroom account statement``. Shell."""

import asyncio
import csv
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TextIO

from exchange import files
from exchange.wire.requests import AccountStatement
from tui.shared import Answer
from tui.view.exporting import Export

RETRY_S: Final = 2.0
TRIES: Final = 5
"""For a page: the exchange may be busy or answer too many questions."""
PACE_S: Final = 0.1


class NotWrittenError(Exception):
    """``str`` is one line: why there is no file."""


def path_of(text: str) -> Path:
    """Return the whole path that a person named."""
    return Path(text).expanduser().absolute()


async def write(export: Export, read: Callable[[AccountStatement], Awaitable[Answer]]) -> int:
    """Ask for page after page and write them; returns how many rows. Raises `NotWrittenError`.

    A file that exists is left alone; one that could not be finished is taken away.
    """
    path = path_of(export.path)
    try:
        with path.open("x", newline="", encoding="utf-8") as file:
            return await _write(export, read, file)
    except FileExistsError:
        raise NotWrittenError(f"{path} exists already") from None
    except OSError as error:
        raise NotWrittenError(f"{path}: {files.why(error)}") from error
    except (NotWrittenError, asyncio.CancelledError):
        path.unlink(missing_ok=True)
        raise


async def _write(
    export: Export, read: Callable[[AccountStatement], Awaitable[Answer]], file: TextIO
) -> int:
    writer: csv.DictWriter[str] | None = None
    offset: int | None = 0
    count = 0
    while offset is not None:
        page = await _page(export, read, offset)
        if writer is None:
            writer = csv.DictWriter(file, page["columns"], lineterminator="\n")
            writer.writeheader()
        writer.writerows(page["rows"])
        count += len(page["rows"])
        offset = page.get("next")
        await asyncio.sleep(PACE_S if offset is not None else 0)
    return count


async def _page(
    export: Export, read: Callable[[AccountStatement], Awaitable[Answer]], offset: int
) -> dict[str, Any]:
    request = AccountStatement(
        req_id=1, kind=export.kind, from_ms=export.from_ms, to_ms=export.to_ms, offset=offset
    )
    answer = Answer(False)
    for _ in range(TRIES):
        answer = await read(request)
        if answer.ok:
            result: dict[str, Any] = answer.result
            return result
        await asyncio.sleep(RETRY_S)
    raise NotWrittenError(answer.why)
