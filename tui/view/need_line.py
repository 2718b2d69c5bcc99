"""The line in which a need is typed, and what was understood of it. Pure.

While a line is unclear nothing is searched: the last need that was read stays.
"""

from typing import Final

from exchange.find.need import Known, Need, say
from exchange.find.reader import read
from exchange.find.words import UnclearNeedError
from tui.view.text import Line, clip, clip_words, fit, span

NEED_MAX: Final = 200
EXAMPLE: Final = "such as: 4 small in Germany below 0.03, kvm, losses < 1 %"


class NeedLine:
    """``need`` is what was read last; ``fault`` why the typed text cannot be, "" when it can."""

    def __init__(self) -> None:
        self.need = Need()
        self.text = ""
        self.typing = False
        self.fault = ""
        self._before = ""
        self._old = False
        """Whether all that stands there is the last need, which text typed now replaces."""

    def begin(self) -> None:
        """Type anew; an editing key first, and what was typed last is changed instead."""
        self.typing, self.fault, self._before = True, "", self.text
        self._old = True

    def typed(self, key: str, character: str | None, known: Known) -> bool:
        """Take a key: Enter reads the line, Esc leaves it as it was; tells whether it is done."""
        if key == "enter":
            self._read(known)
        elif key == "escape":
            self.text, self.typing, self.fault = self._before, False, ""
        elif key == "backspace":
            self.text, self.fault = self.text[:-1], ""
        elif key == "ctrl+u":
            self.text, self.fault = "", ""
        elif character and character.isprintable():
            self._add(character)
        self._old = False
        return not self.typing

    def paste(self, text: str) -> None:
        """Take the first line of a paste as text."""
        first = (text.strip().splitlines() or [""])[0]
        printable = "".join(each for each in first if each.isprintable())
        self._add(printable)
        self._old = False

    def _add(self, text: str) -> None:
        self.text, self.fault = (("" if self._old else self.text) + text)[:NEED_MAX], ""

    def clear(self) -> bool:
        """Ask for nothing in particular; tells whether something was asked for."""
        had = self.need != Need()
        self.need, self.text, self.fault = Need(), "", ""
        return had

    def _read(self, known: Known) -> None:
        try:
            self.need = read(self.text, known)
        except UnclearNeedError as error:
            self.fault = str(error)
        else:
            self.typing, self.fault = False, ""

    def line(self, width: int) -> Line:
        """Return the row: what is typed, or what was understood."""
        if self.typing:
            room = max(1, width - 8)
            return fit((span(" NEED  ", "accent!"), *self._text(room)), width)
        said = say(self.need)
        shown = span(clip(said, width - 7), "own!") if said else span(EXAMPLE, "dim")
        return fit((span(" NEED  ", "label!"), shown), width)

    def _text(self, room: int) -> Line:
        end = self.text[-room:]  # the end is where one types
        return (span(end, "own!"), span("▏", "own!"))

    def fault_line(self, width: int) -> Line:
        """Return why the line cannot be read."""
        return fit((span(f" {clip_words(self.fault, width - 1)}", "warn!"),), width)
