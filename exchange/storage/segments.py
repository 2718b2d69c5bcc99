"""Sealed segments: the journal's old rows in files of their own, beside ``journal.db``. Shell.

A segment is written under another name, synced, renamed and read back; it never changes after that.
Only then its rows leave the table. So at any moment each row is in a segment, in the table, or in
both, and a reader that takes the segments first and the table's rows behind them gets each once.
What is in a file is `exchange.journal.segment`. The choice is
docs/decisions/0122-old-rows-are-sealed.md.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from exchange.journal.chain import StoredRow
from exchange.journal.segment import (
    BEFORE_ALL,
    BLOCK_HEAD_BYTES,
    HEAD_BYTES,
    SUFFIX,
    BlockHead,
    Head,
    SegmentError,
    blocks,
    follows,
    name_of,
    read_block,
    read_block_head,
    read_head,
    rows_of_name,
    write_head,
)
from exchange.storage.snapshots import sync_dir

FOLDER: Final = "segments"
SEGMENT_ROWS: Final = 250_000
"""Rows of one segment."""
_DRAFT: Final = ".new"
_READ_BYTES: Final = 1 << 20


class SpoiltSegmentError(Exception):
    """A segment is missing, damaged or another journal's. ``str()`` is one line naming the file."""


class Segment(Struct, frozen=True):
    """A file and its head."""

    path: Path
    head: Head


def folder(data_dir: Path) -> Path:
    return data_dir / FOLDER


def listed(data_dir: Path) -> list[Segment]:
    """Return the segments in order, from row 1 on; only their heads are read.

    Raises `SpoiltSegmentError` where a file is missing, cut off, or no part of this journal.
    """
    found: list[Segment] = []
    last = BEFORE_ALL
    for path in paths(data_dir):
        head = _head(path)
        try:
            follows(last, head)
        except SegmentError as error:
            raise SpoiltSegmentError(f"{path}: {error}") from error
        found.append(Segment(path, head))
        last = head
    return found


def last_seq(found: Sequence[Segment]) -> int:
    """Return the last sealed row, 0 when nothing is sealed."""
    return found[-1].head.last_seq if found else 0


def last_seq_in(data_dir: Path) -> int:
    """Return the last sealed row of a data directory. Raises `SpoiltSegmentError`."""
    return last_seq(listed(data_dir))


def paths(data_dir: Path) -> list[Path]:
    """Return the files of segments; their names are in the order of their rows."""
    place = folder(data_dir)
    if not os.path.lexists(place):
        return []
    try:
        names = [name for name in os.listdir(place) if name.endswith(SUFFIX)]
    except OSError as error:
        raise SpoiltSegmentError(f"{place}: {error.strerror}") from error
    numbered: list[tuple[tuple[int, int], str]] = []
    for name in names:
        found = rows_of_name(name)
        if found is None:
            raise SpoiltSegmentError(f"{place / name}: is not named as a segment is")
        numbered.append((found, name))
    return [place / name for _, name in sorted(numbered)]


def _head(path: Path) -> Head:
    """Return what a file's head says; its length and its name must agree with it."""
    try:
        with path.open("rb") as file:
            head = read_head(file.read(HEAD_BYTES))
            size = os.fstat(file.fileno()).st_size
    except SegmentError as error:
        raise SpoiltSegmentError(f"{path}: {error}") from error
    except OSError as error:
        raise SpoiltSegmentError(f"{path}: {error.strerror}") from error
    if size != HEAD_BYTES + head.body_bytes:
        whole = HEAD_BYTES + head.body_bytes
        raise SpoiltSegmentError(f"{path}: has {size} bytes, it was written with {whole}")
    if path.name != name_of(head):
        raise SpoiltSegmentError(f"{path}: its head is that of {name_of(head)}")
    return head


def rows(segments: Sequence[Segment], behind: int = 0) -> Iterator[StoredRow]:
    """Yield the rows behind row ``behind``, oldest first; each block is checked before its rows.

    A segment that is read from its first row is checked against its own digest as well.
    """
    for segment in segments:
        if segment.head.last_seq <= behind:
            continue
        try:
            with segment.path.open("rb") as file:
                yield from _rows_of(file, segment.head, behind)
        except SegmentError as error:
            raise SpoiltSegmentError(f"{segment.path}: {error}") from error
        except OSError as error:
            raise SpoiltSegmentError(f"{segment.path}: {error.strerror}") from error


def _rows_of(file: IO[bytes], head: Head, behind: int) -> Iterator[StoredRow]:
    file.seek(HEAD_BYTES)
    digest = sha256()
    data = file.read(BLOCK_HEAD_BYTES)
    block = read_block_head(data, head.first_seq)
    while True:
        digest.update(data)
        last = block.first_seq + block.rows - 1
        if last > behind:
            body = file.read(block.packed_bytes)
        else:
            body = b""
            file.seek(block.packed_bytes, os.SEEK_CUR)
        digest.update(body)
        data, follower = _next_head(file, head, last)
        if last > behind:
            found = read_block(block, body, head.end if follower is None else follower.before)
            yield from found if block.first_seq > behind else found[behind + 1 - block.first_seq :]
        if follower is None:
            break
        block = follower
    if behind < head.first_seq and digest.digest() != head.body_digest:
        raise SegmentError("its digest does not agree with its contents")


def _next_head(file: IO[bytes], head: Head, last: int) -> tuple[bytes, BlockHead | None]:
    """Return the head of the block behind row ``last``, None when that was the last one."""
    if last == head.last_seq:
        return b"", None
    data = file.read(BLOCK_HEAD_BYTES)
    return data, read_block_head(data, last + 1)


def chain_of(segments: Sequence[Segment], seq: int) -> bytes | None:
    """Return the digest of row ``seq``, None when no segment holds it."""
    for segment in segments:
        if segment.head.last_seq == seq:
            return segment.head.end
        if segment.head.first_seq <= seq < segment.head.last_seq:
            return next(rows([segment], seq - 1))[4]
    return None


def check(segment: Segment) -> None:
    """Read all of a segment. Raises `SpoiltSegmentError`."""
    for _ in rows([segment]):
        pass


def write(data_dir: Path, first_seq: int, before: bytes, found: Iterable[StoredRow]) -> Segment:
    """Store ``found``, rows from ``first_seq`` on behind the digest ``before``, durably as a
    segment, and read it back.

    Raises `OSError` or `SpoiltSegmentError`; then no segment is there, at most a draft.
    """
    place = folder(data_dir)
    place.mkdir(mode=0o700, exist_ok=True)
    draft = place / f"{first_seq:012d}{_DRAFT}"
    with draft.open("wb") as file:
        head = _write(file, first_seq, before, found)
        file.flush()
        os.fsync(file.fileno())
    check(Segment(draft, head))
    path = place / name_of(head)
    os.replace(draft, path)
    sync_dir(place)
    sync_dir(data_dir)
    return Segment(path, head)


def _write(file: IO[bytes], first_seq: int, before: bytes, found: Iterable[StoredRow]) -> Head:
    file.write(b"\0" * HEAD_BYTES)
    digest, size = sha256(), 0
    last_seq, end = first_seq - 1, before

    def noted() -> Iterator[StoredRow]:
        nonlocal last_seq, end
        for row in found:
            last_seq, end = row[0], row[4]
            yield row

    for block in blocks(noted(), before):
        file.write(block)
        digest.update(block)
        size += len(block)
    head = Head(first_seq, last_seq, before, end, size, digest.digest())
    file.seek(0)
    file.write(write_head(head))
    return head


def drop_drafts(data_dir: Path) -> None:
    """Remove what a killed exchange left half written; the caller holds the directory's lock."""
    for draft in folder(data_dir).glob(f"*{_DRAFT}"):
        draft.unlink(missing_ok=True)
