"""A table that fits a terminal: numbers to the right, the columns of least use left out. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

GAP: Final = "  "


class Column(Struct, frozen=True):
    """``rank``: 0 always stays; of the others the highest goes first when there is no room."""

    name: str
    rank: int = 0
    right: bool = False


def lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield the names and the rows, no line longer than ``width``; nothing without rows.

    A line that cannot be short enough without a column of rank 0 stays too long.
    """
    if not rows:
        return
    names = [column.name for column in columns]
    widths = [max(map(len, cells)) for cells in zip(names, *rows, strict=True)]
    kept = _kept(columns, widths, width)
    for row in (names, *rows):
        yield GAP.join(_cell(row[at], columns[at], widths[at]) for at in kept).rstrip()


def _kept(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    kept = list(range(len(columns)))
    while sum(widths[at] for at in kept) + len(GAP) * (len(kept) - 1) > width:
        goes = max(kept, key=lambda at: columns[at].rank)
        if columns[goes].rank == 0:
            break
        kept.remove(goes)
    return kept


def _cell(text: str, column: Column, width: int) -> str:
    return text.rjust(width) if column.right else text.ljust(width)
