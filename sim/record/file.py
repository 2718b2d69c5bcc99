"""A recording on disk: one file with where a replay begins, the commands, and where it must end.

Behind a line that names the format come parts, compressed: a `Head`, a `Row` for each command, an
`End`. Each part is its length and its MessagePack. Rows keep their place in the journal's chain, so
one that was changed or left out is noticed, and so is a file without its end.
"""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import GzipFile
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from msgspec import Struct

from exchange import files
from exchange.journal.chain import RULES_VERSION, BrokenChainError, checked
from exchange.journal.rows import JournalRow
from exchange.wire.codec import MSGPACK

MAGIC: Final = b"headroom-recording-1\n"
PRIVATE_MODE: Final = 0o600
"""A recording tells who bought what, as the journal does."""
PART_MAX: Final = 1 << 30
_LENGTH_BYTES: Final = 4
_LEVEL: Final = 4


class RecordingError(Exception):
    """A recording cannot be used. ``str()`` is one line for the user."""


class Head(Struct, frozen=True, array_like=True, tag="head"):
    """``state`` is `Engine.snapshot` after row ``seq``; empty when the recording begins with the
    journal. ``chain`` is that row's digest."""

    rules: int
    seq: int
    chain: bytes
    state: bytes


class Row(Struct, frozen=True, array_like=True, tag="row"):
    seq: int
    now_ms: int
    body: bytes
    chain: bytes


class End(Struct, frozen=True, array_like=True, tag="end"):
    """What a replay must come to: ``digest`` is of all events, as a simulated run has one."""

    seq: int
    state_hash: str
    digest: str


_DECODER: Final = msgspec.msgpack.Decoder(Head | Row | End)


class Writer:
    """Add a `Head`, the `Row`s, an `End`."""

    def __init__(self, out: IO[bytes]) -> None:
        out.write(MAGIC)
        self._parts = GzipFile(fileobj=out, mode="wb", compresslevel=_LEVEL, mtime=0, filename="")

    def add(self, part: Head | Row | End) -> None:
        data = MSGPACK.encode(part)
        self._parts.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)

    def close(self) -> None:
        self._parts.close()


@contextmanager
def written(out: Path) -> Iterator[Writer]:
    """Write a recording to ``out``: complete or not at all. Raises `OSError`."""
    draft = out.with_name(f".{out.name}.{os.getpid()}.new")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
        with os.fdopen(handle, "wb") as file:
            writer = Writer(file)
            yield writer
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, out)
    finally:
        draft.unlink(missing_ok=True)


class Recording:
    """A recording to read, as often as needed. Raises `RecordingError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = 0
        """Bytes of the file, and how many of them are read by now."""
        self.done = 0
        try:
            self.size = path.stat().st_size
            files.require_regular(path)
        except OSError as error:
            raise RecordingError(f"recording {path}: {files.why(error)}") from error
        head = next(self._parts(), None)
        if not isinstance(head, Head):
            raise self.bad("begins with no head")
        if head.rules != RULES_VERSION:
            raise self.bad(f"made under rules {head.rules}, this release has {RULES_VERSION}")
        self.head = head
        self.end: End | None = None
        """Known once `rows` came to it."""

    def rows(self) -> Iterator[JournalRow]:
        """Yield every command with its time, in order; then `end` is known."""
        behind = self.head.seq, self.head.chain
        try:
            for row, _ in checked(self._stored(), behind=behind):
                yield row
        except BrokenChainError as error:
            raise self.bad(str(error)) from error

    def _stored(self) -> Iterator[tuple[int, int, int, bytes, bytes]]:
        for part in self._parts():
            if isinstance(part, Row):
                yield part.seq, part.now_ms, self.head.rules, part.body, part.chain
            elif isinstance(part, End):
                self.end = part
                return
        raise self.bad("has no end: it was not written whole")

    def _parts(self) -> Iterator[Head | Row | End]:
        try:
            with self._path.open("rb") as file:
                if file.read(len(MAGIC)) != MAGIC:
                    raise self.bad("is no recording; make one with `headroom sim record`")
                with GzipFile(fileobj=file, mode="rb") as parts:
                    for part in self._decoded(parts):
                        self.done = file.tell()
                        yield part
        except (EOFError, zlib.error, msgspec.MsgspecError) as error:
            raise self.bad(f"damaged: {' '.join(str(error).split())}") from error
        except OSError as error:
            raise self.bad(files.why(error)) from error

    def _decoded(self, parts: Any) -> Iterator[Head | Row | End]:
        while length := parts.read(_LENGTH_BYTES):
            count = int.from_bytes(length, "big")
            if count > PART_MAX:
                raise self.bad(f"damaged: a part of {count} bytes")
            yield _DECODER.decode(parts.read(count))

    def bad(self, what: str) -> RecordingError:
        """Return the error that says ``what`` is wrong with this file."""
        return RecordingError(f"recording {self._path}: {what}")
