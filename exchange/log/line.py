"""A line of the log: level, event, sentence and fields, and how it is written. Pure.

What a peer said may be in a line, so it is cleaned on its way out: no control characters, no more
than fits. Keys, tokens, signatures and what renters send their guests are never put into one.
"""

import json
import re
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from exchange.units import MS_PER_SECOND

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["text", "json"]

TEXT_MAX: Final = 1_000
"""Characters of a sentence or a field; a whole line stays below what a pipe takes at once."""
FIELDS_MAX_BYTES: Final = 3_800
_CUT: Final = "..."
_LOGIN_IN_URL: Final = re.compile(r"://[^/\s@]*@")


class LogLine(Struct, frozen=True):
    """``event`` is a word of a closed set, ``fields`` are what ``text`` is made of."""

    level: Level
    event: str
    text: str
    fields: dict[str, str | int]


def line(level: Level, event: str, text: str, **fields: str | int) -> LogLine:
    """Return a `LogLine`; the keywords are its fields."""
    return LogLine(level, event, text, fields)


def clean(text: str) -> str:
    """Return ``text`` on one line, without control characters, cut to `TEXT_MAX`.

    The user and password that an address may hold are left out.
    """
    shown = text if len(text) <= TEXT_MAX else text[: TEXT_MAX - len(_CUT)] + _CUT
    if "@" in shown:
        shown = _LOGIN_IN_URL.sub("://", shown)
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(char if char.isprintable() else " " for char in shown)


def shortened(name: str) -> str:
    """Return enough of a key's name to find it by, too little to be of use to anybody else."""
    return name if len(name) <= _KEY_SHOWN else f"{name[:_KEY_SHOWN]}{_CUT}"


_KEY_SHOWN: Final = 8


def as_text(entry: LogLine, at_ms: int) -> str:
    """``2026-11-29T20:40:46Z INFO host r1-01 (h-3) is silent``"""
    return f"{_time(at_ms, 'seconds')}Z {entry.level.upper()} {clean(entry.text)}"


def as_json(entry: LogLine, at_ms: int) -> str:
    """One object: ``ts``, ``level``, ``event``, the fields, and the sentence as ``text``."""
    row: dict[str, str | int] = {
        "ts": f"{_time(at_ms, 'milliseconds')}Z",
        "level": entry.level,
        "event": entry.event,
    }
    for name, value in entry.fields.items():
        row[name] = clean(value) if isinstance(value, str) else value
    written = json.dumps(row | {"text": clean(entry.text)})
    if len(written) <= FIELDS_MAX_BYTES:
        return written
    return json.dumps({name: row[name] for name in ("ts", "level", "event")} | {"text": _CUT})


def _time(at_ms: int, upto: str) -> str:
    moment = datetime.fromtimestamp(at_ms / MS_PER_SECOND, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec=upto)
