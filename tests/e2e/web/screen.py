"""What a terminal shows after the bytes that it was sent: text only, for the tests to read."""

import re
import unicodedata
from typing import Final

_PIECE: Final = re.compile(
    r"\x1b\[(?P<args>[0-9;?]*)(?P<final>[@-~])"  # a control sequence
    r"|\x1b[\]P][^\x07\x1b]*(?:\x07|\x1b\\)"  # a command of the operating system: titles, copies
    r"|\x1b[^\[\]P]"
    r"|(?P<text>[^\x1b]+)"
)
COLS, ROWS = 500, 300


class Screen:
    """Knows as much of a terminal as Textual uses: where to write, and what."""

    def __init__(self) -> None:
        self.rows = [[" "] * COLS for _ in range(ROWS)]
        self.x = self.y = 0
        self.copied: list[str] = []

    @property
    def text(self) -> str:
        return "\n".join("".join(row).rstrip() for row in self.rows).rstrip()

    def find(self, wanted: str) -> tuple[int, int] | None:
        """Return column and row where ``wanted`` stands first."""
        for y, row in enumerate(self.rows):
            x = "".join(row).find(wanted)
            if x >= 0:
                return x, y
        return None

    def feed(self, text: str) -> None:
        self.copied += re.findall(r"\x1b\]52;c;([^\x07\x1b]*)", text)
        for piece in _PIECE.finditer(text):
            if piece["text"] is not None:
                self._write(piece["text"])
            elif piece["final"] == "H":
                row, _, column = piece["args"].partition(";")
                self.y, self.x = int(row or 1) - 1, int(column or 1) - 1

    def _write(self, text: str) -> None:
        for letter in text:
            if letter == "\n":
                self.x, self.y = 0, self.y + 1
            elif letter >= " " and self.x < COLS and self.y < ROWS:
                self.rows[self.y][self.x] = letter
                self.x += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
