"""A sealed part of the journal as one file: a head, then blocks of compressed rows. Pure.

The head names the first and the last row, the digest of the row before them and that of the last,
and the SHA-256 of all blocks; it ends in its own. So a segment can be checked by itself, and two
of them can be put in order. Rows leave out their digests, which follow from the one before: they
are made again when a block is read, and compared with that of the next block.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import pairwise
from struct import Struct as Layout
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from exchange.journal.chain import ORIGIN, StoredRow, link

SUFFIX: Final = ".seg"
BLOCK_ROWS: Final = 4_096
"""What is read at least, to find one row."""
BLOCK_BYTES: Final = 1 << 20
"""Rows that are longer fill a block sooner."""
RAW_BYTES_MAX: Final = 64 << 20
"""A block that claims to be larger is damaged."""

_MAGIC: Final = b"headroom-segment-1\n"
_HEAD: Final = Layout(f">{len(_MAGIC)}sqq32s32sq32s")
_BLOCK: Final = Layout(">qiii32s")
_DIGEST_BYTES: Final = 32
HEAD_BYTES: Final = _HEAD.size + _DIGEST_BYTES
BLOCK_HEAD_BYTES: Final = _BLOCK.size
_LEVEL: Final = 6
_NAMED: Final = 16
_NAME: Final = re.compile(r"(\d{12,19})-(\d{12,19})-([0-9a-f]{16})\.seg")

_Raw: TypeAlias = tuple[list[int], list[int], list[bytes]]
"""Of each row: ms since the one before, rules, body."""
_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(_Raw)


class SegmentError(Exception):
    """A segment is not what was written. ``str()`` says what is wrong with it."""


class Head(Struct, frozen=True):
    """What a segment says of itself."""

    first_seq: int
    last_seq: int
    before: bytes
    """Digest of the row before the first."""
    end: bytes
    """Digest of the last row."""
    body_bytes: int
    body_digest: bytes


class BlockHead(Struct, frozen=True):
    """What stands before a block; ``before``: the digest of the row before its first."""

    first_seq: int
    rows: int
    raw_bytes: int
    packed_bytes: int
    before: bytes


BEFORE_ALL: Final = Head(0, 0, ORIGIN, ORIGIN, 0, b"")
"""What the first segment comes behind."""


def name_of(head: Head) -> str:
    """Return the name of a segment's file: its rows, and how its last digest begins."""
    return f"{head.first_seq:012d}-{head.last_seq:012d}-{head.end.hex()[:_NAMED]}{SUFFIX}"


def rows_of_name(name: str) -> tuple[int, int] | None:
    """Return the first and the last row that a name tells, None when it is no segment's."""
    found = _NAME.fullmatch(name)
    return None if found is None else (int(found[1]), int(found[2]))


def write_head(head: Head) -> bytes:
    rows = head.first_seq, head.last_seq
    told = _HEAD.pack(_MAGIC, *rows, head.before, head.end, head.body_bytes, head.body_digest)
    return told + sha256(told).digest()


def read_head(data: bytes) -> Head:
    """Return the head that ``data`` begins with, or raise `SegmentError`."""
    told, digest = data[: _HEAD.size], data[_HEAD.size : HEAD_BYTES]
    if not told.startswith(_MAGIC):
        raise SegmentError("is no segment of a journal")
    if sha256(told).digest() != digest:
        raise SegmentError("its head is damaged")
    return Head(*_HEAD.unpack(told)[1:])


def follows(last: Head, head: Head) -> None:
    """Raise `SegmentError` unless ``head`` goes on where ``last`` ended."""
    if head.first_seq > last.last_seq + 1:
        missing = f"{last.last_seq + 1} to {head.first_seq - 1}"
        raise SegmentError(f"begins with row {head.first_seq}, but rows {missing} are missing")
    if head.first_seq <= last.last_seq:
        raise SegmentError(f"begins with row {head.first_seq}, which another segment has too")
    if head.before != last.end:
        raise SegmentError("belongs to another journal: its rows do not follow those before it")


def blocks(rows: Iterable[StoredRow], before: bytes) -> Iterator[bytes]:
    """Yield ``rows``, which come behind the digest ``before``, as blocks."""
    waiting: list[StoredRow] = []
    size = 0
    for row in rows:
        waiting.append(row)
        size += len(row[3])
        if len(waiting) >= BLOCK_ROWS or size >= BLOCK_BYTES:
            yield packed(waiting, before)
            before, waiting, size = row[4], [], 0
    if waiting:
        yield packed(waiting, before)


def packed(rows: list[StoredRow], before: bytes) -> bytes:
    """Return one block."""
    times = [row[1] for row in rows]
    steps = [times[0], *(now - then for then, now in pairwise(times))]
    raw = _encode((steps, [row[2] for row in rows], [row[3] for row in rows]))
    body = zlib.compress(raw, _LEVEL)
    return _BLOCK.pack(rows[0][0], len(rows), len(raw), len(body), before) + body


def read_block_head(data: bytes, expected: int) -> BlockHead:
    """Return what stands before the block that begins with row ``expected``."""
    if len(data) != BLOCK_HEAD_BYTES:
        raise SegmentError(f"ends before row {expected}")
    head = BlockHead(*_BLOCK.unpack(data))
    sound = head.first_seq == expected and head.rows > 0 and head.packed_bytes > 0
    if not sound or not 0 < head.raw_bytes <= RAW_BYTES_MAX:
        raise SegmentError(f"damaged at row {expected}")
    return head


def read_block(head: BlockHead, body: bytes, end: bytes) -> list[StoredRow]:
    """Return the rows of a block, of which ``end`` is the last digest, or raise `SegmentError`."""
    first, last = head.first_seq, head.first_seq + head.rows - 1
    fault = SegmentError(f"damaged: rows {first} to {last} are not what was written")
    try:
        steps, rules, bodies = _decoder.decode(_unpacked(head, body))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise fault from error
    if not len(steps) == len(rules) == len(bodies) == head.rows:
        raise fault
    try:
        found = list(_chained(head, steps, rules, bodies))
    except struct.error as error:  # a number that no row has
        raise fault from error
    if found[-1][4] != end:
        raise fault
    return found


def _chained(
    head: BlockHead, steps: list[int], rules: list[int], bodies: list[bytes]
) -> Iterator[StoredRow]:
    now_ms, chain = 0, head.before
    for seq, (step, rule, body) in enumerate(
        zip(steps, rules, bodies, strict=True), head.first_seq
    ):
        now_ms += step
        chain = link(chain, seq, now_ms, rule, body)
        yield seq, now_ms, rule, body, chain


def _unpacked(head: BlockHead, body: bytes) -> bytes:
    """Return a block's bytes; never more than its head told, whatever it grows to."""
    reading = zlib.decompressobj()
    raw = reading.decompress(body, head.raw_bytes)
    whole = reading.eof and not reading.unused_data and len(body) == head.packed_bytes
    if len(raw) != head.raw_bytes or not whole:
        raise zlib.error("another length")
    return raw
