"""Tickers: best prices, last price, and what traded in the last 24 hours. Pure.

A ticker is computed from a symbol's trades and its book, and sent at most once per symbol and
batch, only when it changed. The day is kept in buckets of five minutes, so its memory is bounded
however many trades there are. Source: protocol.md, "Public channels".
"""

from collections import deque
from typing import Final

from msgspec import Struct

from exchange.feed.book_stream import BookSource
from exchange.session.encoded import Encoded
from exchange.session.group import Group
from exchange.session.outbox import Outbox
from exchange.session.session import Session
from exchange.units import MS_PER_DAY, MS_PER_MINUTE
from exchange.wire.frames import Ticker, Trade

BUCKET_MS: Final = 5 * MS_PER_MINUTE
"""The 24 h figures are exact to this; at most 289 buckets a symbol."""


class Bucket(Struct, gc=False, array_like=True):
    """Five minutes of one symbol."""

    start_ms: int
    open_ucr: int
    volume: int


class DayMemory(Struct, array_like=True):
    """A `Day` as a snapshot keeps it."""

    symbol: str
    last_ucr: int | None
    buckets: list[Bucket]


class Day:
    """The trades of one symbol: the last price, and the last 24 h in buckets."""

    __slots__ = ("_buckets", "last_ucr", "volume")

    def __init__(self) -> None:
        self.last_ucr: int | None = None
        self.volume = 0
        self._buckets: deque[Bucket] = deque()

    @property
    def open_ucr(self) -> int | None:
        """Price of the first trade that still counts."""
        return self._buckets[0].open_ucr if self._buckets else None

    def trade(self, price_ucr: int, qty: int, ts_ms: int) -> None:
        """Count one trade; trades come in the order of their time."""
        buckets = self._buckets
        if not buckets or ts_ms >= buckets[-1].start_ms + BUCKET_MS:
            self.roll(ts_ms)
            buckets.append(Bucket(ts_ms - ts_ms % BUCKET_MS, price_ucr, 0))
        buckets[-1].volume += qty
        self.volume += qty
        self.last_ucr = price_ucr

    def roll(self, now_ms: int) -> bool:
        """Forget what is 24 h old; returns whether anything was."""
        buckets, before = self._buckets, self.volume
        while buckets and buckets[0].start_ms + BUCKET_MS <= now_ms - MS_PER_DAY:
            self.volume -= buckets.popleft().volume
        return self.volume != before

    def memory(self, symbol: str) -> DayMemory:
        return DayMemory(symbol, self.last_ucr, list(self._buckets))

    def recall(self, memory: DayMemory) -> None:
        self.last_ucr = memory.last_ucr
        self._buckets.extend(memory.buckets)
        self.volume = sum(bucket.volume for bucket in memory.buckets)


def _own(session: Session) -> list[str]:
    """Return the symbols that the session subscribes to by name."""
    return [symbol for channel, symbol in session.channels if channel == "ticker" and symbol]


class Tickers:
    """The days of all symbols and their subscribers; a session without a symbol gets all.

    What else a session subscribes to is in its ``channels``.
    """

    def __init__(self, source: BookSource, outbox: Outbox) -> None:
        self._source = source
        self._outbox = outbox
        self._days: dict[str, Day] = {}
        self._groups: dict[str, Group] = {}
        """By symbol; those of "" get all. Who is in that one is in no other, so that each frame
        reaches it once."""
        self._sent: dict[str, Ticker] = {}
        """The last frame of each symbol; nothing is sent while it is unchanged."""
        self._changed: dict[str, None] = {}

    def join(self, session: Session, symbol: str, now_ms: int) -> None:
        """Subscribe to ``symbol`` ("": all); the snapshot is the ticker as it stands."""
        if not symbol:
            for own in _own(session):
                self._leave(session, own)
        if not (symbol and self._hears_all(session)):
            self._join(session, symbol)
        for name in [symbol] if symbol else self._source.symbols():
            self._outbox.send(session, self._ticker(name, now_ms))

    def leave(self, session: Session, symbol: str) -> None:
        """Unsubscribe from ``symbol``; one that heard all hears its other symbols from now on."""
        heard_all = self._hears_all(session)
        self._leave(session, symbol)
        if heard_all and not symbol:
            for own in _own(session):
                self._join(session, own)

    def trade(self, trade: Trade) -> None:
        """Add one trade; the replay at the start uses this too."""
        symbol = trade.symbol
        day = self._days.get(symbol)
        if day is None:
            day = self._days[symbol] = Day()
        day.trade(trade.price_ucr, trade.qty, trade.ts_ms)
        self._changed[symbol] = None

    def touched(self, symbol: str) -> None:
        """The symbol's book changed."""
        self._changed[symbol] = None

    def flush(self, now_ms: int) -> None:
        """End the batch: send every changed ticker that somebody listens to, once."""
        for symbol in self._changed:
            groups = self.groups(symbol)
            if groups:
                self._send(symbol, groups, now_ms)
        self._changed.clear()

    def tick(self, now_ms: int) -> None:
        """Drop what is older than 24 h: the figures change with time alone."""
        for symbol, day in self._days.items():
            if day.roll(now_ms):
                self._changed[symbol] = None

    def listeners(self, symbol: str) -> list[int]:
        """Return the sessions that listen to ``symbol`` itself."""
        found = [number for group in self.named(symbol) for number in group.numbers()]
        for everything in self.named(""):
            found += [one.number for one in everything.all() if symbol in _own(one)]
        return found

    def forget(self, symbol: str) -> None:
        """The symbol is gone, and nobody listens to it any more."""
        for kept in (self._days, self._sent, self._changed):
            kept.pop(symbol, None)

    def memory(self) -> list[DayMemory]:
        """Return all days for a snapshot."""
        return [day.memory(symbol) for symbol, day in self._days.items()]

    def recall(self, days: list[DayMemory]) -> None:
        """Restore what `memory` returned."""
        for memory in days:
            self._days[memory.symbol] = day = Day()
            day.recall(memory)

    def groups(self, symbol: str) -> list[Group]:
        """Return who gets the tickers of ``symbol``: no session is in two of them."""
        return [*self.named(symbol), *self.named("")]

    def named(self, symbol: str) -> list[Group]:
        """Return the group of exactly this subscription, if it has anybody."""
        group = self._groups.get(symbol)
        return [] if group is None else [group]

    def _join(self, session: Session, symbol: str) -> None:
        group = self._groups.get(symbol)
        if group is None:
            group = self._groups[symbol] = Group(("ticker", symbol, 0), merges=True)
        self._outbox.join(group, session)

    def _leave(self, session: Session, symbol: str) -> None:
        group = self._groups.get(symbol)
        if group is not None:
            self._outbox.leave(group, session)
            if group.empty:
                del self._groups[symbol]

    def _hears_all(self, session: Session) -> bool:
        everything = self._groups.get("")
        return everything is not None and everything.has(session)

    def _send(self, symbol: str, groups: list[Group], now_ms: int) -> None:
        frame = self._ticker(symbol, now_ms)
        before = self._sent.get(symbol)
        if before is not None:
            before.seq, before.ts_ms = frame.seq, frame.ts_ms
            if before == frame:
                return
        self._sent[symbol] = frame
        encoded, key = Encoded(frame), ("ticker", symbol, 0, 0)
        for group in groups:
            self._outbox.conflate(group, encoded, key)

    def _ticker(self, symbol: str, now_ms: int) -> Ticker:
        bids = self._source.levels(symbol, "buy", 1)
        asks = self._source.levels(symbol, "sell", 1)
        bid_ucr, bid_qty, _ = bids[0] if bids else (None, None, 0)
        ask_ucr, ask_qty, _ = asks[0] if asks else (None, None, 0)
        day = self._days.get(symbol)
        if day is None:
            return Ticker(symbol, self._source.seq, now_ms, 0, bid_ucr, bid_qty, ask_ucr, ask_qty)
        day.roll(now_ms)
        figures = day.volume, bid_ucr, bid_qty, ask_ucr, ask_qty, day.last_ucr, day.open_ucr
        return Ticker(symbol, self._source.seq, now_ms, *figures)
