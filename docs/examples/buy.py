"""Buy a unit, start a VM on it, and wait until its guest is reached."""

import asyncio
import os
import sys
from pathlib import Path

from exchange.client import Client
from exchange.frames import LeaseUpdate, VmUpdate
from exchange.keys import load_private_key
from exchange.protocol import OrderPlace, VmStart

URL = os.environ.get("HEADROOM_URL", "ws://127.0.0.1:8750/v1/ws")
BID = OrderPlace(
    req_id=1,
    client_order_id="bid-1",
    symbol="small.eu-de.flat.spot",
    side="buy",
    order_type="limit",
    price_ucr=25_000,
    qty=1,
)


async def main(image: str) -> None:
    async with Client(URL, load_private_key(Path("shop.pem"))) as shop:
        await shop.subscribe("account")
        await shop.place(BID)
        async for event in shop.events():
            if isinstance(event, LeaseUpdate) and event.state == "active":
                lease = event.lease_id
                start = VmStart(req_id=1, lease_id=lease, name="web-1", image=image, ports=[80])
                await shop.request(start)
            if isinstance(event, VmUpdate) and event.ready_ms is not None:
                guest = event.endpoints[0]
                print(f"{event.lease_id}: http://{guest.address}:{guest.port}/")
                return


asyncio.run(main(sys.argv[1]))
