"""The axis of costs: even steps, or a logarithmic one where one cost would squash the others. Pure.

A logarithmic axis has no place for 0; what costs nothing then stands at its left edge.
"""

from collections.abc import Sequence
from math import ceil, floor, log10
from statistics import median
from typing import Final

from msgspec import Struct

from sim.page.figures import ticks

SQUASHED: Final = 5.0
"""So many times the median cost the highest may be before half of all stand in one corner."""
EDGE: Final = 0.06
"""Of the width: what is kept for 0 on a logarithmic axis."""
ROUND: Final = (1, 2, 5, 10)
NAMED_MAX: Final = 9


class Scale(Struct, frozen=True):
    """``named`` are the costs written at the axis. ``low``: where a logarithmic one begins."""

    named: list[float]
    high: float
    low: float | None = None
    edge: float = 0.0

    @property
    def words(self) -> str:
        if self.low is None:
            return ""
        return " (logarithmic scale" + ("; 0 at the left edge)" if self.edge else ")")

    def place(self, cost: float) -> float:
        """Return where ``cost`` stands, from 0 at the left to 1 at the right."""
        if self.low is None:
            return max(0.0, cost / self.high)
        if cost <= 0:
            return 0.0
        share = log10(cost / self.low) / log10(self.high / self.low)
        return self.edge + (1 - self.edge) * min(1.0, max(0.0, share))


def scale(means: Sequence[float], most: float) -> Scale:
    """Return the axis for costs of these means; ``most``: the end of the highest interval."""
    above = [mean for mean in means if mean > 0]
    if not above or max(above) <= SQUASHED * median(above):
        named = ticks(most, 6)
        return Scale(named, named[-1])
    low, high = _below(min(above)), _above(max(most, *above))
    edge = EDGE if len(above) < len(means) else 0.0
    return Scale([0.0] * (edge > 0) + _logarithmic(low, high), high, low, edge)


def _below(cost: float) -> float:
    size = 10.0 ** floor(log10(cost))
    return max(size * by for by in ROUND if size * by <= cost * (1 + 1e-9))


def _above(cost: float) -> float:
    size = 10.0 ** floor(log10(cost))
    return min(size * by for by in ROUND if size * by >= cost * (1 - 1e-9))


def _logarithmic(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 of each power of ten between both, or of the powers as many as fit."""
    powers = range(floor(log10(low) + 1e-9), ceil(log10(high) - 1e-9) + 1)
    found = [10.0**power * by for power in powers for by in (1, 2, 5)]
    found = [each for each in found if low * (1 - 1e-9) <= each <= high * (1 + 1e-9)]
    if len(found) <= NAMED_MAX:
        return found
    step = ceil(len(powers) / NAMED_MAX)
    return [10.0**power for power in powers[::step] if low <= 10.0**power <= high]
