"""Market data: book snapshots and numbered updates, trades, tickers, candles, instruments. Pure.

A book frame exists once per symbol, depth and batch, whoever listens: it is the difference between
what was published last and what the book shows now, so levels entering or leaving the depth need
no special case. Source: protocol.md, "Public channels".
"""

from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol
from zlib import crc32

import msgspec
from msgspec import Struct

from exchange.candles import Candles
from exchange.frames import (
    BookSnapshot,
    BookUpdate,
    Candle,
    Heartbeat,
    InstrumentsSnapshot,
    InstrumentUpdate,
    LevelRow,
    Trade,
    TradesSnapshot,
)
from exchange.outbox import Encoded, Outbox, Slot
from exchange.session import Session
from exchange.ticker import DayMemory, Tickers
from exchange.wire import Side

TRADES_KEPT: Final = 50
CHECKED_LEVELS: Final = 10
DEFAULT_DEPTH: Final = 25
ALL_LEVELS: Final = 0


class BookSource(Protocol):
    """The engine, as the feed sees it."""

    @property
    def seq(self) -> int: ...
    def levels(self, symbol: str, side: Side, depth: int) -> list[LevelRow]: ...
    def symbols(self) -> list[str]: ...
    def take_touched(self, symbol: str) -> dict[int, None]: ...
    def instruments(self) -> list[InstrumentUpdate]: ...


def checksum(bids: list[LevelRow], asks: list[LevelRow]) -> int:
    """Return the unsigned crc32 over the best 10 asks, then bids; both lists are best first."""
    rows = asks[:CHECKED_LEVELS] + bids[:CHECKED_LEVELS]
    return crc32("".join([f"{price}{qty}" for price, qty, _ in rows]).encode())


def difference(old: list[LevelRow], new: list[LevelRow]) -> list[LevelRow]:
    """Return the rows that turn ``old`` into ``new``: changed or entered, then left (qty 0)."""
    if old == new:
        return []
    before = {row[0]: row for row in old}
    rows = [row for row in new if before.pop(row[0], None) != row]
    rows.extend((price, 0, 0) for price in before)
    return rows


class BookStream:
    """One symbol at one depth: what its subscribers hold, and who they are."""

    __slots__ = ("_asks", "_bids", "_depth", "_seq", "_source", "_symbol", "joining", "sessions")

    def __init__(self, source: BookSource, symbol: str, depth: int) -> None:
        self._source = source
        self._symbol = symbol
        self._depth = depth
        self.sessions: dict[int, Session] = {}
        self.joining: dict[int, Session] = {}
        self._seq = source.seq
        self._bids = source.levels(symbol, "buy", depth)
        self._asks = source.levels(symbol, "sell", depth)

    def snapshot(self, now_ms: int) -> BookSnapshot:
        check = checksum(self._bids, self._asks)
        return BookSnapshot(self._symbol, self._seq, now_ms, self._bids, self._asks, check)

    def update(self, now_ms: int) -> BookUpdate | None:
        """Return what changed since the last frame, None when nothing at this depth did."""
        bids = self._source.levels(self._symbol, "buy", self._depth)
        asks = self._source.levels(self._symbol, "sell", self._depth)
        bid_rows, ask_rows = difference(self._bids, bids), difference(self._asks, asks)
        if not bid_rows and not ask_rows:
            return None
        prev_seq, self._seq = self._seq, self._source.seq
        self._bids, self._asks = bids, asks
        check = checksum(bids, asks)
        return BookUpdate(self._symbol, prev_seq, self._seq, now_ms, bid_rows, ask_rows, check)


class Memory(Struct):
    """What `Feed.memory` keeps of the public channels."""

    trades: list[Trade]
    days: list[DayMemory]
    candles: list[Candle]


_MEMORIES: Final = msgspec.msgpack.Decoder(Memory)


class Feed:
    """All public channels; `flush` makes the batch's book frames."""

    def __init__(self, source: BookSource, outbox: Outbox) -> None:
        self._source = source
        self._outbox = outbox
        self.tickers = Tickers(source, outbox)
        self.candles = Candles(outbox)
        self._books: dict[tuple[str, int], BookStream] = {}
        self._snapshots: list[tuple[Slot, BookStream]] = []
        self._trades: dict[str, deque[Trade]] = {}
        self._trade_sessions: dict[str, dict[int, Session]] = {}
        self._instrument_sessions: dict[int, Session] = {}

    # --- subscriptions; the snapshot is the first frame after the ack ---

    def join_book(self, session: Session, symbol: str, depth: int) -> None:
        """Subscribe, or subscribe again after a gap: a fresh snapshot either way."""
        self.leave_book(session, symbol)
        stream = self._books.get((symbol, depth))
        if stream is None:
            stream = self._books[symbol, depth] = BookStream(self._source, symbol, depth)
        stream.joining[session.number] = session
        # Made by `flush`, so that it agrees with the update the others get for this batch.
        self._snapshots.append((self._outbox.reserve(session), stream))

    def leave_book(self, session: Session, symbol: str) -> None:
        for depth in (DEFAULT_DEPTH, ALL_LEVELS):
            if stream := self._books.get((symbol, depth)):
                stream.sessions.pop(session.number, None)
                stream.joining.pop(session.number, None)

    def join_trades(self, session: Session, symbol: str) -> None:
        recent = list(self._trades.get(symbol, ()))
        self._outbox.send(session, TradesSnapshot(symbol, recent))
        self._trade_sessions.setdefault(symbol, {})[session.number] = session

    def leave_trades(self, session: Session, symbol: str) -> None:
        self._trade_sessions.get(symbol, {}).pop(session.number, None)

    def join_instruments(self, session: Session) -> None:
        self._outbox.send(session, InstrumentsSnapshot(self._source.instruments()))
        self._instrument_sessions[session.number] = session

    def leave_instruments(self, session: Session) -> None:
        self._instrument_sessions.pop(session.number, None)

    # --- what happens ---

    def remember(self, trade: Trade) -> None:
        """Keep ``trade`` for later snapshots; replay at the start goes through here too."""
        recent = self._trades.get(trade.symbol)
        if recent is None:
            self._forget()
            recent = self._trades[trade.symbol] = deque(maxlen=TRADES_KEPT)
        recent.append(trade)
        self.tickers.trade(trade)
        self.candles.trade(trade)

    def trade(self, trade: Trade) -> None:
        self.remember(trade)
        if sessions := self._trade_sessions.get(trade.symbol):
            self._outbox.broadcast(sessions.values(), trade)

    def instrument(self, update: InstrumentUpdate) -> None:
        self._outbox.broadcast(self._instrument_sessions.values(), update)

    def heartbeat(self, sessions: Iterable[Session], now_ms: int) -> None:
        """Tell listeners that the feed lives: a channel's silence is the market's, then."""
        self._outbox.broadcast(sessions, Heartbeat(now_ms, self._source.seq))
        self.tickers.tick(now_ms)
        self.candles.tick(now_ms)

    def flush(self, now_ms: int) -> None:
        """End the batch: one update per touched symbol and depth, then the reserved snapshots."""
        for symbol in self._source.symbols():
            if self._source.take_touched(symbol):
                self.tickers.touched(symbol)
                for depth in (DEFAULT_DEPTH, ALL_LEVELS):
                    self._update((symbol, depth), now_ms)
        snapshots: dict[BookStream, Encoded] = {}
        for slot, stream in self._snapshots:
            if stream not in snapshots:
                snapshots[stream] = Encoded(stream.snapshot(now_ms))
            slot.fill(snapshots[stream].by(slot.session))
            stream.sessions.update(stream.joining)
            stream.joining.clear()
        self._snapshots.clear()
        self.tickers.flush(now_ms)
        self.candles.flush()

    def memory(self) -> bytes:
        """Return what a start could not know without replaying every trade: for a snapshot."""
        trades = [trade for recent in self._trades.values() for trade in recent]
        memory = Memory(trades, self.tickers.memory(), self.candles.memory())
        return msgspec.msgpack.encode(memory)

    def recall(self, data: bytes) -> None:
        """Take over what `memory` returned; before the first trade."""
        memory = _MEMORIES.decode(data)
        for trade in memory.trades:
            self._trades.setdefault(trade.symbol, deque(maxlen=TRADES_KEPT)).append(trade)
        self.tickers.recall(memory.days)
        self.candles.recall(memory.candles)

    def _forget(self) -> None:
        """A symbol trades for the first time: drop what windows of the past left behind."""
        live = dict.fromkeys(self._source.symbols())
        for symbol in [name for name in self._trades if name not in live]:
            del self._trades[symbol]
        self.tickers.forget(live)
        self.candles.forget(live)

    def _update(self, key: tuple[str, int], now_ms: int) -> None:
        stream = self._books.get(key)
        if stream is None:
            return
        if not stream.sessions and not stream.joining:
            del self._books[key]
            return
        if update := stream.update(now_ms):
            self._outbox.broadcast(stream.sessions.values(), update)
