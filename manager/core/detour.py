"""Buys around hosts that are to be avoided. Pure.

A bid cannot name hosts: the best ask at its price or below gets the trade. So a bid stays below
the best ask of the avoided hosts. Source: manager.md, "Units that never serve".
"""

from collections.abc import Collection, Sequence

from msgspec import Struct

from exchange.wire.frames import HostAsk


class Offering(Struct, frozen=True):
    """A host and its best asks, of a row of the directory."""

    host: str
    asks: list[HostAsk] = []


class Way(Struct, frozen=True):
    """``limit_ucr``: bid at most so much, 0: no bid reaches anyone but who is avoided. ``others``:
    somebody else offers at the rule's price or below."""

    limit_ucr: int
    others: bool


def way_around(
    rows: Sequence[Offering], symbol: str, avoided: Collection[str], limit_ucr: int, tick_ucr: int
) -> Way:
    """Return how to buy ``symbol`` for up to ``limit_ucr`` from hosts that are not avoided."""
    asks = [
        (row.host in avoided, ask.price_ucr)
        for row in rows
        for ask in row.asks
        if ask.symbol == symbol and ask.price_ucr <= limit_ucr
    ]
    worst = [price for bad, price in asks if bad]
    others = [price for bad, price in asks if not bad]
    if not worst:
        return Way(limit_ucr, bool(others))
    cap_ucr = min(worst) - tick_ucr
    reaches = bool(others) and min(others) <= cap_ucr
    return Way(cap_ucr if reaches else 0, bool(others))
