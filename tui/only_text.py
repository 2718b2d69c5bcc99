"""What is drawn is text: no peer's words reach the terminal, or the browser's, as a command.

Exchanges, Managers, hosts and applicants write names and reasons; a control sequence in one could
write the clipboard or the title. This stands before the terminal, whatever widget drew the text.
"""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter


class OnlyText(LineFilter):
    """Puts a sign in place of every character that does not print."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.control or segment.text.isprintable()
            else Segment("".join(map(_shown, segment.text)), segment.style)
            for segment in segments
        ]


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char.isspace() else "\ufffd"
