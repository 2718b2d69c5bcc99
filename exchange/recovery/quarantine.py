"""The quarantine file: requests and deadlines whose bugs stopped the exchange, one JSON object a
line. Shell.

It holds a request's digest, never its contents, which could help an attacker. The operator reads
the error and the trace there, and removes a line once a release fixes its bug. A deadline is
recorded only for its trace: docs/decisions/0022-a-deadline-that-breaks.md.
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
    """Digest of the request; empty for a deadline."""
    at_ms: int
    seq: int
    """Sequence number of the last accepted command before it."""
    account: str
    request: str
    """The request's name on the wire, or the deadline's name."""
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
    """Why the exchange ended: for the operator, and for the service that starts it again."""

    line: str
    cause: Literal["deadline", "request", "unknown"]
    kept: bool = True
    """False: the disk would not take the entry."""


def stopped(data_dir: Path, loaded: Loaded, error: BaseException, at_ms: int) -> Stop:
    """A bug of ours ends the exchange: record the request or deadline that met it.

    When a deadline met the bug, no request is blamed, even if one was being handled. The trace goes
    to stderr when the file cannot be written.
    """
    engine, handling, text = loaded.engine, loaded.gateway.guard.handling, one_line(error)
    cause: Literal["deadline", "request"]
    if engine.state.settling is not None:
        due_ms, kind, number = engine.state.settling
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
    """Add an entry to the quarantine, durably; a known entry is not added again.

    A different error with the same subject is another bug, so another entry. Raises `OSError` or
    `DataDirError`.
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
