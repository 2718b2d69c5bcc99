"""Buy a unit, start a VM on it, and wait until its guest is reached."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from exchange.client import AccountReset, Client, Event, Refused, Unknown, Unreachable, Unsubscribed
from exchange.keys import KeyFileError, load_private_key
from exchange.wire.frames import LeaseUpdate, VmUpdate
from exchange.wire.requests import ImageStat, OrderPlace, VmStart

URL = os.environ.get("HEADROOM_URL", "ws://127.0.0.1:8750/v1/ws")
RUN = time.time_ns()
BID = OrderPlace(
    req_id=1,
    client_order_id=f"bid-{RUN}",
    symbol="small.eu-de.flat.spot",
    side="buy",
    order_type="limit",
    price_ucr=25_000,
    qty=1,
)


async def main(image: str) -> None:
    async with Client(URL, load_private_key(Path("shop.pem"))) as shop:
        # Refused when there is no such image: then nothing is bought for it.
        await shop.request(ImageStat(req_id=1, sha256=image))
        state = await shop.subscribe("account")
        # An earlier run may have left a lease or a resting bid: go on from there.
        if not state["leases"] and (state["orders"] or (await shop.place(BID))["leaves_qty"]):
            print("bid rests, waiting for a seller", file=sys.stderr)
        vms = {row["lease_id"]: row["vm_id"] for row in state["vms"]}
        vm_id = None
        async for row in rows(shop, state):
            if isinstance(row, LeaseUpdate) and row.state == "active" and not vm_id:
                vm_id = vms.get(row.lease_id) or await start(shop, row.lease_id, image)
            if isinstance(row, VmUpdate) and row.vm_id == vm_id and is_reached(row):
                return


async def rows(shop: Client, state: dict[str, Any]) -> AsyncIterator[Event]:
    for row in held(state):
        yield row
    async for event in shop.events():
        if isinstance(event, Unsubscribed):
            sys.exit(f"buy.py: no longer told of {event.channel}: {event.reason}")
        elif isinstance(event, AccountReset):
            # Frames are missing; what there is now, is in the account.
            for row in held(event.account_state):
                yield row
        else:
            yield event


def held(state: dict[str, Any]) -> list[LeaseUpdate | VmUpdate]:
    return msgspec.convert([*state["leases"], *state["vms"]], list[LeaseUpdate | VmUpdate])


async def start(shop: Client, lease_id: str, image: str) -> str:
    vm = VmStart(req_id=1, lease_id=lease_id, name=f"web-{RUN}", image=image, ports=[80])
    return str((await shop.request(vm))["vm_id"])


def is_reached(vm: VmUpdate) -> bool:
    if vm.state not in ("requested", "starting", "running"):
        sys.exit(f"buy.py: {vm.vm_id} on {vm.lease_id} is {vm.state}; release it and run again")
    if vm.ready_ms is None:
        return False
    guest = vm.endpoints[0]
    print(f"{vm.lease_id}: http://{guest.address}:{guest.port}/")
    return True


if len(sys.argv) != 2:
    sys.exit("usage: python buy.py IMAGE (what `headroom image put` printed)")
try:
    asyncio.run(main(sys.argv[1]))
except (KeyFileError, Refused, Unknown, Unreachable) as error:
    sys.exit(f"buy.py: {error}")
except KeyboardInterrupt:
    sys.exit(130)
