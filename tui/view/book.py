"""One instrument's order book as the terminal shows it: price -> quantity per side.

The link below (`exchange.client`) keeps the book rule of protocol.md, "Public channels": it checks
numbering and checksum and passes on only frames that fit, a fresh snapshot after a gap. So this
just folds.
"""

from exchange.wire.frames import BookSnapshot, BookUpdate, LevelRow


class BookView:
    """Bids and asks of ``symbol``; empty before the first snapshot."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
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
        self.bids = {price: qty for price, qty, _ in snapshot.bids}
        self.asks = {price: qty for price, qty, _ in snapshot.asks}

    def apply(self, update: BookUpdate) -> None:
        """Take new quantities; 0 deletes a level."""
        _apply_levels(self.bids, update.bids)
        _apply_levels(self.asks, update.asks)


def _apply_levels(levels: dict[int, int], rows: list[LevelRow]) -> None:
    for price_ucr, qty, _ in rows:
        if qty:
            levels[price_ucr] = qty
        else:
            levels.pop(price_ucr, None)
