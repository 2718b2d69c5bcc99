"""The redraw coalescer: many changes, few frames.

Leading edge: the first change after a quiet moment is drawn at once, so a key press feels
immediate; what follows within the frame time is drawn together at its end. 20 frames a second
is as fast as a person reads and costs a few per cent of a core.
"""

from collections.abc import Callable
from typing import Final

FRAME_MS: Final = 50


class FrameClock:
    """Calls ``draw`` at most once in `FRAME_MS`. ``after(ms, call)`` is the shell's timer."""

    def __init__(
        self,
        draw: Callable[[], None],
        now_ms: Callable[[], int],
        after: Callable[[int, Callable[[], None]], None],
    ) -> None:
        self._draw = draw
        self._now_ms = now_ms
        self._after = after
        self._drawn_ms: int | None = None
        self._pending = False

    def changed(self) -> None:
        """Something on screen is out of date: draw now or at the end of the running frame."""
        if self._pending:
            return
        now_ms = self._now_ms()
        if self._drawn_ms is None or now_ms - self._drawn_ms >= FRAME_MS:
            self._fire(now_ms)
        else:
            self._pending = True
            left_ms = self._drawn_ms + FRAME_MS - now_ms
            self._after(min(FRAME_MS, left_ms), self._due)  # more when the clock was set back

    def _due(self) -> None:
        self._pending = False
        self._fire(self._now_ms())

    def _fire(self, now_ms: int) -> None:
        self._drawn_ms = now_ms
        self._draw()
