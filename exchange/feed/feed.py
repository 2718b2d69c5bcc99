"""Market data: sends books, trades, tickers, candles and instruments to their subscribers. Pure.

Source: protocol.md, "Public channels".
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from exchange.feed.book_stream import ALL_LEVELS, DEFAULT_DEPTH, BookSource, BookStream
from exchange.feed.candles import Candles
from exchange.feed.ticker import DayMemory, Tickers
from exchange.model.commands import Forgotten, Out
from exchange.session.conflation import Behind
from exchange.session.encoded import Encoded
from exchange.session.group import Group
from exchange.session.outbox import Outbox, Slot
from exchange.session.session import Session
from exchange.wire.frames import (
    Candle,
    Heartbeat,
    InstrumentsSnapshot,
    InstrumentUpdate,
    Trade,
    TradesSnapshot,
)
from exchange.wire.paging import head

TRADES_KEPT: Final = 50
DEPTHS: Final = (DEFAULT_DEPTH, ALL_LEVELS)


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
        self._left: dict[str, None] = {}
        """Symbols whose streams may have no subscriber left: one unsubscribed in this batch."""
        self._snapshots: list[tuple[Slot, BookStream]] = []
        self._trades: dict[str, deque[Trade]] = {}
        self._trade_groups: dict[str, Group] = {}
        self._instruments = Group(("instruments", "", 0))
        self._recovering: dict[int, Session] = {}
        self._flushed_seq = 0

    # --- subscriptions; the snapshot is the first frame after the ack ---

    def join_book(self, session: Session, symbol: str, depth: int) -> None:
        """Subscribe, or subscribe again after a gap: a fresh snapshot either way."""
        self.leave_book(session, symbol)
        stream = self._books.get((symbol, depth))
        if stream is None:
            stream = BookStream(self._source, self._outbox, symbol, depth)
            self._books[symbol, depth] = stream
        stream.joining[session.number] = session
        # `flush` makes it, so that it agrees with the update that others get for this batch.
        self._snapshots.append((self._outbox.reserve(session), stream))

    def leave_book(self, session: Session, symbol: str) -> None:
        for stream in self._streams(symbol):
            stream.leave(session)
            self._left[symbol] = None

    def join_trades(self, session: Session, symbol: str) -> None:
        recent = list(self._trades.get(symbol, ()))
        self._outbox.send(session, TradesSnapshot(symbol, recent))
        group = self._trade_groups.get(symbol)
        if group is None:
            group = self._trade_groups[symbol] = Group(("trades", symbol, 0), merges=True)
        self._outbox.join(group, session)

    def leave_trades(self, session: Session, symbol: str) -> None:
        group = self._trade_groups.get(symbol)
        if group is not None:
            self._outbox.leave(group, session)
            if group.empty:
                del self._trade_groups[symbol]

    def join_instruments(self, session: Session) -> None:
        rows = self._source.instruments()
        held = head(rows)
        self._outbox.send(session, InstrumentsSnapshot(rows[:held], len(rows) - held or None))
        for row in rows[held:]:
            self._outbox.send(session, row)
        self._outbox.join(self._instruments, session)

    def leave_instruments(self, session: Session) -> None:
        self._outbox.leave(self._instruments, session)

    # --- slow readers ---

    def fall_behind(self, session: Session) -> None:
        """Merge the session's updates instead of sending them, until `catch_up`."""
        session.behind = Behind()
        for symbol in _books(session):
            for stream in self._streams(symbol):
                stream.fall_behind(session)
        for group in self._merging(session):
            self._outbox.change(group, session)

    def catch_up(self, session: Session) -> None:
        """Send the merged updates at the end of this batch; from then on the session is sent
        everything."""
        self._recovering[session.number] = session

    def _send_missed(self, session: Session, now_ms: int) -> None:
        behind, session.behind = session.behind, None
        for group in self._merging(session):
            self._outbox.change(group, session)
        if behind is None or session.closing:
            return
        send = self._outbox.send
        for symbol in _books(session):
            for stream in self._streams(symbol):
                for update in stream.catch_up(session, now_ms):
                    send(session, update)
        for symbol, seq in behind.trades.items():
            recent = self._trades.get(symbol, ())
            missed = [trade for trade in recent if trade.seq >= seq]
            if len(missed) == TRADES_KEPT:  # There may have been more: send them all anew.
                missed_frames: list[Struct] = [TradesSnapshot(symbol, missed)]
            else:
                missed_frames = [*missed]
            for frame in missed_frames:
                send(session, frame)
        for encoded in behind.latest.values():
            self._outbox.put(session, encoded.by(session.codec))

    def _merging(self, session: Session) -> Iterator[Group]:
        """Yield the groups that the session is in only while it keeps up, but for its books."""
        for channel, symbol in session.channels:
            if channel == "trades" and symbol in self._trade_groups:
                yield self._trade_groups[symbol]
            elif channel == "ticker":
                yield from self.tickers.named(symbol)
            elif channel == "candles":
                yield from self.candles.groups(symbol)

    def _streams(self, symbol: str) -> list[BookStream]:
        found = [self._books.get((symbol, depth)) for depth in DEPTHS]
        return [stream for stream in found if stream is not None]

    # --- what happens ---

    def replayed(self, outs: list[Out], now_ms: int) -> None:
        """Apply the effects of a replayed command at the start, while nobody subscribes."""
        for _, message in outs:
            if type(message) is Trade:
                self.remember(message)
            elif type(message) is Forgotten:
                self.forget(message.symbol, now_ms)

    def remember(self, trade: Trade) -> None:
        """Keep ``trade`` for later snapshots."""
        recent = self._trades.get(trade.symbol)
        if recent is None:
            recent = self._trades[trade.symbol] = deque(maxlen=TRADES_KEPT)
        recent.append(trade)
        self.tickers.trade(trade)
        self.candles.trade(trade)

    def trade(self, trade: Trade) -> None:
        self.remember(trade)
        group = self._trade_groups.get(trade.symbol)
        if group is not None:
            self._outbox.post(group, Encoded(trade))
            for session in group.behind.values():
                assert session.behind is not None, "who catches up leaves these"
                session.behind.trades.setdefault(trade.symbol, trade.seq)

    def instrument(self, update: InstrumentUpdate) -> None:
        self._outbox.broadcast(self._instruments, update)

    def heartbeat(self, group: Group, now_ms: int) -> None:
        """Send heartbeats: they show that a silent channel means a silent market."""
        self._outbox.broadcast(group, Heartbeat(now_ms, self._source.seq))
        self.tickers.tick(now_ms)
        self.candles.tick(now_ms)

    def flush(self, now_ms: int) -> None:
        """End the batch: one update per touched symbol and depth, then the reserved snapshots."""
        if self._source.seq != self._flushed_seq:
            # Only an accepted command can change a book; most batches hold heartbeats only.
            self._flushed_seq = self._source.seq
            self._update_touched(now_ms)
        if self._snapshots:
            self._fill_snapshots(now_ms)
        if self._left:
            self._drop_idle()
        self.tickers.flush(now_ms)
        self.candles.flush()
        if self._recovering:
            for session in self._recovering.values():
                self._send_missed(session, now_ms)
            self._recovering.clear()

    def _update_touched(self, now_ms: int) -> None:
        for symbol in self._source.symbols():
            if touched := self._source.take_touched(symbol):
                self.tickers.touched(symbol)
                for depth in DEPTHS:
                    self._update((symbol, depth), touched, now_ms)

    def _drop_idle(self) -> None:
        for symbol in self._left:
            for depth in DEPTHS:
                stream = self._books.get((symbol, depth))
                if stream is not None and stream.idle:
                    del self._books[symbol, depth]
        self._left.clear()

    def _fill_snapshots(self, now_ms: int) -> None:
        snapshots: dict[BookStream, list[Encoded]] = {}
        for slot, stream in reversed(self._snapshots):  # filling one moves those after it
            if stream not in snapshots:
                snapshots[stream] = [Encoded(part) for part in stream.snapshot(now_ms)]
            slot.fill([part.by(slot.session.codec) for part in snapshots[stream]])
            stream.join()
        self._snapshots.clear()

    def memory(self) -> bytes:
        """Return, for a snapshot, what could otherwise only be had by replaying every trade."""
        trades = [trade for recent in self._trades.values() for trade in recent]
        memory = Memory(trades, self.tickers.memory(), self.candles.memory())
        return msgspec.msgpack.encode(memory)

    def recall(self, data: bytes) -> None:
        """Restore what `memory` returned; must be called before the first trade."""
        memory, live = _MEMORIES.decode(data), dict.fromkeys(self._source.symbols())
        # A snapshot of an earlier release may name symbols that are gone.
        for trade in memory.trades:
            if trade.symbol in live:
                self._trades.setdefault(trade.symbol, deque(maxlen=TRADES_KEPT)).append(trade)
        self.tickers.recall([day for day in memory.days if day.symbol in live])
        self.candles.recall([candle for candle in memory.candles if candle.symbol in live])

    def listeners(self, symbol: str) -> list[int]:
        """Return the sessions that listen to ``symbol`` itself, on any channel."""
        trades = self._trade_groups.get(symbol)
        found = dict.fromkeys([] if trades is None else trades.numbers())
        for stream in self._streams(symbol):
            found |= dict.fromkeys(stream.listeners())
        found |= dict.fromkeys(self.tickers.listeners(symbol))
        found |= dict.fromkeys(self.candles.listeners(symbol))
        return list(found)

    def forget(self, symbol: str, now_ms: int) -> None:
        """The instrument is gone and has no subscribers: forget it."""
        waiting, self._snapshots = self._snapshots, []
        for slot, stream in waiting:
            if stream.symbol == symbol:  # subscribed in this batch: the book ended empty
                slot.fill([Encoded(stream.ended(now_ms)).by(slot.session.codec)])
            else:
                self._snapshots.append((slot, stream))
        for depth in DEPTHS:
            self._books.pop((symbol, depth), None)
        self._trades.pop(symbol, None)
        self.tickers.forget(symbol)
        self.candles.forget(symbol)

    def _update(self, key: tuple[str, int], touched: dict[int, None], now_ms: int) -> None:
        stream = self._books.get(key)
        if stream is None:
            return
        for update in stream.update(touched, now_ms):
            self._outbox.broadcast(stream.group, update)
