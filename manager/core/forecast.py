"""What the load will be: the straight line through the last samples, looked at some time ahead.

The line has the least squares to the samples of the window. It is used only when they span half of
the window: two samples in a row after a start would tell anything. A window holds `MAX_POINTS` at
most; closer samples than that are averaged. Pure. Source: manager.md, ``track and predict``.
"""

from collections import deque
from typing import Final

from msgspec import Struct

from manager.core.rule_text import parse_duration_ms

MAX_POINTS: Final = 256
BOOT: Final = "boot_p95"


class Lead(Struct, frozen=True):
    """``boots`` times the measured p95 of our own boots, and ``plus_ms``."""

    boots: int
    plus_ms: int

    def ms(self, boot_p95_ms: int) -> int:
        return self.boots * boot_p95_ms + self.plus_ms


class Ahead(Struct, frozen=True):
    """Look ``lead`` ahead, with what the last ``window_ms`` showed; ``text`` as it was written."""

    window_ms: int
    lead: Lead
    text: str


def parse_lead(text: str) -> Lead:
    """Parse ``boot_p95 + 60s``, ``boot_p95``, ``5m``. Raises `ValueError`."""
    terms = [term.strip() for term in text.split("+")]
    boots = terms.count(BOOT)
    if boots > 1:
        raise ValueError(f"{text!r} has {BOOT} more than once")
    return Lead(boots, sum(parse_duration_ms(term) for term in terms if term != BOOT))


class Point(Struct):
    """The mean of some samples close together."""

    first_ms: int
    at_ms: float
    value: float
    count: int


class Trend:
    """The samples of a window, and the line through them."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._points: deque[Point] = deque()
        self._line: tuple[float, float, float] | None = None

    def clear(self) -> None:
        """The load is not known any more: a line over a gap would be a guess."""
        self._points.clear()
        self._line = None

    def add(self, at_ms: int, value: float) -> None:
        """Take a sample that is newer than those before."""
        while self._points and self._points[0].at_ms < at_ms - self._window_ms:
            self._points.popleft()
        last = self._points[-1] if self._points else None
        if last is not None and (at_ms - last.first_ms) * (MAX_POINTS - 1) < self._window_ms:
            last.count += 1
            last.at_ms += (at_ms - last.at_ms) / last.count
            last.value += (value - last.value) / last.count
        else:
            self._points.append(Point(at_ms, at_ms, value, 1))
        self._line = self._fitted()

    def at(self, at_ms: int) -> float | None:
        """Return the load expected then, never below 0; ``None``: too little is known."""
        if self._line is None:
            return None
        middle_ms, mean, slope = self._line
        return max(0.0, mean + slope * (at_ms - middle_ms))

    def _fitted(self) -> tuple[float, float, float] | None:
        points = self._points
        if points[-1].at_ms - points[0].at_ms < self._window_ms / 2:
            return None
        total = sum(point.count for point in points)
        middle_ms = sum(point.at_ms * point.count for point in points) / total
        mean = sum(point.value * point.count for point in points) / total
        spread = sum(point.count * (point.at_ms - middle_ms) ** 2 for point in points)
        both = sum(
            point.count * (point.at_ms - middle_ms) * (point.value - mean) for point in points
        )
        return middle_ms, mean, both / spread
