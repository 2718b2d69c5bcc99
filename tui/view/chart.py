"""The price chart: candles out of box and block characters, half a cell high at least.

A column is an interval; one without trades stays empty. Rising candles are hollow (lines), falling
ones filled (blocks), so that it reads without colours.
"""

from collections.abc import Mapping
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple

from exchange.wire.frames import Candle
from tui.view.text import Line, clock_text, fit, price_text, span

HOLLOW: Final = {
    (2, 2): "┃",
    (2, 0): "╹",
    (0, 2): "╻",
    (2, 1): "╿",
    (1, 2): "╽",
    (1, 1): "│",
    (1, 0): "╵",
    (0, 1): "╷",
    (0, 0): " ",
}
"""What stands in the upper and the lower half of a cell: 2 body, 1 wick, 0 nothing."""
FILLED: Final = HOLLOW | {(2, 2): "█", (2, 0): "▀", (0, 2): "▄", (2, 1): "▀", (1, 2): "▄"}
TIME_COLUMNS: Final = 10
"""Intervals between two times below the chart."""
COLUMNS_MAX: Final = 1024
"""Candles kept as drawn; from one frame to the next all but one are what they were."""
LEAST_COLUMNS: Final = 8
LEAST_ROWS: Final = 3


class Frame(NamedTuple):
    """Where prices stand: ``rows`` cells from ``high_ucr`` down to ``low_ucr``."""

    low_ucr: int
    high_ucr: int
    rows: int

    def half(self, price_ucr: int) -> int:
        """Return the half cell of a price, 0 at the bottom."""
        span_ucr = max(1, self.high_ucr - self.low_ucr)
        return (price_ucr - self.low_ucr) * (2 * self.rows - 1) // span_ucr

    def row(self, price_ucr: int) -> int:
        """Return the row of a price, 0 on top."""
        return self.rows - 1 - self.half(price_ucr) // 2


def from_ms(now_ms: int, interval_ms: int, width: int) -> int:
    """Return when the first column that ``width`` cells may need begins."""
    return now_ms - now_ms % interval_ms - (width - 1) * interval_ms


def lines(
    candles: Mapping[int, Candle],
    interval_ms: int,
    now_ms: int,
    vwap_ucr: int | None,
    size: tuple[int, int],
    places: int,
) -> list[Line]:
    """Return ``size`` (width, height) cells: the candles, prices at the right, times below."""
    width, height = size
    rows = height - 1
    label = max((len(price_text(c.high_ucr, places)) for c in candles.values()), default=0) + 1
    columns = width - label
    if columns < LEAST_COLUMNS or rows < LEAST_ROWS:
        return [fit((), width)] * height
    first = from_ms(now_ms, interval_ms, columns)
    slots = [candles.get(first + at * interval_ms) for at in range(columns)]
    seen = [candle for candle in slots if candle is not None]
    if not seen:
        return [fit((span(" no trades in this time", "dim"),), width)] + [fit((), width)] * rows
    frame = Frame(min(c.low_ucr for c in seen), max(c.high_ucr for c in seen), rows)
    empty = ((" ", "text"),) * rows
    cells = [_column(_prices(candle), frame) if candle else empty for candle in slots]
    ruled = frame.row(vwap_ucr) if vwap_ucr and frame.low_ucr <= vwap_ucr <= frame.high_ucr else -1
    labels = _labels(frame, seen[-1].close_ucr, places)
    drawn = [
        fit((*_runs([cell[row] for cell in cells], row == ruled), *labels.get(row, ())), width)
        for row in range(rows)
    ]
    return [*drawn, _times(first, interval_ms, columns, width)]


def _prices(candle: Candle) -> tuple[int, int, int, int]:
    return candle.open_ucr, candle.high_ucr, candle.low_ucr, candle.close_ucr


@lru_cache(maxsize=COLUMNS_MAX)
def _column(prices: tuple[int, int, int, int], frame: Frame) -> tuple[tuple[str, str], ...]:
    """Return the cells of a candle (open, high, low, close), top first, each with its ink."""
    opened, highest, lowest, closed = (frame.half(price) for price in prices)
    least, most = min(opened, closed), max(opened, closed)
    shapes, ink = (HOLLOW, "bid") if prices[3] >= prices[0] else (FILLED, "ask")

    def part(half: int) -> int:
        return 2 if least <= half <= most else 1 if lowest <= half <= highest else 0

    halves = range(2 * frame.rows - 1, 0, -2)
    return tuple((shapes[part(half), part(half - 1)], ink) for half in halves)


def _runs(cells: list[tuple[str, str]], ruled: bool) -> Line:
    """Return a row's cells as spans; ``ruled`` draws the average where nothing else stands."""
    filled = [("┈", "label") if ruled and text == " " else (text, ink) for text, ink in cells]
    return tuple(
        span("".join(text for text, _ in run), ink)
        for ink, run in groupby(filled, key=lambda cell: cell[1])
    )


def _labels(frame: Frame, last_ucr: int, places: int) -> dict[int, Line]:
    """Return the prices beside the rows: both ends, and the last one in bold."""
    ends = {0: frame.high_ucr, frame.rows - 1: frame.low_ucr}
    labels: dict[int, Line] = {
        row: (span(f" {price_text(price, places)}", "dim"),) for row, price in ends.items()
    }
    return labels | {frame.row(last_ucr): (span(f" {price_text(last_ucr, places)}", "text!"),)}


def _times(first_ms: int, interval_ms: int, columns: int, width: int) -> Line:
    text = ""
    for at in range(columns):
        open_ms = first_ms + at * interval_ms
        label = clock_text(open_ms)[:5]
        fits = at >= len(text) + (1 if text else 0) and at + len(label) <= columns
        if open_ms // interval_ms % TIME_COLUMNS == 0 and fits:
            text = f"{text:<{at}}{label}"
    return fit((span(text, "dim"),), width)
