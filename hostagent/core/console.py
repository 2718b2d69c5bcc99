"""A guest's serial console as the text sent to its renter. Pure.

A console holds whatever the guest writes: colours, cursor movements, bytes that are no text. All of
that goes, so that the text can be shown anywhere and never grows beyond a frame on the wire.
"""

import re
from typing import Final

from exchange.wire.text import console_end
from exchange.wire.types import CONSOLE_MAX_BYTES

READ_MAX_BYTES: Final = 4 * CONSOLE_MAX_BYTES
"""So much of a console's end is looked at: escape sequences are most of some."""

_ESCAPES: Final = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor movements
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|[ -/]*[0-~]"  # two characters and their like
    r")?"
)
_LINE_ENDS: Final = re.compile(r"\r+\n?")


def last_lines(data: bytes, lines: int) -> str:
    """Return the last ``lines`` lines of ``data`` as plain text, bounded by `console_end`."""
    return console_end(_cleaned(data[-READ_MAX_BYTES:].decode("utf-8", "replace")), lines)


def _cleaned(text: str) -> str:
    # A lone carriage return begins a line: progress bars overwrite themselves with it.
    return _LINE_ENDS.sub("\n", _ESCAPES.sub("", text))
