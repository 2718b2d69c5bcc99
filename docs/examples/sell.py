"""Offer one unit of a server at 0.02 credits per hour, for as long as it is not bought."""

import asyncio
import os
import sys
import time
from pathlib import Path

from exchange.client import Client, Refused, Unknown, Unreachable
from exchange.keys import KeyFileError, load_private_key
from exchange.wire.requests import OrderPlace

URL = os.environ.get("HEADROOM_URL", "ws://127.0.0.1:8750/v1/ws")
ASK = OrderPlace(
    req_id=1,
    client_order_id=f"ask-{time.time_ns()}",
    symbol="small.eu-de.flat.spot",
    side="sell",
    order_type="limit",
    price_ucr=20_000,
    qty=1,
)


async def main() -> None:
    async with Client(URL, load_private_key(Path("bank.pem"))) as bank:
        placed = await bank.place(ASK)
        print(f"{placed['order_id']}: {placed['status']}, {placed['leaves_qty']} left to sell")


try:
    asyncio.run(main())
except (KeyFileError, Refused, Unknown, Unreachable) as error:
    sys.exit(f"sell.py: {error}")
except KeyboardInterrupt:
    sys.exit(130)
