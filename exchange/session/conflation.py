"""Updates that a slow reader has not been sent, merged until it catches up. Pure.

While a connection's outgoing queue is behind, the feed keeps here what it would send: for a book,
the state the reader has (one merged update leads from it to the present); for tickers and candles,
only the newest; for trades, where the gap begins. Account frames are never merged. Source:
protocol.md, "Public channels".
"""

from typing import Final, TypeAlias

from msgspec import Struct

from exchange.session.encoded import Encoded
from exchange.wire.frames import LevelRow

LATEST_MAX: Final = 4_096
"""How many tickers and candles are merged for one reader; more wait in its queue."""

Key: TypeAlias = tuple[str, str, int, int]
"""A newer frame replaces an older one of the same key: channel, symbol, interval_ms, open_ms."""


class Standing(Struct, frozen=True):
    """A reader's copy of a book: for each level that changed since ``seq``, what the reader has."""

    seq: int
    held: dict[int, LevelRow | None]


class Behind:
    """One slow reader. ``trades``: by symbol, the seq of the first trade it was not sent."""

    __slots__ = ("latest", "trades")

    def __init__(self) -> None:
        self.latest: dict[Key, Encoded] = {}
        self.trades: dict[str, int] = {}

    def keeps(self, key: Key, frame: Encoded) -> bool:
        """Keep ``frame`` instead of the last one of ``key``; False when there is no room."""
        if key not in self.latest and len(self.latest) >= LATEST_MAX:
            return False
        self.latest[key] = frame
        return True

    def forget(self, channel: str, symbol: str) -> None:
        """The reader unsubscribed; ``symbol`` "" means all of the channel."""
        for key in list(self.latest):
            if key[0] == channel and symbol in ("", key[1]):
                del self.latest[key]
        if channel == "trades":
            self.trades.pop(symbol, None)
