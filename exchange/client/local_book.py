"""The client's copy of a book, kept by the client's book rule. Pure.

Apply an update when its ``prev_seq`` is the book's ``seq``, ignore one that is not newer, and call
anything else a gap: subscribe again and get a snapshot. Source: protocol.md, "Public channels".
"""

from typing import Final, Literal, TypeAlias
from zlib import crc32

from exchange.wire.frames import BookSnapshot, BookUpdate, LevelRow

Outcome: TypeAlias = Literal["applied", "ignored", "gap"]

CHECKED_LEVELS: Final = 10


class LocalBook:
    """One symbol's book. ``bids`` and ``asks`` map price_ucr to its row; see `levels`.

    ``seq`` is None until the first snapshot. A checksum that does not agree counts as a gap.
    ``taken``: how many frames were applied.
    """

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.seq: int | None = None
        self.taken = 0
        self.bids: dict[int, LevelRow] = {}
        self.asks: dict[int, LevelRow] = {}

    def apply(self, frame: BookSnapshot | BookUpdate) -> Outcome:
        """Take in a frame of this symbol. After ``gap`` subscribe again; the book is stale."""
        if isinstance(frame, BookSnapshot):
            self.bids = {row[0]: row for row in frame.bids}
            self.asks = {row[0]: row for row in frame.asks}
        elif self.seq is None:
            return "gap"
        elif frame.seq <= self.seq:
            return "ignored"
        elif frame.prev_seq != self.seq:
            return self._lost()
        else:
            _change(self.bids, frame.bids)
            _change(self.asks, frame.asks)
        if self._checksum() != frame.checksum:
            return self._lost()
        self.seq = frame.seq
        self.taken += 1
        return "applied"

    def levels(self, side: Literal["buy", "sell"], depth: int = 0) -> list[LevelRow]:
        """Return (price_ucr, qty, orders) rows best first; ``depth`` 0 means all."""
        rows = self.bids if side == "buy" else self.asks
        prices = sorted(rows, reverse=side == "buy")
        return [rows[price] for price in (prices[:depth] if depth else prices)]

    def _lost(self) -> Outcome:
        self.seq = None
        return "gap"

    def _checksum(self) -> int:
        asks = [self.asks[price] for price in sorted(self.asks)[:CHECKED_LEVELS]]
        bids = [self.bids[price] for price in sorted(self.bids, reverse=True)[:CHECKED_LEVELS]]
        return crc32("".join([f"{price}{qty}" for price, qty, _ in asks + bids]).encode())


def _change(rows: dict[int, LevelRow], changes: list[LevelRow]) -> None:
    for row in changes:
        if row[1]:
            rows[row[0]] = row
        else:
            rows.pop(row[0], None)
