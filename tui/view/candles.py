"""The candles the terminal keeps, and the session's volume-weighted average price."""

from typing import Final

from exchange.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE
from exchange.wire.frames import Candle

INTERVALS: Final = {MS_PER_MINUTE: "1m", 5 * MS_PER_MINUTE: "5m", MS_PER_HOUR: "1h"}
VWAP_MS: Final = 5 * MS_PER_MINUTE
"""What the average is reckoned from: its history reaches back more than a day."""
KEPT: Final = 600
"""Candles of an instrument and interval; the exchange sends 500 at first."""


class Candles:
    """The candles of every instrument that was shown, by their opening time."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, int], dict[int, Candle]] = {}

    def add(self, candle: Candle) -> None:
        """Keep ``candle``; the same opening time again replaces it."""
        series = self._series.setdefault((candle.symbol, candle.interval_ms), {})
        series[candle.open_ms] = candle
        if len(series) > KEPT:
            del series[min(series)]

    def drop(self, symbol: str) -> None:
        """Let go of an instrument's candles."""
        for key in [key for key in self._series if key[0] == symbol]:
            del self._series[key]

    def since(self, symbol: str, interval_ms: int, from_ms: int) -> dict[int, Candle]:
        """Return the candles that opened at ``from_ms`` or later."""
        series = self._series.get((symbol, interval_ms), {})
        return {open_ms: candle for open_ms, candle in series.items() if open_ms >= from_ms}

    def vwap(self, symbol: str, now_ms: int) -> int | None:
        """Return the average price since 0:00 UTC, each candle at its typical price, in ucr."""
        today = self.since(symbol, VWAP_MS, now_ms - now_ms % MS_PER_DAY).values()
        volume = sum(candle.volume for candle in today)
        paid = sum(c.volume * (c.high_ucr + c.low_ucr + c.close_ucr) for c in today)
        return paid // (3 * volume) if volume else None
