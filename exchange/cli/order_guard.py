"""A price far through the market is asked about before it is sent, with what it may cost. Shell.

The rule is `exchange/price_guard.py`.
"""

import asyncio
from typing import Any, Final, NamedTuple

from exchange.client import Client, Unknown
from exchange.price_guard import FAT_FINGER_PCT, near, pct_through
from exchange.units import credits_text
from exchange.wire.frames import Ticker
from exchange.wire.requests import OrderList

TICKER_S: Final = 30


class Wanted(NamedTuple):
    """An order as far as its price goes; without one it takes the best there is."""

    symbol: str
    side: str
    qty: int
    price_ucr: int | None


def doubt(wanted: Wanted, market: Ticker) -> str:
    """Return why ``wanted`` looks like a slip, "" when it does not."""
    buying = wanted.side == "buy"
    taking = wanted.price_ucr is None
    meets_ucr = market.ask_ucr if buying else market.bid_ucr
    price_ucr = meets_ucr if wanted.price_ucr is None else wanted.price_ucr
    found = near(buying, market.bid_ucr, market.ask_ucr, market.last_ucr, taking)
    if price_ucr is None or found is None:
        return ""
    pct = pct_through(buying, price_ucr, found, FAT_FINGER_PCT)
    if pct is None:
        return ""
    away = f"{pct} % {'above' if buying else 'below'}"
    cost = f"{'up to' if buying else 'for'} {credits_text(wanted.qty * price_ucr)} an hour"
    what = f"{wanted.side} {wanted.qty} {wanted.symbol} at {credits_text(price_ucr)}"
    return f"{what}, {away} the {found.name} {credits_text(found.price_ucr)}, {cost}"


async def doubt_now(client: Client, wanted: Wanted) -> str:
    """Return `doubt` about ``wanted`` in the market as it is. Raises `Refused` or `Unknown`."""
    await client.subscribe("ticker", wanted.symbol)
    try:
        async with asyncio.timeout(TICKER_S):
            async for event in client.events():
                if isinstance(event, Ticker) and event.symbol == wanted.symbol:
                    return doubt(wanted, event)
    except TimeoutError:
        pass
    raise Unknown(f"the exchange tells no price of {wanted.symbol}; --yes sends the order anyway")


async def doubt_replaced(client: Client, named: dict[str, str], price_ucr: int, qty: int) -> str:
    """Return `doubt` about an order of ours at another price; ``qty`` 0: its own.

    Of an order that is not there nothing is said: the exchange refuses it.
    """
    rows: list[dict[str, Any]] = (await client.request(OrderList(req_id=1), patient=True))["orders"]
    [(field, name)] = named.items()
    row = next((each for each in rows if each[field] == name), None)
    if row is None:
        return ""
    left = max(0, qty - row["filled_qty"]) if qty else row["leaves_qty"]
    return await doubt_now(client, Wanted(row["symbol"], row["side"], left, price_ucr))
