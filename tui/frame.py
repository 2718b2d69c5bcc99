"""The redraw coalescer: many changes, few frames.

Leading edge: the first change after a quiet moment is drawn at once, so a key press feels
immediate; what follows within the frame time is drawn together at its end. 20 frames a second
are drawn of what a person does and of what happens to the account; prices that move all the time
are drawn 10 times a second, which is more than a person reads of them.
"""

from collections.abc import Callable
from typing import Final

FRAME_MS: Final = 50
MOVING_MS: Final = 100
"""Between two frames when nothing but the market moves."""


class FrameClock:
    """Calls ``draw`` at most once in `FRAME_MS`.

    ``after(ms, call)`` is the shell's timer; it returns what calls it off.
    """

    def __init__(
        self,
        draw: Callable[[], None],
        now_ms: Callable[[], int],
        after: Callable[[int, Callable[[], None]], Callable[[], None]],
    ) -> None:
        self._draw = draw
        self._now_ms = now_ms
        self._after = after
        self._drawn_ms: int | None = None
        self._due_ms: int | None = None
        """When the next frame is to be drawn; None while nothing is out of date."""
        self._call_off: Callable[[], None] | None = None

    def changed(self, pace_ms: int = FRAME_MS) -> None:
        """Something on screen is out of date: draw now or ``pace_ms`` after the last frame."""
        now_ms = self._now_ms()
        # A clock that was set back must not hold frames back.
        due_ms = now_ms if self._drawn_ms is None else min(self._drawn_ms, now_ms) + pace_ms
        if due_ms <= now_ms:
            self._fire()
        elif self._due_ms is None or due_ms < self._due_ms:
            self._wait_no_longer()
            self._due_ms = due_ms
            self._call_off = self._after(due_ms - now_ms, self._due)

    def _due(self) -> None:
        if self._due_ms is not None:
            self._fire()

    def _fire(self) -> None:
        self._wait_no_longer()
        self._drawn_ms = self._now_ms()
        self._draw()

    def _wait_no_longer(self) -> None:
        if self._call_off is not None:
            self._call_off()
        self._due_ms = self._call_off = None
