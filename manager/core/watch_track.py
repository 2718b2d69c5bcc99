"""``track`` and ``predict``: as many units as keep a metric at its target. Pure.

    desired = ceil(units x metric / target)       Kubernetes' formula

``units`` are all in service or on their way, and the metric is what they would show together: a
purchase under way is not made twice. Within `TOLERANCE` of the target nothing changes. Up at once;
down only to the most that was desired in the last ``stabilise_down``, of which all must be known:
after a start, or a time without load, nothing is given back before that. ``predict`` takes the
greater of the load and what `forecast.py` expects, so it never asks for less than ``track``.
Source: manager.md, ``track and predict``.
"""

from collections import deque
from math import ceil
from typing import Final

from exchange.units import MAX_QTY, count_text
from manager.core.forecast import Trend
from manager.core.rule import BuyTo, Release, Rule, Track
from manager.core.rule_state import Reading
from manager.core.wish import Wish
from manager.core.words import duration_text, figure_text

TOLERANCE: Final = 0.1
ROUNDING: Final = 1e-9
"""What a float may be above a whole number and still be it."""


class Highest:
    """The greatest of the values of the last ``window_ms``; each counts until the next."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._values: deque[tuple[int, int]] = deque()
        """(value, last moment it counted), falling; bounded by the number of values."""

    def clear(self) -> None:
        self._values.clear()

    def add(self, value: int, now_ms: int) -> None:
        values = self._values
        if not values:
            # What was before is not known, so it may have been anything.
            values.append((MAX_QTY, now_ms))
        else:
            values[-1] = (values[-1][0], now_ms)
        while values and values[-1][0] <= value:
            values.pop()
        values.append((value, now_ms))
        while values[0][1] <= now_ms - self._window_ms and len(values) > 1:
            values.popleft()

    def highest(self) -> int:
        return self._values[0][0]

    def falls_ms(self) -> int | None:
        """Return when the greatest value leaves the window if nothing is added."""
        return self._values[0][1] + self._window_ms if len(self._values) > 1 else None


class TrackWatch:
    """Follows one load, and with ``track.ahead`` the load to come."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._recent = Highest(track.stabilise_ms)
        self._trend = None if track.ahead is None else Trend(track.ahead.window_ms)
        self._sample_ms = -1
        self._expected_rps: float | None = None
        self._desired = self._exact = 0
        """With and without the tolerance."""
        self._off_since_ms: int | None = None
        """Since when there are more or fewer units than desired."""

    def renew(self, rule: Rule) -> None:
        pass  # the target is as before

    def observe(self, reading: Reading, now_ms: int) -> None:
        load_rps = reading.load_rps
        if load_rps is None:
            self._recent.clear()
            self._expected_rps = self._off_since_ms = None
            if self._trend is not None:
                self._trend.clear()
            return
        if reading.load_at_ms > self._sample_ms:
            self._sample_ms = reading.load_at_ms
            self._expected_rps = self._expect(load_rps, reading)
        self._desired = self._units_for(max(load_rps, self._expected_rps or 0.0), reading)
        self._recent.add(self._desired, now_ms)
        if self._desired == _have(reading):
            self._off_since_ms = None
        elif self._off_since_ms is None:
            self._off_since_ms = now_ms

    def unmoved(self, reading: Reading, now_ms: int) -> bool:
        return False

    def wish(self, reading: Reading, now_ms: int) -> Wish | None:
        if reading.load_rps is None:
            return None
        have = _have(reading)
        if self._desired > have:
            return Wish(BuyTo(reading.bought + self._desired - have), self._why(reading))
        surplus = min(have - self._recent.highest(), reading.bought)
        return Wish(Release(surplus), self._why(reading)) if surplus > 0 else None

    def dues_ms(self, cooled_ms: int) -> tuple[int, ...]:
        falls_ms = self._recent.falls_ms()
        return (cooled_ms,) if falls_ms is None else (falls_ms, cooled_ms)

    def floor(self, reading: Reading) -> int:
        return 0

    def replaces(self, lost: int, reading: Reading) -> int:
        return min(lost, max(0, self._exact - _have(reading)))

    def since_ms(self) -> int | None:
        return self._off_since_ms

    def needs(self, reading: Reading, now_ms: int) -> list[str]:
        if reading.load_rps is None:
            return ["no figure of the load"]
        wants = f"{self._why(reading)}: it wants {count_text(self._desired, 'unit')} in service"
        falls_ms, highest = self._recent.falls_ms(), self._recent.highest()
        if self._desired >= _have(reading) or highest < _have(reading) or falls_ms is None:
            return [] if self._desired != _have(reading) else [f"{wants}, and has them"]
        wait = duration_text(max(0, falls_ms - now_ms))
        return [f"{wants}; it gives nothing back for {wait}"]

    def _expect(self, load_rps: float, reading: Reading) -> float | None:
        if self._trend is None or self._track.ahead is None:
            return None
        self._trend.add(reading.load_at_ms, load_rps)
        lead_ms = self._track.ahead.lead.ms(reading.boot_p95_ms)
        return self._trend.at(reading.load_at_ms + lead_ms)

    def _units_for(self, load_rps: float, reading: Reading) -> int:
        """Return how many units, our own servers included, keep ``load_rps`` at the target."""
        have, serves = _have(reading), self._one_serves(reading)
        least = have - reading.bought
        self._exact = min(MAX_QTY, max(least, ceil(load_rps / serves - ROUNDING)))
        if have and abs(load_rps / (have * serves) - 1) <= TOLERANCE + ROUNDING:
            return have
        return self._exact

    def _one_serves(self, reading: Reading) -> float:
        """Return the requests/s that one unit serves at the target."""
        if self._track.metric == "load":
            return self._track.target
        return reading.unit_rps * self._track.target / 100

    def _why(self, reading: Reading) -> str:
        assert reading.load_rps is not None, "asked only when it is known"
        target = f"{self._track.metric} {figure_text(self._track.target)}"
        text = f"load {figure_text(reading.load_rps)} for {target}"
        if self._expected_rps is None:
            return text
        return f"{text}, {figure_text(self._expected_rps)} expected"


def _have(reading: Reading) -> int:
    return reading.ready + reading.coming
