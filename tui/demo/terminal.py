"""What a terminal shows after the bytes that it was sent: rows of styled text. Pure.

Knows as much of a terminal as Textual uses. What it does not know is refused, not guessed.
"""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

_PIECE: Final = re.compile(
    r"\x1b\[(?P<args>[0-?]*)[ -/]*(?P<final>[@-~])"  # a control sequence
    r"|\x1b[\]P][^\x07\x1b]*(?:\x07|\x1b\\)"  # to the operating system: titles, copies
    r"|\x1b[^\[\]P]"
    r"|(?P<text>[^\x1b]+)"
)
_SILENT: Final = frozenset("hlpqcntu")
"""Modes and questions: they change nothing that is shown."""
_ON: Final = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_OFF: Final = {
    22: ("bold", "dim"),
    23: ("italic",),
    24: ("underline",),
    27: ("reverse",),
    29: ("strike",),
}


class Style(NamedTuple):
    """Colours are `#rrggbb`, "" is the terminal's own."""

    fore: str = ""
    back: str = ""
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False
    strike: bool = False


class Run(NamedTuple):
    """Neighbours of one style."""

    text: str
    style: Style


ScreenRow: TypeAlias = tuple[Run, ...]
PLAIN: Final = Style()


class UnknownSequenceError(ValueError):
    """``str`` is the sequence that no rule here covers."""


class Terminal:
    """A screen of ``width`` x ``height`` cells; each letter takes one."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._cells = [[(" ", PLAIN)] * width for _ in range(height)]
        self._x = self._y = 0
        self._style = PLAIN
        self._rest = ""

    @property
    def rows(self) -> tuple[ScreenRow, ...]:
        return tuple(
            tuple(
                Run("".join(letter for letter, _ in cells), style)
                for style, cells in groupby(row, lambda cell: cell[1])
            )
            for row in self._cells
        )

    @property
    def text(self) -> str:
        return "\n".join("".join(letter for letter, _ in row).rstrip() for row in self._cells)

    def feed(self, text: str) -> None:
        """Show ``text``, which may end within a sequence."""
        text, at = self._rest + text, 0
        while at < len(text) and (piece := _PIECE.match(text, at)):
            at = piece.end()
            if piece["text"] is not None:
                self._write(piece["text"])
            elif piece["final"]:
                self._control(piece["args"], piece["final"])
        self._rest = text[at:]

    def _control(self, args: str, final: str) -> None:
        if final == "m" and not args.startswith((">", "?")):
            self._style = restyled(self._style, [int(one or 0) for one in args.split(";")])
        elif final == "H":
            row, _, column = args.partition(";")
            self._y, self._x = int(row or 1) - 1, int(column or 1) - 1
        elif final == "J" and args in ("2", "3"):
            self._cells = [[(" ", PLAIN)] * self.width for _ in range(self.height)]
        elif final not in _SILENT and final != "m":
            raise UnknownSequenceError(f"ESC [ {args} {final}")

    def _write(self, text: str) -> None:
        for letter in text:
            if letter == "\n":
                self._y += 1
            elif letter == "\r":
                self._x = 0
            elif letter >= " " and self._x < self.width and self._y < self.height:
                self._cells[self._y][self._x] = letter, self._style
                self._x += 1


def restyled(style: Style, codes: Sequence[int]) -> Style:
    """Return ``style`` after the numbers of one `m` sequence."""
    left, fields = list(codes), style._asdict()
    while left:
        code = left.pop(0)
        if code == 0:
            fields = PLAIN._asdict()
        elif code in _ON:
            fields[_ON[code]] = True
        elif code in _OFF:
            fields |= dict.fromkeys(_OFF[code], False)
        elif code in (39, 49):
            fields["fore" if code == 39 else "back"] = ""
        elif code in (38, 48) and left[:1] == [2] and len(left) >= 4:
            fields["fore" if code == 38 else "back"] = "#{:02x}{:02x}{:02x}".format(*left[1:4])
            left = left[4:]
        else:
            raise UnknownSequenceError(f"ESC [ {code} m")
    return Style(**fields)
