"""The row of tabs on top, and the row of a notice that stays. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from tui.view.text import Line, clip, fit, span

SHORT: Final = {"Automation": "Auto", "Scenarios": "Scen", "Operator": "Oper"}


class TabName(NamedTuple):
    """A tab as it is shown: ``number`` is its F-key's, ``letter`` comes after ``g``."""

    name: str
    title: str
    number: int
    letter: str


class Shown(NamedTuple):
    """One tab's cells in the row, from ``x`` on."""

    name: str
    x: int
    spans: Line


def tab_row(
    tabs: Sequence[TabName], current: str, width: int, letters: bool = False
) -> list[Shown]:
    """Return the tabs in the longest form that fits ``width``; ``letters`` in place of F-keys."""
    shown: list[Shown] = []
    for form in range(FORMS):
        shown = _placed([(tab, _form(tab, form, tab.name == current, letters)) for tab in tabs])
        if not shown or _end(shown[-1]) <= width:
            break
    return [_inked(each, each.name == current) for each in shown]


def tab_line(shown: Sequence[Shown], width: int) -> Line:
    """Return the whole row."""
    line: list[tuple[str, str, str]] = []
    at = 0
    for tab in shown:
        line += [span(" " * (tab.x - at), "dim"), *tab.spans]
        at = _end(tab)
    return fit(tuple(line), width, "head")


def tab_at(shown: Sequence[Shown], x: int) -> str | None:
    """Return the name of the tab at column ``x``."""
    return next((tab.name for tab in shown if tab.x <= x < _end(tab)), None)


def notice_line(text: str, width: int) -> Line:
    """Return the row of what is not over yet."""
    return fit((span(clip(f" {text}", width), "warn_ink!", "warn"),), width, "warn")


FORMS: Final = 5


def _form(tab: TabName, form: int, current: bool, letters: bool) -> tuple[str, str]:
    """Return the key and the name: from ``F2 Market`` to ``2``."""
    key = tab.letter if letters else str(tab.number)
    title = SHORT.get(tab.title, tab.title) if form >= 3 else tab.title
    if form == 4 and not current:
        return f" {key}", ""
    # One blank, or none, tells the key from the name; its colour does too.
    prefix = "" if letters or form >= 2 else "F"
    return f" {prefix}{key}", (" " if form < 2 or letters else "") + title + (" " * (form == 0))


def _placed(forms: Sequence[tuple[TabName, tuple[str, str]]]) -> list[Shown]:
    shown: list[Shown] = []
    at = 0
    for tab, (key, title) in forms:
        shown.append(Shown(tab.name, at, (span(key), span(title))))
        at = _end(shown[-1])
    return shown


def _inked(tab: Shown, current: bool) -> Shown:
    key, title = tab.spans[0][0], tab.spans[1][0]
    if current:  # a mark as well: colour is never the only sign
        mark = "▸" + key.removeprefix(" ")
        return tab._replace(
            spans=(span(mark, "accent!", "cursor"), span(title, "accent!", "cursor"))
        )
    return tab._replace(spans=(span(key, "dim"), span(title, "label")))


def _end(tab: Shown) -> int:
    return tab.x + sum(len(text) for text, _, _ in tab.spans)
