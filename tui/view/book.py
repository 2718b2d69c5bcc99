"""One instrument's order book as the terminal knows it: the client's book rule of protocol.md.

Levels are kept as price -> quantity per side. Anything that cannot be right (a gap in the
numbering, a checksum that disagrees) makes the book wait for a fresh snapshot, never guess.
"""

from typing import Literal, TypeAlias
from zlib import crc32

from exchange.frames import BookSnapshot, BookUpdate, LevelRow

CHECKSUM_LEVELS = 10

Outcome: TypeAlias = Literal["changed", "ignored", "gap"]


class BookView:
    """Bids and asks of ``symbol``. ``seq`` 0: no snapshot yet."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.seq = 0
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}

    @property
    def best_bid_ucr(self) -> int | None:
        return max(self.bids, default=None)

    @property
    def best_ask_ucr(self) -> int | None:
        return min(self.asks, default=None)

    def reset(self, snapshot: BookSnapshot) -> None:
        """Take ``snapshot`` as the whole truth."""
        self.seq = snapshot.seq
        self.bids = {price: qty for price, qty, _ in snapshot.bids}
        self.asks = {price: qty for price, qty, _ in snapshot.asks}

    def apply(self, update: BookUpdate) -> Outcome:
        """Apply ``update``, or say "gap": then only a new snapshot helps."""
        if update.seq <= self.seq:
            return "ignored"
        if update.prev_seq != self.seq:
            return "gap"
        _apply_levels(self.bids, update.bids)
        _apply_levels(self.asks, update.asks)
        self.seq = update.seq
        return "changed" if update.checksum == checksum(self.bids, self.asks) else "gap"


def checksum(bids: dict[int, int], asks: dict[int, int]) -> int:
    """Return the crc32 of protocol.md: best ten asks low to high, then bids high to low."""
    best_asks = sorted(asks)[:CHECKSUM_LEVELS]
    best_bids = sorted(bids, reverse=True)[:CHECKSUM_LEVELS]
    text = "".join(f"{p}{asks[p]}" for p in best_asks) + "".join(f"{p}{bids[p]}" for p in best_bids)
    return crc32(text.encode("ascii"))


def _apply_levels(levels: dict[int, int], rows: list[LevelRow]) -> None:
    for price_ucr, qty, _ in rows:
        if qty:
            levels[price_ucr] = qty
        else:
            levels.pop(price_ucr, None)
