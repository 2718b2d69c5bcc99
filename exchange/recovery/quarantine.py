"""The quarantine file: what stopped the exchange by a bug, one JSON object a line. Shell.

Of a request it holds the digest, never the contents: they may be what opens a door. The operator
reads the error and the trace there, and removes a line once a release fixes its bug. A deadline is
in it for its trace alone: docs/decisions/0022-a-deadline-that-breaks.md.
"""

import os
import traceback
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from exchange.engine import deadlines
from exchange.recovery.loading import Loaded, one_line
from exchange.session.guard import digest
from exchange.storage.sqlite_journal import DataDirError

FILE_NAME: Final = "quarantine.jsonl"


class Entry(Struct, frozen=True):
    """Why the exchange stopped."""

    digest: str
    """Of the request, empty for a deadline."""
    at_ms: int
    seq: int
    """Of the last accepted command before it."""
    account: str
    request: str
    """Its name on the wire, or which deadline."""
    error: str
    trace: list[str]


_DECODER: Final = msgspec.json.Decoder(Entry)


def read(data_dir: Path) -> dict[str, None]:
    """Return the digests to refuse. Raises `DataDirError` when the file cannot be read."""
    return {entry.digest: None for entry in _entries(data_dir) if entry.digest}


def _entries(data_dir: Path) -> list[Entry]:
    path = data_dir / FILE_NAME
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [_DECODER.decode(line) for line in lines if line.strip()]
    except OSError as error:
        raise DataDirError(f"{path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise DataDirError(f"{path}: {error}") from error


class Stop(Struct, frozen=True):
    """What ended the exchange, for the operator and for whoever starts it again."""

    line: str
    cause: Literal["deadline", "request", "unknown"]
    kept: bool = True
    """False: the disk would not take the entry."""


def stopped(data_dir: Path, loaded: Loaded, error: BaseException, at_ms: int) -> Stop:
    """A bug of ours ends the exchange: keep what it was at, for the next start and the operator.

    A bug that a deadline met is no request's fault, though one may have been under way. The trace
    goes to stderr where the file does not hold it.
    """
    engine, handling, text = loaded.engine, loaded.gateway.guard.handling, one_line(error)
    cause: Literal["deadline", "request"]
    if engine.settling is not None:
        due_ms, kind, number = engine.settling
        cause, name, account = "deadline", "", ""
        met = deadlines.name_of(engine.state, kind, number)
        what = f"internal error at a deadline, {met}, due at {due_ms} ms: {text}"
        then = "every start meets it again"
    elif handling is not None:
        cause, name, account = "request", digest(*handling), handling[0]
        met = tag(handling[1])
        what = f"internal error at {met} of {account or 'nobody'}: {text}"
        then = "to be refused from now on"
    else:
        traceback.print_exception(error)
        return Stop(f"internal error: {text}", "unknown")
    trace = [line.rstrip() for line in traceback.format_exception(error)]
    try:
        add(data_dir, Entry(name, at_ms, engine.seq, account, met, text, trace))
    except (OSError, DataDirError) as lost:
        traceback.print_exception(error)
        return Stop(f"{what}; {data_dir}: no quarantine: {lost}", cause, kept=False)
    return Stop(f"{what}; {then}, see {FILE_NAME}", cause)


def add(data_dir: Path, entry: Entry) -> None:
    """Put an entry into quarantine, durably; what is known is not told again.

    Another error at the same subject is another bug. Raises `OSError` or `DataDirError`.
    """
    known = [(one.digest, one.request, one.error) for one in _entries(data_dir)]
    if (entry.digest, entry.request, entry.error) in known:
        return
    with (data_dir / FILE_NAME).open("ab") as file:
        file.write(msgspec.json.encode(entry) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def tag(message: Any) -> str:
    """Return the request's name on the wire."""
    return str(type(message).__struct_config__.tag)
