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
from exchange.conflation import Behind, Standing
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

    __slots__ = (
        "_asks",
        "_behind",
        "_bids",
        "_checksum",
        "_depth",
        "_seq",
        "_source",
        "_symbol",
        "joining",
        "sessions",
    )

    def __init__(self, source: BookSource, symbol: str, depth: int) -> None:
        self._source = source
        self._symbol = symbol
        self._depth = depth
        self.sessions: dict[int, Session] = {}
        self.joining: dict[int, Session] = {}
        self._behind: dict[int, Standing] = {}
        self._seq = source.seq
        self._bids = source.levels(symbol, "buy", depth)
        self._asks = source.levels(symbol, "sell", depth)
        self._checksum = checksum(self._bids, self._asks)

    @property
    def idle(self) -> bool:
        """Nobody listens any more."""
        return not (self.sessions or self.joining or self._behind)

    def snapshot(self, now_ms: int) -> BookSnapshot:
        check = self._checksum
        return BookSnapshot(self._symbol, self._seq, now_ms, self._bids, self._asks, check)

    def join(self) -> None:
        """Those who joined have their snapshot: they are told updates from now on."""
        self.sessions.update(self.joining)
        for number, session in self.joining.items():
            if session.behind is not None:
                self.fall_behind(number)
        self.joining.clear()

    def leave(self, number: int) -> None:
        for listeners in (self.sessions, self.joining, self._behind):
            listeners.pop(number, None)

    def fall_behind(self, number: int) -> None:
        """Remember where a slow reader stands; it is told no update until it catches up."""
        if self.sessions.pop(number, None) is not None:
            self._behind[number] = Standing(self._seq, self._bids, self._asks)

    def catch_up(self, session: Session, now_ms: int) -> BookUpdate | None:
        """Return one update from where the reader stands to here; None when it missed nothing."""
        stood = self._behind.pop(session.number, None)
        if stood is None:
            return None
        self.sessions[session.number] = session
        if stood.seq == self._seq:
            return None
        # Also when the levels are the same again: the next update's prev_seq is this one's seq.
        rows = difference(stood.bids, self._bids), difference(stood.asks, self._asks)
        return BookUpdate(self._symbol, stood.seq, self._seq, now_ms, *rows, self._checksum)

    def update(self, now_ms: int) -> BookUpdate | None:
        """Return what changed since the last frame, None when nothing at this depth did."""
        bids = self._source.levels(self._symbol, "buy", self._depth)
        asks = self._source.levels(self._symbol, "sell", self._depth)
        bid_rows, ask_rows = difference(self._bids, bids), difference(self._asks, asks)
        if not bid_rows and not ask_rows:
            return None
        prev_seq, self._seq = self._seq, self._source.seq
        self._bids, self._asks = bids, asks
        check = self._checksum = checksum(bids, asks)
        return BookUpdate(self._symbol, prev_seq, self._seq, now_ms, bid_rows, ask_rows, check)


def _books(session: Session) -> list[str]:
    return [symbol for channel, symbol in session.channels if channel == "book"]


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
        self._recovering: dict[int, Session] = {}
        self._flushed_seq = 0

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
        for stream in self._streams(symbol):
            stream.leave(session.number)

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

    # --- slow readers ---

    def fall_behind(self, session: Session) -> None:
        """Merge what the session would be told, until `catch_up`."""
        session.behind = Behind()
        for symbol in _books(session):
            for stream in self._streams(symbol):
                stream.fall_behind(session.number)

    def catch_up(self, session: Session) -> None:
        """The batch ends with what the session missed, and it is told everything again."""
        self._recovering[session.number] = session

    def _tell_missed(self, session: Session, now_ms: int) -> None:
        behind, session.behind = session.behind, None
        if behind is None or session.closing:
            return
        send = self._outbox.send
        for symbol in _books(session):
            for stream in self._streams(symbol):
                if update := stream.catch_up(session, now_ms):
                    send(session, update)
        for symbol, seq in behind.trades.items():
            recent = self._trades.get(symbol, ())
            missed = [trade for trade in recent if trade.seq >= seq]
            if len(missed) == TRADES_KEPT:  # Perhaps there were more: these replace what it had.
                missed_frames: list[Struct] = [TradesSnapshot(symbol, missed)]
            else:
                missed_frames = [*missed]
            for frame in missed_frames:
                send(session, frame)
        for encoded in behind.latest.values():
            self._outbox.put(session, encoded.by(session))

    def _streams(self, symbol: str) -> list[BookStream]:
        found = [self._books.get((symbol, depth)) for depth in (DEFAULT_DEPTH, ALL_LEVELS)]
        return [stream for stream in found if stream is not None]

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
        encoded = Encoded(trade)
        for session in self._trade_sessions.get(trade.symbol, {}).values():
            if session.behind is None:
                self._outbox.put(session, encoded.by(session))
            else:
                session.behind.trades.setdefault(trade.symbol, trade.seq)

    def instrument(self, update: InstrumentUpdate) -> None:
        self._outbox.broadcast(self._instrument_sessions.values(), update)

    def heartbeat(self, sessions: Iterable[Session], now_ms: int) -> None:
        """Tell listeners that the feed lives: a channel's silence is the market's, then."""
        self._outbox.broadcast(sessions, Heartbeat(now_ms, self._source.seq))
        self.tickers.tick(now_ms)
        self.candles.tick(now_ms)

    def flush(self, now_ms: int) -> None:
        """End the batch: one update per touched symbol and depth, then the reserved snapshots."""
        if self._source.seq != self._flushed_seq:
            # Only an accepted command can have changed a book; most batches are heartbeats.
            self._flushed_seq = self._source.seq
            self._update_touched(now_ms)
        if self._snapshots:
            self._fill_snapshots(now_ms)
        self.tickers.flush(now_ms)
        self.candles.flush()
        if self._recovering:
            for session in self._recovering.values():
                self._tell_missed(session, now_ms)
            self._recovering.clear()

    def _update_touched(self, now_ms: int) -> None:
        for symbol in self._source.symbols():
            if self._source.take_touched(symbol):
                self.tickers.touched(symbol)
                for depth in (DEFAULT_DEPTH, ALL_LEVELS):
                    self._update((symbol, depth), now_ms)

    def _fill_snapshots(self, now_ms: int) -> None:
        snapshots: dict[BookStream, Encoded] = {}
        for slot, stream in self._snapshots:
            if stream not in snapshots:
                snapshots[stream] = Encoded(stream.snapshot(now_ms))
            slot.fill(snapshots[stream].by(slot.session))
            stream.join()
        self._snapshots.clear()

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
        if stream.idle:
            del self._books[key]
            return
        if update := stream.update(now_ms):
            self._outbox.broadcast(stream.sessions.values(), update)
