"""The bytes of a sealed segment: what went in comes out, and any change is noticed. Pure."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.journal import segment
from exchange.journal.chain import ORIGIN, RULES_VERSION, StoredRow, sealed
from exchange.journal.rows import JournalRow
from exchange.journal.segment import (
    BEFORE_ALL,
    BLOCK_HEAD_BYTES,
    HEAD_BYTES,
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

ROWS = sealed(ORIGIN, [JournalRow(seq, 1_000 + seq, b"body-%d" % seq) for seq in range(1, 30)])
HEAD = Head(1, 29, ORIGIN, ROWS[-1][4], 77, b"d" * 32)


def opened(block: bytes, first_seq: int, end: bytes) -> list[StoredRow]:
    head = read_block_head(block[:BLOCK_HEAD_BYTES], first_seq)
    assert len(block) == BLOCK_HEAD_BYTES + head.packed_bytes
    return read_block(head, block[BLOCK_HEAD_BYTES:], end)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2**50), st.binary(max_size=200)), min_size=1))
def test_rows_come_out_as_they_went_in(told: list[tuple[int, bytes]]) -> None:
    rows = sealed(ORIGIN, [JournalRow(n, *each) for n, each in enumerate(told, 1)])
    [block] = blocks(rows, ORIGIN)
    assert opened(block, 1, rows[-1][4]) == rows


def test_rows_of_other_rules_keep_theirs() -> None:
    [block] = blocks(ROWS, ORIGIN)
    assert {row[2] for row in opened(block, 1, ROWS[-1][4])} == {RULES_VERSION}


def test_many_rows_or_long_ones_begin_another_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "BLOCK_ROWS", 10)
    found = list(blocks(ROWS, ORIGIN))
    assert len(found) == 3
    assert opened(found[1], 11, ROWS[19][4]) == ROWS[10:20]
    monkeypatch.setattr(segment, "BLOCK_BYTES", 20)
    assert len(list(blocks(ROWS, ORIGIN))) > 3


def test_every_changed_byte_of_a_block_is_noticed() -> None:
    [block] = blocks(ROWS, ORIGIN)
    for at in range(len(block)):
        other = bytearray(block)
        other[at] ^= 1
        with pytest.raises(SegmentError):
            opened_whole(bytes(other))


def opened_whole(block: bytes) -> list[StoredRow]:
    """As a reader does: the length that the head tells is what it reads."""
    head = read_block_head(block[:BLOCK_HEAD_BYTES], 1)
    body = block[BLOCK_HEAD_BYTES:][: head.packed_bytes]
    return read_block(head, body, ROWS[-1][4])


def test_every_changed_byte_of_a_head_is_noticed() -> None:
    data = write_head(HEAD)
    assert len(data) == HEAD_BYTES
    assert read_head(data + b"more") == HEAD
    for at in range(HEAD_BYTES):
        other = bytearray(data)
        other[at] ^= 1
        with pytest.raises(SegmentError):
            read_head(bytes(other))
        with pytest.raises(SegmentError):
            read_head(data[:at])


def test_a_block_that_grows_beyond_what_it_tells_is_refused() -> None:
    [block] = blocks(sealed(ORIGIN, [JournalRow(1, 1, b"0" * 900_000)]), ORIGIN)
    head = read_block_head(block[:BLOCK_HEAD_BYTES], 1)
    small = segment.BlockHead(1, 1, 1_000, head.packed_bytes, ORIGIN)
    with pytest.raises(SegmentError, match="rows 1 to 1 are not what was written"):
        read_block(small, block[BLOCK_HEAD_BYTES:], ROWS[0][4])


def test_a_name_tells_the_rows() -> None:
    assert name_of(HEAD) == f"000000000001-000000000029-{HEAD.end.hex()[:16]}.seg"
    assert rows_of_name(name_of(HEAD)) == (1, 29)
    assert rows_of_name("0-1-x.seg") is None


@pytest.mark.parametrize(
    ("first_seq", "before", "said"),
    [
        (30, HEAD.end, None),
        (31, HEAD.end, "begins with row 31, but rows 30 to 30 are missing"),
        (29, HEAD.end, "begins with row 29, which another segment has too"),
        (1, ORIGIN, "begins with row 1, which another segment has too"),
        (30, ORIGIN, "belongs to another journal"),
    ],
)
def test_what_may_follow(first_seq: int, before: bytes, said: str | None) -> None:
    follows(BEFORE_ALL, HEAD)
    follower = Head(first_seq, 99, before, b"e" * 32, 1, b"d" * 32)
    if said is None:
        return follows(HEAD, follower)
    with pytest.raises(SegmentError, match=said):
        follows(HEAD, follower)
    return None
