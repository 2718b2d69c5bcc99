"""The offer wizard's lines: questions, preview, and the row of keys below them. Pure."""

from collections.abc import Sequence
from typing import Final

from tui.view.table import ListView
from tui.view.text import Line, fit, span
from tui.view.wizard import Steps, folded

KEYS: Final = {
    "asking": (
        ("on", "↵", "preview"),
        ("", "↑ ↓", "field"),
        ("", "← →", "choose"),
        ("back", "Esc", "leave"),
    ),
    "preview": (("on", "↵", "put it in force"), ("", "↑ ↓", "rows"), ("back", "Esc", "change it")),
}
NOTES_MAX: Final = 5
GAP: Final = 3


def asking_lines(steps: Steps, width: int, height: int) -> list[Line]:
    """Return the questions and their keys as ``height`` lines."""
    return _filled(steps.lines(width), keys_line("asking", width), width, height)


def preview_lines(
    shown: ListView,
    group: str,
    told: str,
    notes: Sequence[str],
    width: int,
    height: int,
    stage: str,
) -> list[Line]:
    """Return what the offer would ask for, and why not more."""
    head = folded(span(f" {group}: {told}", "text!"), width)
    more = [] if len(notes) <= NOTES_MAX else [f"and {len(notes) - NOTES_MAX} more"]
    below = [
        line
        for note in (*notes[:NOTES_MAX], *more)
        for line in folded(span(f" · {note}", "label"), width)
    ]
    room = max(4, height - len(head) - len(below) - 4)
    blank = fit((), width)
    lines = [*head, blank, *shown.lines(width, room, stage == "preview"), blank, *below]
    return _filled(lines, keys_line(stage, width), width, height)


def side_by_side(
    steps: Steps, right: Sequence[Line], left_cells: int, width: int, stage: str
) -> list[Line]:
    """Return the questions with the preview beside them."""
    height = len(right)
    left = _filled(steps.lines(left_cells), fit((), left_cells), left_cells, height)
    bar = span(" │ "[: width - left_cells], "rule")
    lines = [fit((*one, bar, *other), width) for one, other in zip(left, right, strict=True)]
    return [*lines[:-1], keys_line(stage, width)]


def keys_line(stage: str, width: int) -> Line:
    spans = [span(" ")]
    for _, key, words in KEYS[stage]:
        spans += [span(key, "accent!"), span(f" {words}" + " " * GAP, "label")]
    return fit(tuple(spans), width)


def key_at(keys: Sequence[tuple[str, str, str]], x: int) -> str:
    """Return what a click at cell ``x`` of the keys' line does, "" for nothing."""
    at = 1
    for deed, key, words in keys:
        end = at + len(key) + 1 + len(words)
        if at <= x < end:
            return deed
        at = end + GAP
    return ""


def _filled(lines: Sequence[Line], last: Line, width: int, height: int) -> list[Line]:
    shown = list(lines[: height - 1])
    return [*shown, *[fit((), width)] * (height - 1 - len(shown)), last]
