"""When a price looks like a slip of the finger: far through the market. Pure.

A band is the exchange's own guard, but not every market has one. The command line and the terminal
ask by this rule before they send an order.
"""

from typing import Final, NamedTuple

FAT_FINGER_PCT: Final = 20
"""Asked about beyond this, unless somebody has set another."""


class Near(NamedTuple):
    """What a price is compared with."""

    price_ucr: int
    name: str


def near(
    buying: bool, bid_ucr: int | None, ask_ucr: int | None, last_ucr: int | None, taking: bool
) -> Near | None:
    """Return the market's price: whom the order meets, else its own side, else the last trade.

    One that takes (``taking``) whatever price stands there is held against the last trade too.
    """
    ask = Near(ask_ucr, "best ask") if ask_ucr else None
    bid = Near(bid_ucr, "best bid") if bid_ucr else None
    last = Near(last_ucr, "last trade") if last_ucr else None
    quoted = (ask or bid) if buying else (bid or ask)
    if not taking or quoted is None or last is None:
        return quoted or last
    return min(quoted, last) if buying else max(quoted, last)


def pct_through(buying: bool, price_ucr: int, market: Near, limit_pct: int) -> int | None:
    """Return by how many percent the price is worse than the market's, None up to the limit."""
    away_ucr = price_ucr - market.price_ucr if buying else market.price_ucr - price_ucr
    beyond = away_ucr * 100 > limit_pct * market.price_ucr
    return away_ucr * 100 // market.price_ucr if beyond else None
