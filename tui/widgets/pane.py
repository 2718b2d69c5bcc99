"""A pane: rows of coloured text that redraw only where they changed.

One widget for every pane. It is given lines, compares them with what it shows, and refreshes just
the rows that differ; `Strip`s are kept per line, so a row that moves (the tape) is not made again.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.segment import Segment
from textual.filter import ANSIToTruecolor
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.themes import Paint
from tui.view.layout import Pane
from tui.view.text import Line, width_of

STRIPS_MAX: Final = 128
"""Strips kept per pane; beyond that, and twice its rows, only those of its rows are kept."""


class Row(Strip):
    """A strip that is freed when nobody has it any more.

    Textual keeps what it cut a strip into, and a whole one is cut into itself: such a circle stays
    until Python looks through all that it holds, which is hours later.
    """

    __slots__ = ()

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        ends = [cut for cut in cuts if cut <= self.cell_length]
        return [self] if ends == [self.cell_length] else super().divide(ends)


BLANK: Final = Strip.blank(0)


class LinesView(Widget):
    """Shows the lines it was last given. Not focusable: the screen knows where the keys go."""

    ALLOW_SELECT = False

    def __init__(self, paint: Paint, name: str) -> None:
        super().__init__(id=name, classes="pane")
        self.drawn_rows = 0
        """Rows refreshed since the start; tests and the benchmark read it."""
        self._paint = paint
        self._lines: list[Line] = []
        self._strips: dict[Line, Strip] = {}
        self._drawn: list[Strip] = []
        """The rows as strips of `_width` cells; those of `_late` are still to be made."""
        self._width = 0
        self._late: set[int] = set()

    @property
    def text(self) -> str:
        """What the pane shows, without colours."""
        return "\n".join("".join(text for text, _, _ in line) for line in self._lines)

    def repaint(self, paint: Paint) -> None:
        """Use other colours from now on."""
        self._paint = paint
        self._strips.clear()
        self._drawn = []
        self.refresh()

    def show(self, lines: list[Line]) -> None:
        """Take new lines and refresh the rows that differ."""
        old, self._lines = self._lines, lines
        if len(old) != len(lines):
            self._drawn = []
            self.drawn_rows += len(lines)
            self.refresh()
            return
        dirty = [y for y, line in enumerate(lines) if line != old[y]]
        self.drawn_rows += len(dirty)
        if dirty:
            self._late.update(dirty)
            width = self.outer_size.width
            self.refresh(*(Region(0, y, width, 1) for y in dirty))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the strips of ``crop``.

        Textual asks every pane for all its rows whenever anything on screen changed, and its usual
        way there (styles, borders, filters per row) took most of the time. A pane has no borders.
        """
        width, height = self.outer_size
        self._bring_up(width, max(height, crop.bottom))
        rows = self._drawn[crop.y : crop.bottom]
        if crop.x == 0 and crop.width == width:
            return rows
        return [strip.crop(crop.x, crop.right) for strip in rows]

    def render_line(self, y: int) -> Strip:
        return self._row(y, self.outer_size.width)

    def _bring_up(self, width: int, height: int) -> None:
        """Make the strips of the rows that changed since the last time, or of all."""
        if width != self._width or height != len(self._drawn):
            self._width, self._drawn = width, [BLANK] * height
            self._late.update(range(height))
        for y in self._late:
            if y < height:
                self._drawn[y] = self._row(y, width)
        self._late.clear()

    def _row(self, y: int, width: int) -> Strip:
        line = self._lines[y] if y < len(self._lines) else ()
        strip = self._strips.get(line)
        if strip is None:
            strip = self._strip(line)
        if strip.cell_length == width:
            return strip
        # A pane that was resized may still hold lines of its old width for one frame.
        return strip.adjust_cell_length(width, self._paint.style("text", ""))

    def _strip(self, line: Line) -> Strip:
        if len(self._strips) >= max(STRIPS_MAX, 2 * len(self._lines)):
            kept = self._strips
            self._strips = {each: kept[each] for each in self._lines if each in kept}
        style = self._paint.style
        segments = [Segment(text, style(ink, ground)) for text, ink, ground in line]
        strip = Strip(segments, width_of(line))
        for line_filter in self.get_line_filters():
            # Ours are true colours already; what is left is NO_COLOR's.
            if not isinstance(line_filter, ANSIToTruecolor):
                strip = strip.apply_filter(line_filter, self.background_colors[1])
        self._strips[line] = row = Row(strip, strip.cell_length)
        return row


class PaneView(LinesView):
    """One pane of the desk."""

    def __init__(self, pane: Pane, paint: Paint) -> None:
        super().__init__(paint, f"pane-{pane}")
        self.pane: Pane = pane
