"""Questions one below the other, each a choice or typed. Pure.

``fields`` depends on the values, so that what a choice makes needless is not asked. The first
character typed into a field takes the place of what is there; Backspace changes it.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from tui.view.text import Line, clip, fit, span

TEXT_MAX: Final = 200
LABEL: Final = 16
HEADING_ROWS: Final = 2


class Step(NamedTuple):
    """``choices``: (value, words); none: it is typed. ``hint`` says what may stand there."""

    name: str
    title: str
    choices: tuple[tuple[str, str], ...] = ()
    hint: str = ""


class Steps:
    """``values`` by the names of fields; ``wrong`` is the line that says what is a mistake."""

    def __init__(
        self,
        title: str,
        fields: Callable[[dict[str, str]], Sequence[Step]],
        values: dict[str, str],
    ) -> None:
        self.title = title
        self.values = values
        self.at = 0
        self.wrong = ""
        self._fields = fields
        self._fresh = True

    @property
    def fields(self) -> list[Step]:
        return list(self._fields(self.values))

    @property
    def field(self) -> Step:
        fields = self.fields
        return fields[min(self.at, len(fields) - 1)]

    # --- keys and mouse ---

    def key(self, key: str, character: str | None) -> None:
        """Take a key; those with no meaning here change nothing."""
        field = self.field
        if key in ("up", "shift+tab"):
            self._go(self.at - 1)
        elif key in ("down", "tab"):
            self._go(self.at + 1)
        elif field.choices:
            if key in ("left", "right", "space"):
                self.choose(-1 if key == "left" else 1)
        elif key in ("backspace", "delete"):
            self._put(self.values.get(field.name, "")[:-1] if key == "backspace" else "")
        elif character and character.isprintable():
            self.type(character)

    def type(self, text: str) -> None:
        """Add ``text`` to a typed field."""
        if not self.field.choices:
            before = "" if self._fresh else self.values.get(self.field.name, "")
            self._put((before + text)[:TEXT_MAX])

    def choose(self, by: int) -> None:
        """Take the next choice, or the one before."""
        field = self.field
        values = [value for value, _ in field.choices]
        if values:
            now = self.values.get(field.name, values[0])
            at = values.index(now) if now in values else 0
            self.values[field.name] = values[(at + by) % len(values)]
            self.wrong = ""

    def click(self, y: int) -> bool:
        """A click on line ``y``: go to its field; on the field of the cursor, the next choice."""
        at = y - HEADING_ROWS
        if not 0 <= at < len(self.fields):
            return False
        if at == self.at:
            self.choose(1)
        self._go(at)
        return True

    def point(self, name: str) -> None:
        """Put the cursor on the field called ``name``, if it is asked."""
        names = [field.name for field in self.fields]
        if name in names:
            self._go(names.index(name))

    def _go(self, at: int) -> None:
        self.at = max(0, min(len(self.fields) - 1, at))
        self._fresh = True

    def _put(self, text: str) -> None:
        self.values[self.field.name] = text
        self._fresh, self.wrong = False, ""

    # --- drawing ---

    def lines(self, width: int) -> list[Line]:
        """Return title, fields, and below them the hint or the mistake."""
        fields = self.fields
        self.at = min(self.at, len(fields) - 1)
        rows = [self._line(field, at == self.at, width) for at, field in enumerate(fields)]
        hint = fields[self.at].hint
        below = span(f" ! {self.wrong}", "warn!") if self.wrong else span(f" {hint}", "dim")
        blank = fit((), width)
        return [
            fit((span(f" {self.title}", "label!"),), width),
            blank,
            *rows,
            blank,
            *folded(below, width),
        ]

    def _line(self, field: Step, here: bool, width: int) -> Line:
        value = self.values.get(field.name, "")
        mark = span("›" if here else " ", "accent!")
        label = span(f" {field.title:<{LABEL}} ", "text" if here else "label")
        if field.choices:
            words = dict(field.choices).get(value, value)
            shown = f"‹ {words} ›" if here else f"  {words}"
        else:
            shown = f"  {value or ('' if here else '–')}"
        room = max(1, width - LABEL - 4)
        spans = [mark, label, span(clip(shown, room), "text!" if here else "text")]
        if here and not field.choices:
            spans.append(span("▏", "own!"))
        return fit(tuple(spans), width, "cursor" if here else "")


def folded(text: tuple[str, str, str], width: int) -> list[Line]:
    """Return a text on as many lines as it takes."""
    words, ink, _ = text
    lines, line = [], ""
    for word in words.split(" "):
        if len(line) + len(word) + 1 > width - 1 and line.strip():
            lines.append(line)
            line = "   "
        line += word + " "
    return [fit((span(each.rstrip(), ink),), width) for each in (*lines, line)]
