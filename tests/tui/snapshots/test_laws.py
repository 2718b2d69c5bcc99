"""What holds on every screen at every size, in every theme and depth: read from the snapshots."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest
from rich.cells import cell_len

from tests.tui.colours import contrast, name_of, shown
from tests.tui.snapshots.cells import Row, Run
from tests.tui.snapshots.kept import FOLDER, read
from tests.tui.test_palettes import LOOKS, READ, TEXT
from tui.palettes import Depth, palette_of

SCREENS: Final = {
    (file.stem, name): rows
    for file in sorted(FOLDER.glob("*.txt"))
    for name, rows in read(file.read_text("utf-8")).items()
}
CUT: Final = re.compile(r"(?<!\S)[^\w\s]*(?:[a-z]+-)?[\d.,:−-]+…")
"""A figure, a time or an id that does not end."""
SIGN: Final = re.compile(r"\b(?:buy|sell|rent\w*|let\w*|bid|ask|B|S|BUY|SELL)\b|[▲▼!┊]")
HEAD: Final = re.compile(r"\b(?:bid|ask|from/h|price)\b")
NEAR: Final = 9
"""Cells beside a figure in which its column's name may stand."""
LOUD: Final = ("pick", "arm", "warn", "bid_bar", "ask_bar", "bid_fill", "ask_fill")
LOUD_MAX: Final = 0.12
WORDS: Final = re.compile(r"\S+(?: \S+)*")


def text_of(row: Row) -> str:
    return "".join(run.text for run in row)


def clear_rows() -> Iterator[tuple[str, int, Row, tuple[Row, ...]]]:
    """Yield each row that no question covers: of what it is, its place, itself, its screen."""
    for (size, name), rows in SCREENS.items():
        for at, row in enumerate(rows):
            if not any("~" in run.ink for run in row):
                yield f"{name} {size}, row {at + 1}", at, row, rows


@pytest.mark.parametrize("size", ["80x24", "120x35", "160x50"])
def test_nothing_is_beyond_the_edge(size: str) -> None:
    width, height = map(int, size.split("x"))
    screens = [rows for (one, _), rows in SCREENS.items() if one == size]
    assert len(screens) == len({name for _, name in SCREENS})
    for rows in screens:
        assert [cell_len(text_of(row)) for row in rows] == [width] * height


def test_no_number_time_or_id_is_cut() -> None:
    """(Seen to fail: ids of leases at 80x24, windows in the operator's markets.)"""
    assert [(of, text_of(row)) for of, _, row, _ in clear_rows() if CUT.search(text_of(row))] == []


def test_columns_are_aligned() -> None:
    crooked = []
    for of, at, row, rows in clear_rows():
        for x_from, x_to in titles(row):
            crooked += [(of, *each) for each in askew(rows[at + 1 : -1], x_from, x_to)]
    assert crooked == []


def titles(row: Row) -> list[tuple[int, int]]:
    """Return where the panes stand whose titles are in ``row``: first cell, cell after the last."""
    starts, x = [], 0
    for run in row:
        if run.ink in ("label!", "accent!") and run.text[:1].isupper():
            starts.append(x)
        x += len(run.text)
    if not starts or not re.search("[─━]", text_of(row)):
        return []
    return list(zip(starts, [*starts[1:], x], strict=True))


def askew(rows: tuple[Row, ...], x_from: int, x_to: int) -> list[tuple[str, str]]:
    """Return the cells of the list below a title that stand at neither end of their column."""
    if not rows or any(run.ink not in ("", "dim") for run in rows[0] if "─" not in run.text):
        return []
    names = list(WORDS.finditer(text_of(rows[0])[x_from:x_to]))
    found = []
    for row in rows[1:]:
        text = text_of(row)[x_from:x_to]
        if not text.strip() or re.search("[─━]{2}", text):
            break
        cells = list(WORDS.finditer(text))
        for cell in cells if len(cells) > 1 else ():  # one alone is a sentence: nothing here
            met = [n for n in names[1:] if n.start() < cell.end() and cell.start() < n.end()]
            if met and not any(c.start() == cell.start() or c.end() == cell.end() for c in met):
                found.append((met[0][0], cell[0]))
    return found


def pairs() -> dict[tuple[str, str], str]:
    """Return which ink is written on which ground, and where that is seen."""
    return {
        (run.ink.rstrip("!"), run.ground): of
        for of, _, row, _ in clear_rows()
        for run in row
        if re.search(r"\w", run.text) and "?" not in run.ink + run.ground
    }


@pytest.mark.parametrize(("theme", "depth", "scheme"), LOOKS)
def test_everything_written_is_readable(theme: str, depth: Depth, scheme: str) -> None:
    palette = palette_of(theme, depth)
    bounds = {(ink, ground): least for ink, ground, least in READ}
    for (ink, ground), of in pairs().items():
        least = bounds.get((ink, ground), 4.5 if ink in TEXT else 3.0)
        colours = [name_of(palette, ink, ground), palette[ground]]
        one, other = (shown(colour, depth, scheme) for colour in colours)
        assert contrast(one, other) >= least, f"{ink} on {ground}: {of}"


def test_colour_is_never_the_only_sign_of_a_side() -> None:
    """A figure in a side's colour has a word or an arrow beside it, or its column's name above."""
    silent = []
    for of, at, row, rows in clear_rows():
        x = 0
        for run in row:
            if bare(run) and not SIGN.search(text_of(row)):
                above = (text_of(each)[max(0, x - NEAR) :][: 2 * NEAR] for each in rows[:at])
                if not any(HEAD.search(text) for text in above):
                    silent.append((of, run.text))
            x += len(run.text)
    assert silent == []


def bare(run: Run) -> bool:
    """Tell whether it is a figure that only its ink says more of."""
    figure = re.search(r"\d", run.text) and not re.search("[A-Za-z]{2}", run.text)
    return run.ink.rstrip("!") in ("bid", "ask", "warn") and bool(figure)


def test_colour_is_restrained() -> None:
    for (size, name), rows in SCREENS.items():
        grounds = Counter[str]()
        for row in rows:
            grounds.update({run.ground: len(run.text) for run in row if run.ground in LOUD})
        share = grounds.total() / sum(len(text_of(row)) for row in rows)
        assert share <= LOUD_MAX, f"{name} {size}: {share:.0%} of its cells"
