"""The journal's hash chain: each row's digest covers every column and the row before it. Pure."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from struct import Struct
from typing import Final, TypeAlias

from exchange.journal.rows import JournalRow

RULES_VERSION: Final = 1
"""Release of the engine's rules that a row was made under (rules.md 7.4)."""

ORIGIN: Final = sha256(b"headroom-journal-v1").digest()
"""What the first row is chained to."""

StoredRow: TypeAlias = tuple[int, int, int, bytes, bytes]
"""seq, now_ms, rules, body, chain: the columns of table ``journal``."""

_NUMBERS: Final = Struct(">qqq")


class BrokenChainError(Exception):
    """A row is not what was written, or rows are missing. ``str()`` names the seq."""

    def __init__(self, seq: int, what: str) -> None:
        super().__init__(f"journal row {seq}: {what}")
        self.seq = seq
        self.what = what


def link(previous: bytes, seq: int, now_ms: int, rules: int, body: bytes) -> bytes:
    """Return the digest of one row behind ``previous``."""
    return sha256(previous + _NUMBERS.pack(seq, now_ms, rules) + body).digest()


def sealed(previous: bytes, rows: Iterable[JournalRow]) -> list[StoredRow]:
    """Return ``rows`` as they are stored, chained behind ``previous``."""
    stored = []
    for row in rows:
        previous = link(previous, row.seq, row.now_ms, RULES_VERSION, row.body)
        stored.append((row.seq, row.now_ms, RULES_VERSION, row.body, previous))
    return stored


def checked(
    stored: Iterable[StoredRow], restored_seq: int = 0, behind: tuple[int, bytes] = (0, ORIGIN)
) -> Iterator[tuple[JournalRow, bytes]]:
    """Yield each row with its digest, from seq 1 on, or raise `BrokenChainError`.

    ``behind``: begin behind this row, whose digest this is.
    Rows up to ``restored_seq`` may be of other rules: a snapshot stands for them. A cut-off tail
    cannot be seen here: it is a valid, earlier journal.
    """
    last_seq, previous = behind
    for expected, (seq, now_ms, rules, body, chain) in enumerate(stored, last_seq + 1):
        if seq != expected:
            raise BrokenChainError(expected, f"is missing; the next row is {seq}")
        if rules != RULES_VERSION and seq > restored_seq:
            raise BrokenChainError(seq, f"made under rules {rules}, this release has others")
        previous = link(previous, seq, now_ms, rules, body)
        if previous != chain:
            raise BrokenChainError(seq, "its hash does not agree with its contents")
        yield JournalRow(seq, now_ms, body), chain
