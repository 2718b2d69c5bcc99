"""The depth curve: how much could be bought or sold down to each price, out of block characters."""

from itertools import groupby
from typing import Final

from tui.view.bars import column
from tui.view.book import BookView
from tui.view.text import Line, Span, fit, join_ends, price_text, qty_text, span

FULL: Final = "█"
REACH_LEVELS: Final = 25
"""Levels of each side that set the curve's reach."""


def lines(book: BookView, width: int, height: int, places: int) -> list[Line]:
    """Return ``height`` rows: the two staircases and, last, the prices below them."""
    rows, half = height - 1, width // 2
    reach = _reach(book)
    if rows < 1 or half < 4 or not reach:
        return [fit((span("no orders yet", "dim"),), width)] + [fit((), width)] * (height - 1)
    bids = _curve(book.bids, book.best_bid_ucr, -1, half, reach)[::-1]
    asks = _curve(book.asks, book.best_ask_ucr, 1, half, reach)
    largest = max(bids[0], asks[-1], 1)
    left = _columns(bids, largest, rows)
    right = _columns(asks, largest, rows)
    chart = [
        fit((*_runs(low, "bid_fill"), *_runs(high, "ask_fill")), width)
        for low, high in zip(_with_scale(left, largest), right, strict=True)
    ]
    return [*chart, _axis(book, reach, half * 2, width, places)]


def _reach(book: BookView) -> int:
    """Return how far from the best price the curve reaches, in ucr; 0 when there is no book."""
    bids = sorted(book.bids, reverse=True)[:REACH_LEVELS]
    asks = sorted(book.asks)[:REACH_LEVELS]
    spans = [abs(side[-1] - side[0]) + 1 for side in (bids, asks) if side]
    return max(spans, default=0)


def _curve(
    levels: dict[int, int], best: int | None, sign: int, cells: int, reach: int
) -> list[int]:
    """Return the cumulated quantity within each of ``cells`` price steps outward from ``best``."""
    sums = [0] * cells
    if best is None:
        return sums
    for price, qty in levels.items():
        cell = (price - best) * sign * cells // reach
        if cell < cells:
            sums[cell] += qty
    for cell in range(1, cells):
        sums[cell] += sums[cell - 1]
    return sums


def _columns(sums: list[int], largest: int, rows: int) -> list[str]:
    bars = [column(value, largest, rows) for value in sums]
    return ["".join(bar[row] for bar in bars) for row in range(rows)]


def _with_scale(left: list[str], largest: int) -> list[str]:
    # The scale stands in the middle, where the staircases are lowest.
    text = f"{qty_text(largest)} "
    free = len(left[0]) - len(text)
    if free < 0 or left[0][free:].strip():
        return left
    return [left[0][:free] + text, *left[1:]]


def _runs(cells: str, fill: str) -> list[Span]:
    """Return ``cells`` as spans. Full blocks become background: fonts leave seams between them."""
    spans: list[Span] = []
    for kind, run in groupby(cells, key=_kind):
        text = "".join(run)
        if kind == FULL:
            spans.append((" " * len(text), fill, fill))
        else:
            spans.append((text, "dim" if kind == "letter" else fill, ""))
    return spans


def _kind(cell: str) -> str:
    return "letter" if cell.isalnum() or cell == "," else cell if cell == FULL else "part"


def _axis(book: BookView, reach: int, drawn: int, width: int, places: int) -> Line:
    bid, ask = book.best_bid_ucr, book.best_ask_ucr
    low = price_text(max(0, bid - reach), places) if bid else ""
    high = price_text(ask + reach, places) if ask else ""
    middle: list[Span] = []
    if bid and ask:
        middle = [
            span(price_text(bid, places), "bid"),
            span(" ┊ ", "dim"),
            span(price_text(ask, places), "ask"),
        ]
    room = drawn - len(low) - len(high) - sum(len(text) for text, _, _ in middle)
    if room < 2:
        return fit(join_ends((span(low, "dim"),), (span(high, "dim"),), drawn), width)
    gap = room // 2
    axis = (span(low, "dim"), span(" " * gap), *middle)
    return fit(join_ends(axis, (span(high, "dim"),), drawn), width)
