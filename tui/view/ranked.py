"""Rows in columns by rank: a narrow pane gives up whole columns, never part of a number."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from tui.view.text import Line, Span, clip, fit, short_symbol, span

GAP: Final = 1


class Column(NamedTuple):
    """``rank`` 0 always stays; of the others the highest goes first. ``least`` cells at least."""

    title: str
    rank: int
    least: int = 1
    number: bool = False
    """At the right end of its cells, and never cut."""
    symbol: bool = False
    """Shortened as symbols are, where there is no room."""
    initial: bool = False
    """Its first letter only, where there is no room."""


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[Span]], width: int, cursor: int = -1
) -> list[Line]:
    """Return the column names, then ``rows`` (a span a column), the one at ``cursor`` marked."""
    places = _places(columns, rows, width)
    names = [span(column.title, "dim") for column in columns]
    drawn = [_row(columns, names, places, width, "")]
    return drawn + [
        _row(columns, row, places, width, "cursor" if at == cursor else "")
        for at, row in enumerate(rows)
    ]


def _places(
    columns: Sequence[Column], rows: Sequence[Sequence[Span]], width: int
) -> list[tuple[int, int]]:
    """Return which columns are shown, and in how many cells."""
    longest = [
        max([column.least, len(column.title), *(len(row[at][0]) for row in rows)])
        for at, column in enumerate(columns)
    ]
    cells = [
        most if column.number else max(column.least, 1)
        for most, column in zip(longest, columns, strict=True)
    ]
    shown = list(range(len(columns)))
    while sum(cells[at] + GAP for at in shown) - GAP > width:
        worst = max(shown, key=lambda at: columns[at].rank)
        if columns[worst].rank == 0:
            break
        shown.remove(worst)
    spare = max(0, width + GAP - sum(cells[at] + GAP for at in shown))
    places = []
    for at in shown:
        more = min(spare, longest[at] - cells[at])
        spare -= more
        places.append((at, cells[at] + more))
    return places


def _row(
    columns: Sequence[Column],
    row: Sequence[Span],
    places: Sequence[tuple[int, int]],
    width: int,
    ground: str,
) -> Line:
    spans: list[Span] = []
    for at, cells in places:
        text, ink, _ = row[at]
        column = columns[at]
        if column.number:
            text = text.rjust(cells)
        else:
            text = _shortened(column, text, cells).ljust(cells)
        spans.append(span(text + " " * GAP, ink))
    return fit(tuple(spans), width, ground)


def _shortened(column: Column, text: str, cells: int) -> str:
    if column.symbol:
        return short_symbol(text, cells)
    if column.initial and len(text) > cells:
        return text[:1].upper()
    return clip(text, cells)
