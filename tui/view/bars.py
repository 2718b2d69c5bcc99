"""Bars and curves out of block characters: eighths of a cell, no chart package."""

from functools import lru_cache
from typing import Final

from tui.view.text import Line, Span

RIGHTWARD: Final = " ▏▎▍▌▋▊▉█"
UPWARD: Final = " ▁▂▃▄▅▆▇█"
EIGHTHS: Final = 8
SPARKS_MAX: Final = 256
"""Curves kept; an instrument's changes with its trades only."""


def bar_eighths(value: int, largest: int, cells: int) -> int:
    """Return the length of a bar in eighths of a cell; anything above zero shows a little."""
    if value <= 0 or largest <= 0:
        return 0
    return min(cells * EIGHTHS, max(1, value * cells * EIGHTHS // largest))


def bar_right(text: str, eighths: int, ink: str, bar: str, back: str) -> Line:
    """Return ``text`` over a bar that grows rightward from the left edge.

    ``back`` is the row's background; the bar's last cell is a partial block when no letter
    stands there.
    """
    full, part = divmod(eighths, EIGHTHS)
    return _overlay(text, full, text[full : full + 1], RIGHTWARD[part], part, (ink, bar, back))


def bar_left(text: str, eighths: int, ink: str, bar: str, back: str) -> Line:
    """Return ``text`` over a bar that grows leftward from the right edge."""
    full, part = divmod(eighths, EIGHTHS)
    split = len(text) - full
    edge = text[split - 1 : split] if split > 0 else ""
    head, tail = text[: max(0, split - 1)], text[split:]
    spans: list[Span] = [(head, ink, back)] if head else []
    if edge:
        # Blocks fill from the left, so a bar that ends here is drawn as its own hole.
        hollow = part and edge == " "
        spans.append((RIGHTWARD[EIGHTHS - part], back, bar) if hollow else (edge, ink, back))
    if tail:
        spans.append((tail, ink, bar))
    return tuple(spans)


def _overlay(
    text: str, full: int, edge: str, block: str, part: int, colours: tuple[str, str, str]
) -> Line:
    ink, bar, back = colours
    spans: list[Span] = [(text[:full], ink, bar)] if full else []
    if edge:
        spans.append((block, bar, back) if part and edge == " " else (edge, ink, back))
    rest = text[full + 1 :]
    if rest:
        spans.append((rest, ink, back))
    return tuple(spans)


def column(value: int, largest: int, rows: int) -> list[str]:
    """Return the characters of one bar of a chart, top row first, ``rows`` of them."""
    eighths = bar_eighths(value, largest, rows)
    full, part = divmod(eighths, EIGHTHS)
    cells = ["█"] * full + ([UPWARD[part]] if part else [])
    return [" "] * (rows - len(cells)) + cells[::-1]


@lru_cache(maxsize=SPARKS_MAX)
def sparkline(values: tuple[int, ...], cells: int) -> str:
    """Return ``values``, oldest first, as a curve of ``cells`` characters, lowest to highest."""
    if len(values) < 2:
        return " " * cells
    picked = [values[at * (len(values) - 1) // max(1, cells - 1)] for at in range(cells)]
    low, high = min(picked), max(picked)
    steps = len(UPWARD) - 2
    return "".join(UPWARD[1 + (value - low) * steps // max(1, high - low)] for value in picked)
