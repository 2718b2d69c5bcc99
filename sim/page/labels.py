"""Where the numbers and names of points go, so that none stands on another. Pure.

Lengths are percent of the field's width and height. A label that has no room at its point goes
above or below it, on a line of its own.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

BADGE_WIDE: Final = 5.5
"""A number in its ring, in a window as narrow as a phone's."""
LETTER_WIDE: Final = 1.0
"""A letter of a name, in the narrowest window that shows names."""
HIGH: Final = 7.0
LEVELS: Final = tuple(sorted(range(-14, 15), key=abs))
"""The nearest first: all that the field has, so that seven labels always find room."""


class Spot(Struct, frozen=True):
    """Where a point is, and the name beside its number; lower ``rank`` chooses first."""

    x: float
    y: float
    name: str = ""
    rank: int = 0


class Label(Struct, frozen=True):
    """``y`` is the middle of its line, ``left``: the name stands left of the number."""

    y: float
    left: bool
    name: str


Box = tuple[float, float, float]
"""From and until along the width, and the middle of the height."""


def labels(spots: Sequence[Spot]) -> list[Label]:
    """Return a label for each spot, in their order."""
    found: dict[int, Label] = {}
    taken: list[Box] = []
    for index in sorted(range(len(spots)), key=lambda index: (spots[index].rank, index)):
        found[index], box = _chosen(spots[index], taken)
        taken.append(box)
    return [found[index] for index in range(len(spots))]


def _chosen(spot: Spot, taken: Sequence[Box]) -> tuple[Label, Box]:
    for label, box in _places(spot):
        if not any(_meet(box, other) for other in taken):
            return label, box
    return Label(spot.y, False, ""), _box(spot.x, spot.y, 0.0, False)


def _places(spot: Spot) -> Iterator[tuple[Label, Box]]:
    """Yield the places of a label with its name, then without, the nearest first."""
    for name in dict.fromkeys((spot.name, "")):
        long = LETTER_WIDE * (len(name) + 1) if name else 0.0
        for level in LEVELS:
            y = spot.y + level * HIGH
            for left in (False, True):
                box = _box(spot.x, y, long, left)
                room = box[0] >= 0 if left else box[1] <= 100
                if (level == 0 or 0 <= y <= 100) and (room or not name):
                    yield Label(y, left, name), box


def _box(x: float, y: float, long: float, left: bool) -> Box:
    half = BADGE_WIDE / 2
    return (x - half - long, x + half, y) if left else (x - half, x + half + long, y)


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and abs(one[2] - other[2]) < HIGH * 0.99
