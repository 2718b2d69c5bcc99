"""Offer two units of a server at 0.02 credits per hour, for as long as they are not bought."""

import asyncio
import os
from pathlib import Path

from exchange.client import Client
from exchange.keys import load_private_key
from exchange.protocol import OrderPlace

URL = os.environ.get("HEADROOM_URL", "ws://127.0.0.1:8750/v1/ws")
ASK = OrderPlace(
    req_id=1,
    client_order_id="ask-1",
    symbol="small.eu-de.flat.spot",
    side="sell",
    order_type="limit",
    price_ucr=20_000,
    qty=2,
)


async def main() -> None:
    async with Client(URL, load_private_key(Path("bank.pem"))) as bank:
        print(await bank.place(ASK))


asyncio.run(main())
