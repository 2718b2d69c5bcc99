"""The quarantine file: requests that stopped the exchange, one JSON object a line. Shell.

It holds digests, never contents: a request may carry what opens a door. The operator reads the
error and the trace there, and removes a line once a release mends its bug.
"""

import os
import traceback
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from exchange.guard import digest
from exchange.journal import DataDirError

FILE_NAME: Final = "quarantine.jsonl"


class Entry(Struct, frozen=True):
    """Why the exchange stopped."""

    digest: str
    at_ms: int
    seq: int
    """Of the last accepted command before it."""
    account: str
    request: str
    error: str
    trace: list[str]


_DECODER: Final = msgspec.json.Decoder(Entry)


def read(data_dir: Path) -> dict[str, None]:
    """Return the digests to refuse. Raises `DataDirError` when the file cannot be read."""
    path = data_dir / FILE_NAME
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
        return {_DECODER.decode(line).digest: None for line in lines if line.strip()}
    except OSError as error:
        raise DataDirError(f"{path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise DataDirError(f"{path}: {error}") from error


def stopped(
    data_dir: Path, handling: tuple[str, Any] | None, error: BaseException, seq: int, at_ms: int
) -> tuple[str, bool]:
    """A bug of ours ends the exchange: keep what it was handling for the next start.

    Returns one line for the operator, and False when the disk would not take the entry. Without a
    request under way (a deadline met the bug) there is nothing to refuse; the trace goes to stderr.
    """
    text = one_line(error)
    if handling is None:
        traceback.print_exception(error)
        return f"internal error: {text}", True
    account, message = handling
    what = f"internal error at {tag(message)} of {account or 'nobody'}: {text}"
    try:
        add(data_dir, account, message, error, seq, at_ms)
    except OSError as lost:
        return f"{what}; {data_dir}: no quarantine: {lost.strerror or lost}", False
    return f"{what}; to be refused from now on, see {FILE_NAME}", True


def add(
    data_dir: Path, account: str, message: Any, error: BaseException, seq: int, at_ms: int
) -> None:
    """Put a request into quarantine, durably. Raises `OSError`."""
    trace = [line.rstrip() for line in traceback.format_exception(error)]
    entry = Entry(
        digest(account, message), at_ms, seq, account, tag(message), one_line(error), trace
    )
    with (data_dir / FILE_NAME).open("ab") as file:
        file.write(msgspec.json.encode(entry) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def tag(message: Any) -> str:
    """Return the request's name on the wire."""
    return str(type(message).__struct_config__.tag)


def one_line(error: BaseException) -> str:
    """Return an exception as a person reads it in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
