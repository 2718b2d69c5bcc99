"""The last lines of a VM's console, followed: what to ask for, what the answers add. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from exchange.wire.console_requests import VmConsole
from exchange.wire.text import printable
from tui.view.table import Cell, Column, Row

LINES_ASKED: Final = 200
LINES_MAX: Final = 1_000
LINE_CELLS_MAX: Final = 500
"""Of one line; a guest may write without ever ending one."""
CONSOLE_COLUMNS: Final = (Column("line", 0, least=20),)
GAP: Final = "… lines are missing here: it was written faster than it was read"


class Console:
    """One VM's console; ``trouble``: why nothing new came, "" when all is well."""

    def __init__(self, vm_id: str = "", name: str = "") -> None:
        self.vm_id, self.name = vm_id, name
        self.trouble = ""
        self.ended = False
        self.first = 0
        """How many lines were dropped."""
        self.lines: list[str] = []
        self._after = ""
        self._whole = True
        """Whether the last line has ended."""

    def request(self) -> VmConsole:
        """Return what asks for that which was written since."""
        return VmConsole(req_id=1, vm_id=self.vm_id, lines=LINES_ASKED, after=self._after)

    def took(self, part: Mapping[str, Any]) -> bool:
        """Take an answer; tells whether more may be waiting. An old agent cannot be followed."""
        self.trouble = "" if "next" in part else "the host's agent is too old to be followed"
        self.ended = "next" not in part
        self._after = str(part.get("next", ""))
        if part.get("gap"):
            self._end_line(GAP)
        text = printable(part["text"]).replace("\t", "    ")
        first, *others = text.split("\n")
        self._add(first)
        for line in others:
            self._end_line()
            self._add(line)
        return bool(part["text"])

    def waits(self, why: str) -> None:
        """There was no answer; it is asked for again."""
        self.trouble = why

    def _add(self, text: str) -> None:
        if text and self._whole:
            self.lines.append("")
            self._whole = False
        if text:
            self.lines[-1] = (self.lines[-1] + text)[:LINE_CELLS_MAX]
        self._cut()

    def _end_line(self, note: str = "") -> None:
        """End the last line; one that is empty has not begun yet. ``note`` is a line of its own."""
        if self._whole and not note:
            self.lines.append("")
        if note:
            self.lines.append(note)
        self._whole = True
        self._cut()

    def _cut(self) -> None:
        cut = max(0, len(self.lines) - LINES_MAX)
        self.first += cut
        del self.lines[:cut]


def console_rows(console: Console) -> list[Row]:
    """Return the lines, oldest first, each known by its number."""
    return [
        Row(f"{console.name or console.vm_id}:{number}", (Cell(line),), line)
        for number, line in enumerate(console.lines, console.first + 1)
    ]
