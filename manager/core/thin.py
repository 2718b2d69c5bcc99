"""A long series of figures as a short one for a picture: peaks stay. Pure."""

from collections.abc import Sequence
from typing import TypeVar

At = TypeVar("At", int, float)


def thinned(series: Sequence[tuple[At, float]], points: int) -> list[tuple[At, float]]:
    """Return at most ``points`` of ``series``, in order of time: the highest of equal stretches."""
    if len(series) <= points:
        return list(series)
    first = series[0][0]
    width = (series[-1][0] - first) / points or 1
    kept: dict[int, tuple[At, float]] = {}
    for at, value in series:
        stretch = min(points - 1, int((at - first) / width))
        if stretch not in kept or value > kept[stretch][1]:
            kept[stretch] = (at, value)
    return list(kept.values())
