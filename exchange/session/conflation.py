"""What a slow reader has not been sent, merged until it catches up. Pure.

While a connection's outgoing queue is behind, the feed keeps what it would send here: of a book
where the reader stands (one merged update leads from there to the present), of tickers and candles
only the newest, of trades where the gap begins. Frames of the account are never here.
Source: protocol.md, "Public channels".
"""

from typing import Final, TypeAlias

from msgspec import Struct

from exchange.session.encoded import Encoded
from exchange.wire.frames import LevelRow

LATEST_MAX: Final = 4_096
"""Different tickers and candles merged for one reader; what is beyond waits in its queue."""

Key: TypeAlias = tuple[str, str, int, int]
"""What a newer frame replaces: channel, symbol, interval_ms, open_ms."""


class Standing(Struct, frozen=True):
    """Where a reader stands in a book: of each level that changed since ``seq``, what it holds."""

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
