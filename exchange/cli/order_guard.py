"""A price far through the market is asked about before it is sent, with what it may cost. Shell.

A band is the exchange's own guard, but not every market has one.
"""

import asyncio
from typing import Any, Final, NamedTuple

from exchange.client import Client, Unknown
from exchange.units import credits_text
from exchange.wire.frames import Ticker
from exchange.wire.requests import OrderList

FAT_FINGER_PCT: Final = 20
"""Asked about beyond this."""
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
    meets_ucr = market.ask_ucr if buying else market.bid_ucr
    price_ucr = meets_ucr if wanted.price_ucr is None else wanted.price_ucr
    near_ucr, name = _near(buying, market, taking=wanted.price_ucr is None)
    if price_ucr is None or near_ucr is None:
        return ""
    away_ucr = price_ucr - near_ucr if buying else near_ucr - price_ucr
    if away_ucr * 100 <= FAT_FINGER_PCT * near_ucr:
        return ""
    away = f"{away_ucr * 100 // near_ucr} % {'above' if buying else 'below'}"
    cost = f"{'up to' if buying else 'for'} {credits_text(wanted.qty * price_ucr)} an hour"
    what = f"{wanted.side} {wanted.qty} {wanted.symbol} at {credits_text(price_ucr)}"
    return f"{what}, {away} the {name} {credits_text(near_ucr)}, {cost}"


def _near(buying: bool, market: Ticker, taking: bool) -> tuple[int | None, str]:
    """Return the market's price and its name: whom the order meets, else its own side, else the
    past. One that takes whatever stands there is held against the last trade first."""
    ask, bid = (market.ask_ucr, "best ask"), (market.bid_ucr, "best bid")
    last = (market.last_ucr, "last trade")
    quoted = (ask, bid) if buying else (bid, ask)
    order = (last, *quoted) if taking else (*quoted, last)
    return next((each for each in order if each[0] is not None), (None, ""))


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
