"""Buy a unit, start a VM on it, and wait until its guest is reached."""

import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec

from exchange.client import Client, Event, Refused, Unknown, Unreachable
from exchange.frames import LeaseUpdate, VmUpdate
from exchange.keys import KeyFileError, load_private_key
from exchange.protocol import OrderPlace, VmStart

URL = os.environ.get("HEADROOM_URL", "ws://127.0.0.1:8750/v1/ws")
BID = OrderPlace(
    req_id=1,
    client_order_id=f"bid-{time.time_ns()}",
    symbol="small.eu-de.flat.spot",
    side="buy",
    order_type="limit",
    price_ucr=25_000,
    qty=1,
)


async def main(image: str) -> None:
    async with Client(URL, load_private_key(Path("shop.pem"))) as shop:
        state = await shop.subscribe("account")
        # An earlier run may have left a lease or a resting bid: go on from there.
        if not state["leases"] and (state["orders"] or (await shop.place(BID))["leaves_qty"]):
            print("bid rests, waiting for a seller", file=sys.stderr)
        before = [*state["leases"], *state["vms"]]
        for row in msgspec.convert(before, list[LeaseUpdate | VmUpdate]):
            if await is_reached(shop, row, image):
                return
        async for event in shop.events():
            if await is_reached(shop, event, image):
                return


async def is_reached(shop: Client, event: Event, image: str) -> bool:
    if isinstance(event, LeaseUpdate) and event.state == "active":
        lease = event.lease_id
        await shop.request(VmStart(req_id=1, lease_id=lease, name="web-1", image=image, ports=[80]))
    if isinstance(event, VmUpdate) and event.ready_ms is not None:
        guest = event.endpoints[0]
        print(f"{event.lease_id}: http://{guest.address}:{guest.port}/")
        return True
    return False


if len(sys.argv) != 2:
    sys.exit("usage: python buy.py IMAGE (what `headroom image put` printed)")
try:
    asyncio.run(main(sys.argv[1]))
except (KeyFileError, Refused, Unknown, Unreachable) as error:
    sys.exit(f"buy.py: {error}")
except KeyboardInterrupt:
    sys.exit(130)
