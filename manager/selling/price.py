"""What a unit costs now: a number, by the hour, or relative to what others ask or bid. Pure.

A relative price never goes below its floor, and goes by what others show: own orders do not count,
so that it never follows itself. Two sellers who undercut each other end at the higher floor.
Source: manager.md, "Prices".
"""

from datetime import tzinfo
from typing import Literal, TypeAlias

from msgspec import Struct

from exchange.units import MAX_PRICE_UCR
from manager.selling.hours import Hours, local_time, minute_of


class Fixed(Struct, frozen=True):
    price_ucr: int


class Relative(Struct, frozen=True):
    """``alone_ucr``: the price while nobody else is there."""

    to: Literal["best_ask", "best_bid"]
    offset_ucr: int
    floor_ucr: int
    alone_ucr: int


class Hourly(Struct, frozen=True):
    """The first part whose hours contain the time; the last part has none: it is for the rest."""

    parts: tuple[tuple[Hours | None, int], ...]


Price: TypeAlias = Fixed | Relative | Hourly


def wanted_ucr(price: Price, at_ms: int, clock: tzinfo, best_ucr: int | None) -> int:
    """Return the price for delivery at ``at_ms``; ``best_ucr``: of others, for a relative one."""
    match price:
        case Fixed(price_ucr):
            return price_ucr
        case Relative():
            if best_ucr is None:
                return max(price.floor_ucr, price.alone_ucr)
            return max(price.floor_ucr, best_ucr + price.offset_ucr)
        case Hourly(parts):
            minute = minute_of(local_time(at_ms, clock))
            found = (ucr for hours, ucr in parts if hours is None or hours.contains(minute))
            return next(found, parts[-1][1])


def on_tick(price_ucr: int, tick_ucr: int) -> int:
    """Return the price on the tick, never below what was wanted unless it is the highest."""
    return min(-(-price_ucr // tick_ucr) * tick_ucr, MAX_PRICE_UCR - MAX_PRICE_UCR % tick_ucr)


def changes_with_time(price: Price) -> bool:
    return isinstance(price, Hourly)
