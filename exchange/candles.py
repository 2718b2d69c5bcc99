"""Candles: the trades of each interval as open, high, low, close and volume. Pure.

Every trade is folded into one series per interval. A candle closes when a later trade or the clock
passes its end; an interval without trades has no candle. Closed candles are kept encoded, so that
a thousand charts that open cost one encoding. Source: protocol.md, "Public channels".
"""

from collections import deque
from typing import Final, get_args

from exchange.frames import Candle, Trade
from exchange.outbox import Encoded, Outbox
from exchange.session import Session
from exchange.units import MS_PER_MINUTE
from exchange.wire import IntervalMs

INTERVALS_MS: Final[tuple[int, ...]] = get_args(IntervalMs)
DEFAULT_INTERVAL_MS: Final = MS_PER_MINUTE
CANDLES_KEPT: Final = 500
"""Closed candles of a symbol and interval that a new subscriber gets."""


class Series:
    """The candles of one symbol and interval: ``closed``, and the one that grows."""

    __slots__ = ("changed", "closed", "finished", "growing", "interval_ms", "sessions", "symbol")

    def __init__(self, symbol: str, interval_ms: int) -> None:
        self.symbol = symbol
        self.interval_ms = interval_ms
        self.closed: deque[Encoded] = deque(maxlen=CANDLES_KEPT)
        self.growing: Candle | None = None
        self.sessions: dict[int, Session] = {}
        self.finished: list[Encoded] = []
        """Closed in this batch and not told yet."""
        self.changed = False

    def trade(self, price_ucr: int, qty: int, ts_ms: int) -> None:
        """Count one trade; trades come in the order of their time."""
        candle = self.growing
        self.changed = True
        if candle is None or ts_ms >= candle.open_ms + self.interval_ms:
            self._close()
            start_ms = ts_ms - ts_ms % self.interval_ms
            prices = price_ucr, price_ucr, price_ucr, price_ucr
            self.growing = Candle(self.symbol, self.interval_ms, start_ms, *prices, qty, False)
            return
        candle.close_ucr = price_ucr
        candle.volume += qty
        if price_ucr > candle.high_ucr:
            candle.high_ucr = price_ucr
        elif price_ucr < candle.low_ucr:
            candle.low_ucr = price_ucr

    def pass_time(self, now_ms: int) -> None:
        """Close the candle whose interval is over."""
        candle = self.growing
        if candle is not None and now_ms >= candle.open_ms + self.interval_ms:
            self._close()

    def _close(self) -> None:
        if self.growing is None:
            return
        self.growing.closed = True
        done = Encoded(self.growing)
        self.growing = None
        self.closed.append(done)
        if self.sessions:
            self.finished.append(done)


class Candles:
    """The series of all symbols, and who listens to which."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._series: dict[str, list[Series]] = {}
        self._followed: dict[tuple[str, int], Series] = {}
        """Series that somebody listens to."""

    def join(self, session: Session, symbol: str, interval_ms: int, now_ms: int) -> None:
        """Subscribe; the history comes first, oldest candle first, the growing one last."""
        series = self._of(symbol)[INTERVALS_MS.index(interval_ms)]
        series.pass_time(now_ms)
        self._tell(series)
        for candle in series.closed:
            self._outbox.put(session, candle.by(session))
        if series.growing is not None:
            self._outbox.send(session, series.growing)
        series.sessions[session.number] = session
        self._followed[symbol, interval_ms] = series

    def leave(self, session: Session, symbol: str) -> None:
        """End the session's subscriptions to the symbol, all intervals."""
        for interval_ms in INTERVALS_MS:
            series = self._followed.get((symbol, interval_ms))
            if series is None:
                continue
            series.sessions.pop(session.number, None)
            if not series.sessions:
                del self._followed[symbol, interval_ms]

    def trade(self, trade: Trade) -> None:
        """Fold one trade in; replay at the start goes through here too."""
        price_ucr, qty, ts_ms = trade.price_ucr, trade.qty, trade.ts_ms
        for series in self._of(trade.symbol):
            series.trade(price_ucr, qty, ts_ms)

    def flush(self) -> None:
        """End the batch: what closed, then what grew, one frame each."""
        for series in self._followed.values():
            if series.changed or series.finished:
                self._tell(series)

    def tick(self, now_ms: int) -> None:
        """Close what is over without waiting for a trade."""
        for series in self._followed.values():
            series.pass_time(now_ms)

    def forget(self, live: dict[str, None]) -> None:
        """Drop the symbols that are not ``live`` any more, unless somebody still listens."""
        followed = {symbol for symbol, _ in self._followed}
        for symbol in [name for name in self._series if name not in live]:
            if symbol not in followed:
                del self._series[symbol]

    def memory(self) -> list[Candle]:
        """Return all that is remembered, oldest first in each series: for a snapshot."""
        found: list[Candle] = []
        for every in self._series.values():
            for series in every:
                found.extend(done.frame for done in series.closed)
                if series.growing is not None:
                    found.append(series.growing)
        return found

    def recall(self, candles: list[Candle]) -> None:
        """Take over what `memory` returned."""
        for candle in candles:
            series = self._of(candle.symbol)[INTERVALS_MS.index(candle.interval_ms)]
            if candle.closed:
                series.closed.append(Encoded(candle))
            else:
                series.growing = candle

    def _of(self, symbol: str) -> list[Series]:
        series = self._series.get(symbol)
        if series is None:
            series = self._series[symbol] = [Series(symbol, ms) for ms in INTERVALS_MS]
        return series

    def _tell(self, series: Series) -> None:
        told = [*series.finished]
        if series.changed and series.growing is not None:
            told.append(Encoded(series.growing))
        for candle in told:
            key = ("candles", series.symbol, series.interval_ms, candle.frame.open_ms)
            self._outbox.conflate(series.sessions.values(), candle, key)
        series.finished.clear()
        series.changed = False
