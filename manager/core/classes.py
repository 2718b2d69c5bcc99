"""Where a rule buys, in order: its own class in each of its zones, then each fallback class. Pure.

A unit of a larger class runs the same stored VM and counts as one unit, for ``max_units`` and for
``unit_rps`` alike; ``price_max`` is its highest price too. Source: manager.md, "Purchases".
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from exchange.wire.terms import DEFAULT_CLASSES, need_of
from exchange.wire.types import Capacity

FALLBACKS_MAX: Final = 8


class Place(Struct, frozen=True):
    """A class in a zone: with the pricing of the Manager, one spot book."""

    class_name: str
    zone: str


def places(own_class: str, fallback: Iterable[str], zones: Sequence[str]) -> tuple[Place, ...]:
    """Return every place, the preferred one first."""
    return tuple(Place(name, zone) for name in (own_class, *fallback) for zone in zones)


def place_of(symbol: str) -> Place:
    """Return the place that a symbol names."""
    class_name, zone = symbol.split(".")[:2]
    return Place(class_name, zone)


def fallback_mistakes(own_class: str, fallback: Sequence[str]) -> Iterator[str]:
    """Yield why these cannot stand in for ``own_class``; only default classes' shapes are known."""
    own = DEFAULT_CLASSES.get(own_class)
    for at, name in enumerate(fallback):
        shape = DEFAULT_CLASSES.get(name)
        if name == own_class:
            yield f"{name!r} is the class of the stored VM itself"
        elif name in fallback[:at]:
            yield f"{name!r} is named twice"
        elif own is not None and shape is None:
            yield f"unknown class {name!r}; there are {', '.join(DEFAULT_CLASSES)}"
        elif own is not None and shape is not None and not _holds(shape, own):
            yield f"{name!r} is smaller than {own_class!r}, which the stored VM needs"


def _holds(shape: Capacity, other: Capacity) -> bool:
    return all(has >= needs for has, needs in zip(need_of(shape), need_of(other), strict=True))
