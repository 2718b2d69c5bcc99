"""A list as every screen shows it: columns by rank, a filter, an order, a cursor. Pure.

Columns of numbers stand at the right and are never cut: a narrow list gives up whole columns, those
with the highest rank first, then words are clipped. Rows are found again by their key.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from tui.view.text import Line, Span, clip, fit, short_symbol, span, title_line

GAP: Final = 2
FILTER_MAX: Final = 60
HEADING_ROWS: Final = 2
"""The title and the names of the columns."""
WHOLE: Final = 36
"""The ``least`` of what means something only in full, such as an id."""
LEAST_WORD: Final = 6
"""Cells that a column of words keeps before a column is given up for it."""


class Column(NamedTuple):
    """``rank`` 0 always stays; of the others the highest is given up first."""

    title: str
    rank: int = 0
    number: bool = False
    """Right-aligned and never cut."""
    least: int = LEAST_WORD
    """Cells that words keep at least; what is shorter needs less."""


class Cell(NamedTuple):
    """What stands in a column: ``order`` sorts where the text does not."""

    text: str
    ink: str = "text"
    order: Any = None


class Row(NamedTuple):
    """``key`` is the id that is copied and opened; ``data`` is copied as JSON."""

    key: str
    cells: tuple[Cell, ...]
    data: Any = None
    depth: int = 0
    """Above 0: belongs to the row before it, in a tree; sorting keeps it there."""


class ListView:
    """One list: what a person chose; the rows are given anew whenever they change.

    ``typing``: keys go into the filter.
    """

    def __init__(self, title: str, columns: Sequence[Column], empty: str = "nothing here") -> None:
        self.title = title
        self.columns = tuple(columns)
        self.empty = empty
        self.filter = ""
        self.typing = False
        self.sorted_by: int | None = None
        self.descending = False
        self.rows: list[Row] = []
        """What is shown: filtered and sorted."""
        self.total = 0
        self.page = 10
        """Rows that fit; `lines` keeps it up to date."""
        self.first = 0
        self._all: Sequence[Row] = ()
        self._key = ""
        self._at = 0

    # --- rows ---

    def take(self, rows: Sequence[Row]) -> None:
        """Show ``rows``; the cursor stays on its row as long as there is one with its key."""
        self._all = rows
        self.total = len(rows)
        shown = kept(rows, self.filter)
        self.rows = ordered(shown, self.sorted_by, self.descending)
        found = [at for at, row in enumerate(self.rows) if row.key == self._key]
        self._put(found[0] if found else self._at)

    @property
    def at(self) -> int:
        """The row the cursor is on, -1 when there is none."""
        return self._at if self.rows else -1

    @property
    def row(self) -> Row | None:
        return self.rows[self._at] if self.rows else None

    def move(self, by: int) -> None:
        self._put(self._at + by)

    def put_on(self, key: str) -> bool:
        """Put the cursor on the row with ``key``; tells whether it is there."""
        found = [at for at, row in enumerate(self.rows) if row.key == key]
        if found:
            self._put(found[0])
        return bool(found)

    def _put(self, at: int) -> None:
        self._at = max(0, min(len(self.rows) - 1, at))
        self._key = self.rows[self._at].key if self.rows else self._key

    def click(self, y: int) -> bool:
        """Put the cursor on the row at line ``y`` of the pane; tells whether one is there."""
        at = self.first + y - HEADING_ROWS
        inside = y >= HEADING_ROWS and at < len(self.rows)
        if inside:
            self._put(at)
        return inside

    # --- filter and order ---

    def typed(self, key: str, character: str | None) -> None:
        """Take a key of the filter: Enter keeps it, Esc drops it."""
        if key in ("enter", "escape"):
            self.typing = False
            self.filter = self.filter if key == "enter" else ""
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif character and character.isprintable():
            self.filter = (self.filter + character)[:FILTER_MAX]
        self.take(self._all)

    def back(self) -> bool:
        """Esc: drop the filter; tells whether there was one."""
        had = bool(self.filter)
        self.filter, self.typing = "", False
        self.take(self._all)
        return had

    def sort(self) -> None:
        """Sort by the next column; after the last one, as the rows come."""
        at = -1 if self.sorted_by is None else self.sorted_by
        self.sort_by(None if at + 1 >= len(self.columns) else at + 1)

    def sort_by(self, column: int | None) -> None:
        """Sort by a column (a click on its name), the other way round when it was already."""
        self.descending = not self.descending if column == self.sorted_by else False
        self.sorted_by = column
        self.take(self._all)

    def recall(self, text: str, sorted_by: int | None, descending: bool) -> None:
        """Take up what was chosen at another time; a column may be gone since."""
        self.filter = text[:FILTER_MAX]
        known = sorted_by is not None and 0 <= sorted_by < len(self.columns)
        self.sorted_by = sorted_by if known else None
        self.descending = descending

    def reverse(self) -> None:
        self.descending = not self.descending
        self.take(self._all)

    # --- drawing ---

    def lines(self, width: int, height: int, focused: bool = True) -> list[Line]:
        """Return title, names of columns and rows as ``height`` lines of ``width`` cells."""
        self.page = max(1, height - HEADING_ROWS)
        self.first = _first(self.first, self.at, len(self.rows), self.page)
        places = fitted(self.columns, self._all, width)
        body = [
            _row_line(row, places, self.columns, width, focused and at == self.at)
            for at, row in enumerate(self.rows[self.first : self.first + self.page], self.first)
        ]
        if not body:
            text = "nothing has these words" if self.total else self.empty
            body = [fit((span(f" {text}", "dim"),), width)]
        lines = [self._title(width, focused), self._heading(places, width), *body]
        return lines[:height] + [fit((), width)] * (height - len(lines))

    def column_at(self, x: int, width: int) -> int | None:
        """Return the column whose name is at ``x``."""
        at = 1
        for column, cells in fitted(self.columns, self._all, width):
            if at <= x < at + cells + GAP:
                return column
            at += cells + GAP
        return None

    def _title(self, width: int, focused: bool) -> Line:
        count = f"{len(self.rows)} of {self.total}" if self.filter else f"{self.total}"
        note: list[Span] = []
        if self.typing or self.filter:
            note += [span(f"/{self.filter}", "own!"), span("▏" if self.typing else " ", "own!")]
        return title_line(self.title, (*note, span(count, "dim")), width, focused)

    def _heading(self, places: Sequence[tuple[int, int]], width: int) -> Line:
        parts = [span(" ", "dim")]
        for at, cells in places:
            column = self.columns[at]
            mark = "" if at != self.sorted_by else ("▾" if self.descending else "▴")
            title = clip(column.title, cells - len(mark)) + mark
            parts.append(span(_padded(title, cells, column.number) + " " * GAP, "dim"))
        return fit(tuple(parts), width)


def kept(rows: Sequence[Row], text: str) -> list[Row]:
    """Return the rows with every word of ``text`` and none after ``!``; a tree's parents stay."""
    words = text.lower().split()
    wanted = [word for word in words if not word.startswith("!")]
    unwanted = [word[1:] for word in words if word.startswith("!") and len(word) > 1]
    chosen: dict[int, None] = {}
    path: list[int] = []
    for at, row in enumerate(rows):
        path = [*path[: row.depth], at]
        said = " ".join((*(cell.text for cell in row.cells), row.key)).lower()
        if all(word in said for word in wanted) and not any(word in said for word in unwanted):
            chosen |= dict.fromkeys(path)
    return [rows[at] for at in chosen]


def ordered(rows: Sequence[Row], column: int | None, descending: bool) -> list[Row]:
    """Return ``rows`` by a column, children behind their parent; None: as they come."""
    families: list[list[Row]] = []
    for row in rows:
        if row.depth and families:
            families[-1].append(row)
        else:
            families.append([row])
    if column is not None:
        families.sort(key=lambda family: _sort_key(family[0], column))
    if descending:
        families.reverse()
    return [row for family in families for row in family]


def _sort_key(row: Row, column: int) -> tuple[bool, bool, Any]:
    """Numbers before words, nothing last."""
    cell = row.cells[column]
    value = cell.order if cell.order is not None else cell.text
    nothing = value in ("", "–")
    return nothing, isinstance(value, str), value


def fitted(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[tuple[int, int]]:
    """Return the columns that fit ``width`` with their cells: ``(index, cells)``."""
    needs = [_needs(at, column, rows) for at, column in enumerate(columns)]
    leasts = [
        need if column.number else min(need, max(column.least, len(column.title)))
        for need, column in zip(needs, columns, strict=True)
    ]
    shown = list(range(len(columns)))
    room = width - 1
    while len(shown) > 1 and sum(leasts[at] + GAP for at in shown) - GAP > room:
        worst = max(shown, key=lambda at: (columns[at].rank, at))
        if columns[worst].rank == 0:
            break
        shown.remove(worst)
    spare = room - sum(leasts[at] + GAP for at in shown) + GAP
    cells = {at: leasts[at] for at in shown}
    for at in shown:
        more = max(0, min(spare, needs[at] - cells[at]))
        cells[at] += more
        spare -= more
    return [(at, cells[at]) for at in shown]


def _needs(at: int, column: Column, rows: Sequence[Row]) -> int:
    longest = max((len(row.cells[at].text) + 2 * row.depth * (at == 0) for row in rows), default=0)
    return max(len(column.title) + 1, longest)


def _row_line(
    row: Row,
    places: Sequence[tuple[int, int]],
    columns: Sequence[Column],
    width: int,
    cursor: bool,
) -> Line:
    spans: list[Span] = [span("›" if cursor else " ", "accent!")]
    for at, cells in places:
        text, ink = row.cells[at].text, row.cells[at].ink
        if at == 0 and row.depth:
            text = " " * (2 * row.depth - 2) + "└ " + text
        short = _shortened(columns[at], text, cells)
        spans.append(span(_padded(short, cells, columns[at].number), ink))
        spans.append(span(" " * GAP))
    return fit(tuple(spans), width, "cursor" if cursor else "")


def _padded(text: str, cells: int, number: bool) -> str:
    return text.rjust(cells) if number else text.ljust(cells)


def _first(first: int, at: int, count: int, page: int) -> int:
    """Return the first row to show: as it was, moved no more than the cursor needs."""
    first = min(first, max(0, count - page))
    if at < 0:
        return 0
    return at if at < first else max(first, at - page + 1)


def _shortened(column: Column, text: str, cells: int) -> str:
    """Return what fits; of a symbol the end stays, which tells one window from the next."""
    return short_symbol(text, cells) if column.title == "symbol" else clip(text, cells)
