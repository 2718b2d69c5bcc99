"""Candles: the trades of each interval as open, high, low, close and volume. Pure.

There is one series per symbol and interval. A candle closes when a later trade or the clock passes
its end; an interval without trades has no candle. Trades of the same second are first summed up and
then added to all series together, because this code runs for every fill. Closed candles are kept
encoded, so that a thousand subscribers cost one encoding. Source: protocol.md, "Public channels".
"""

from collections import deque
from typing import Final, get_args

from exchange.session.encoded import Encoded
from exchange.session.group import Group
from exchange.session.outbox import Outbox
from exchange.session.session import Session
from exchange.units import MS_PER_MINUTE
from exchange.wire.frames import Candle, Trade
from exchange.wire.types import IntervalMs

INTERVALS_MS: Final[tuple[int, ...]] = get_args(IntervalMs)
SMALLEST_MS: Final = INTERVALS_MS[0]
DEFAULT_INTERVAL_MS: Final = MS_PER_MINUTE
CANDLES_KEPT: Final = 500
"""Closed candles of a symbol and interval that a new subscriber gets."""


class Series:
    """The candles of one symbol and interval: ``closed`` ones and the open one."""

    __slots__ = ("changed", "closed", "finished", "group", "growing", "interval_ms", "symbol")

    def __init__(self, symbol: str, interval_ms: int) -> None:
        self.symbol = symbol
        self.interval_ms = interval_ms
        self.closed: deque[Encoded] = deque(maxlen=CANDLES_KEPT)
        self.growing: Candle | None = None
        self.group = Group(("candles", symbol, interval_ms), merges=True)
        self.finished: list[Encoded] = []
        """Closed in this batch and not sent yet."""
        self.changed = False

    def add(self, bar: Candle) -> None:
        """Add a bar of one second; bars come in the order of time."""
        candle = self.growing
        self.changed = True
        if candle is None or bar.open_ms >= candle.open_ms + self.interval_ms:
            self._close()
            start_ms = bar.open_ms - bar.open_ms % self.interval_ms
            prices = bar.open_ucr, bar.high_ucr, bar.low_ucr, bar.close_ucr
            facts = self.symbol, self.interval_ms, start_ms, *prices, bar.volume
            self.growing = Candle(*facts, closed=False)
            return
        candle.close_ucr = bar.close_ucr
        candle.volume += bar.volume
        candle.high_ucr = max(candle.high_ucr, bar.high_ucr)
        candle.low_ucr = min(candle.low_ucr, bar.low_ucr)

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
        if not self.group.empty:
            self.finished.append(done)


class Market:
    """The series of one symbol, and the trades of the current second not folded into them yet."""

    __slots__ = ("_bar", "_until_ms", "series", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.series = [Series(symbol, interval_ms) for interval_ms in INTERVALS_MS]
        self._bar: Candle | None = None
        self._until_ms = 0

    def trade(self, price_ucr: int, qty: int, ts_ms: int) -> None:
        """Count one trade; trades come in the order of their time."""
        bar = self._bar
        if bar is None or ts_ms >= self._until_ms:
            self.fold()
            start_ms = ts_ms - ts_ms % SMALLEST_MS
            self._until_ms = start_ms + SMALLEST_MS
            prices = price_ucr, price_ucr, price_ucr, price_ucr
            self._bar = Candle(self.symbol, SMALLEST_MS, start_ms, *prices, qty, False)
            return
        bar.close_ucr = price_ucr
        bar.volume += qty
        if price_ucr > bar.high_ucr:
            bar.high_ucr = price_ucr
        elif price_ucr < bar.low_ucr:
            bar.low_ucr = price_ucr

    def fold(self) -> None:
        """Bring all series up to the last trade."""
        bar, self._bar = self._bar, None
        if bar is not None:
            for series in self.series:
                series.add(bar)


class Candles:
    """The series of all symbols, and their subscribers."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._markets: dict[str, Market] = {}
        self._followed: dict[tuple[str, int], Series] = {}
        """Series with subscribers."""

    def join(self, session: Session, symbol: str, interval_ms: int, now_ms: int) -> None:
        """Subscribe; the history comes first, oldest candle first, the growing one last."""
        series = self._series(symbol, interval_ms)
        series.pass_time(now_ms)
        self._send(series)
        for candle in series.closed:
            self._outbox.put(session, candle.by(session.codec))
        if series.growing is not None:
            self._outbox.send(session, series.growing)
        self._outbox.join(series.group, session)
        self._followed[symbol, interval_ms] = series

    def leave(self, session: Session, symbol: str) -> None:
        """End the session's subscriptions to the symbol, all intervals."""
        for interval_ms in INTERVALS_MS:
            series = self._followed.get((symbol, interval_ms))
            if series is None:
                continue
            self._outbox.leave(series.group, session)
            if series.group.empty:
                del self._followed[symbol, interval_ms]

    def trade(self, trade: Trade) -> None:
        """Add one trade; the replay at the start uses this too."""
        market = self._markets.get(trade.symbol)
        if market is None:
            market = self._markets[trade.symbol] = Market(trade.symbol)
        market.trade(trade.price_ucr, trade.qty, trade.ts_ms)

    def flush(self) -> None:
        """End the batch: what closed, then what grew, one frame each."""
        for (symbol, _), series in self._followed.items():
            self._markets[symbol].fold()
            if series.changed or series.finished:
                self._send(series)

    def tick(self, now_ms: int) -> None:
        """Close candles whose interval is over, without waiting for a trade."""
        for (symbol, _), series in self._followed.items():
            self._markets[symbol].fold()
            series.pass_time(now_ms)

    def listeners(self, symbol: str) -> list[int]:
        """Return the sessions that subscribe to any series of ``symbol``."""
        return [number for group in self.groups(symbol) for number in group.numbers()]

    def groups(self, symbol: str) -> list[Group]:
        """Return the subscribers of each series of ``symbol``."""
        market = self._markets.get(symbol)
        return [] if market is None else [series.group for series in market.series]

    def forget(self, symbol: str) -> None:
        """The symbol is gone, and nobody listens to it any more."""
        self._markets.pop(symbol, None)

    def memory(self) -> list[Candle]:
        """Return all candles for a snapshot, oldest first in each series."""
        found: list[Candle] = []
        for market in self._markets.values():
            market.fold()
            for series in market.series:
                found.extend(done.frame for done in series.closed)
                if series.growing is not None:
                    found.append(series.growing)
        return found

    def recall(self, candles: list[Candle]) -> None:
        """Restore what `memory` returned."""
        for candle in candles:
            series = self._series(candle.symbol, candle.interval_ms)
            if candle.closed:
                series.closed.append(Encoded(candle))
            else:
                series.growing = candle

    def _series(self, symbol: str, interval_ms: int) -> Series:
        """Return a series that is up to the last trade."""
        market = self._markets.get(symbol)
        if market is None:
            market = self._markets[symbol] = Market(symbol)
        market.fold()
        return market.series[INTERVALS_MS.index(interval_ms)]

    def _send(self, series: Series) -> None:
        frames = [*series.finished]
        if series.changed and series.growing is not None:
            frames.append(Encoded(series.growing))
        for candle in frames:
            key = ("candles", series.symbol, series.interval_ms, candle.frame.open_ms)
            self._outbox.conflate(series.group, candle, key)
        series.finished.clear()
        series.changed = False
