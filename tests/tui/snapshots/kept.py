"""Snapshots as files: one for each size, to be read by people and compared by tests.

A screen is its rows as text, then, row by row, how many cells mean what: ``2-5: 8 dim, 72``.
"""

from itertools import groupby
from pathlib import Path
from typing import Final

from tests.tui.snapshots.cells import Row, Run

FOLDER: Final = Path(__file__).parent / "kept"
HEAD: Final = "=== "
COLOURS: Final = "--- cells and what their colours mean"


def written(screens: dict[str, tuple[Row, ...]]) -> str:
    """Return ``screens`` as the text of a file."""
    return "".join(f"{HEAD}{name}\n{_screen(rows)}\n" for name, rows in screens.items())


def _screen(rows: tuple[Row, ...]) -> str:
    texts = ["".join(run.text for run in row).rstrip() for row in rows]
    said = [", ".join(f"{len(run.text)} {_said(run)}".rstrip() for run in row) for row in rows]
    colours, at = [], 1
    for words, group in groupby(said):
        last = at + len(list(group)) - 1
        colours.append(f"{at}: {words}" if last == at else f"{at}-{last}: {words}")
        at = last + 1
    return "\n".join([*texts, COLOURS, *colours])


def _said(run: Run) -> str:
    return run.ink + ("" if run.ground == "back" else f"/{run.ground}")


def read(text: str) -> dict[str, tuple[Row, ...]]:
    """Return the screens of a file's text, by name."""
    screens = {}
    for part in text.split(HEAD)[1:]:
        head, _, body = part.partition("\n")
        texts, _, colours = body.partition(f"{COLOURS}\n")
        said: list[str] = []
        for line in colours.splitlines():
            place, _, words = line.partition(": ")
            first, _, last = place.partition("-")
            said += [words] * (int(last or first) - int(first) + 1)
        pairs = zip(texts.splitlines(), said, strict=True)
        screens[head] = tuple(_row(row, words) for row, words in pairs)
    return screens


def _row(text: str, said: str) -> Row:
    runs, at = [], 0
    for part in said.split(", "):
        cells, _, name = part.partition(" ")
        ink, _, ground = name.partition("/")
        runs.append(Run(text[at : at + int(cells)].ljust(int(cells)), ink, ground or "back"))
        at += int(cells)
    return tuple(runs)
