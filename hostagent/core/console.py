"""A guest's serial console as the text sent to its renter. Pure.

A console holds whatever the guest writes: colours, cursor movements, bytes that are no text. All of
that goes, so that the text can be shown anywhere and never grows beyond a frame on the wire.

Who follows a console gets a mark with each part and gives it back for the next one. It names a
file and a place in it, so that nothing is kept for a follower, and no byte comes twice or never. A
part ends before what the guest has not written completely: a character, an escape sequence, the end
of a line.
"""

import re
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final

from msgspec import Struct

from exchange.wire.text import console_end, without_controls
from exchange.wire.types import CONSOLE_MAX_BYTES

READ_MAX_BYTES: Final = 4 * CONSOLE_MAX_BYTES
"""So much of a console's end is looked at: escape sequences are most of some."""
PART_BYTES: Final = CONSOLE_MAX_BYTES // 3
"""So much is read for a follower at a time: a byte that is no text becomes three."""

_ESCAPES: Final = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor movements
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|[ -/]*[0-~]"  # two characters and their like
    r")?"
)
_LINE_ENDS: Final = re.compile(r"\r+\n?")
_UNFINISHED_MAX: Final = 300
"""What is longer is not waited for."""
_UNFINISHED: Final = re.compile(rb"(?:\r+|\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[ -/]*)?)\Z")
_HALF_CHARACTER: Final = re.compile(
    rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)
_MARK: Final = re.compile(r"([0-9]{1,20}):([0-9]{1,20})(n?)\Z")


class ConsolePart(Struct, frozen=True):
    """``next``: the mark to go on from, None where nobody follows. ``gap``: what came after the
    mark that was given is no longer there; these are the last lines instead."""

    text: str
    next: str | None = None
    gap: bool = False


class Roll(Struct, frozen=True):
    """One of the files that a console was written to. ``number`` tells it from the others;
    ``read(start, end)`` returns its bytes."""

    number: int
    size: int
    read: Callable[[int, int], bytes]


class Written:
    """All that is left of a console, oldest first, as one run of bytes."""

    def __init__(self, rolls: Sequence[Roll]) -> None:
        starts = accumulate((roll.size for roll in rolls), initial=0)
        self._rolls = list(zip(starts, rolls, strict=False))
        self.size = sum(roll.size for roll in rolls)

    def read(self, start: int, end: int) -> bytes:
        parts = [
            roll.read(max(0, start - begins), min(roll.size, end - begins))
            for begins, roll in self._rolls
            if begins < end and start < begins + roll.size
        ]
        return b"".join(parts)

    def mark(self, position: int) -> str:
        """Return what `find` finds again, also when the files are rolled over meanwhile."""
        begins, roll = next(one for one in reversed(self._rolls) if one[0] <= position)
        return f"{roll.number}:{position - begins}"

    def find(self, number: int, offset: int) -> int | None:
        for begins, roll in self._rolls:
            if roll.number == number and offset <= roll.size:
                return begins + offset
        return None


def part(written: Written, lines: int, after: str | None = None) -> ConsolePart:
    """Return the last ``lines`` lines, or with a mark as ``after`` what was written since.

    With "" they are the last lines too, and somebody goes on from there.
    """
    found = _MARK.match(after or "")
    start = written.find(int(found[1]), int(found[2])) if found else None
    if found is None or start is None:
        return _tail(written, lines, after)
    data = _finished(written.read(start, min(written.size, start + PART_BYTES)))
    text = ("\n" if found[3] else "") + without_controls(_cleaned(data))
    return ConsolePart(text, written.mark(start + len(data)))


def _tail(written: Written, lines: int, after: str | None) -> ConsolePart:
    start = max(0, written.size - READ_MAX_BYTES)
    data = _finished(written.read(start, written.size))
    if after is None:
        return ConsolePart(last_lines(data, lines))
    # The last lines are shown without their end: the next part begins with it.
    owed = "n" if without_controls(_cleaned(data)).endswith("\n") else ""
    mark = written.mark(start + len(data)) + owed
    return ConsolePart(last_lines(data, lines), mark, gap=after != "")


def last_lines(data: bytes, lines: int) -> str:
    """Return the last ``lines`` lines of ``data`` as plain text, bounded by `console_end`."""
    return console_end(_cleaned(data[-READ_MAX_BYTES:]), lines)


def _cleaned(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    # A lone carriage return begins a line: progress bars overwrite themselves with it. One that an
    # escape sequence parts from its line feed counts as such: a part may end between them.
    return _ESCAPES.sub("", _LINE_ENDS.sub("\n", text))


def _finished(data: bytes) -> bytes:
    """Return ``data`` without an end that may become something else with the next byte."""
    for unfinished in (_HALF_CHARACTER, _UNFINISHED):
        begun = unfinished.search(data, max(0, len(data) - _UNFINISHED_MAX))
        data = data[: begun.start()] if begun else data
    return data
