"""The operator's, the seller's and the buyer's part, asked again when nobody knows the answer."""

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Any, Final

from exchange.client import Client, Refused, Unknown, Unreachable
from exchange.keys import load_private_key, new_key, public_key_b64
from exchange.wire.admin_requests import (
    AdminAccount,
    AdminBalances,
    AdminDeposit,
    AdminInstrument,
    AdminKey,
    AdminZone,
)
from exchange.wire.frames import Charge, LeaseUpdate, VmUpdate
from exchange.wire.requests import HostEnroll, HostToken, OrderCancel, OrderPlace
from exchange.wire.types import Request
from tests.e2e.interruptions.laws import PRICE_UCR

ZONE: Final = "eu-test"
SYMBOL: Final = f"nano.{ZONE}.flat.spot"
TOKEN: Final = "a secret that the owner made up"
DEPOSIT_UCR: Final = 1_000_000_000
PATIENCE_S: Final = 90.0
PAUSE_S: Final = 0.2


class Buyer:
    """What the buyer was told, by lease and by VM."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.leases: dict[str, LeaseUpdate] = {}
        self.vms: dict[str, list[VmUpdate]] = {}
        self.charged: dict[str, int] = {}

    async def listen(self) -> None:
        async for one in self.client.events():
            if isinstance(one, LeaseUpdate):
                self.leases[one.lease_id] = one
            elif isinstance(one, VmUpdate):
                self.vms.setdefault(one.vm_id, []).append(one)
            elif isinstance(one, Charge):
                paid = self.charged.get(one.lease_id, 0)
                self.charged[one.lease_id] = paid + one.amount_ucr

    def states(self, vm_id: str) -> list[str]:
        return [one.state for one in self.vms.get(vm_id, [])]

    def ended(self, vm_id: str) -> bool:
        return bool({"stopped", "failed"} & set(self.states(vm_id)))


async def ask(client: Client, message: Request) -> Any:
    """Return the answer; what was lost on the way is asked again."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await client.request(message)
        except (Unknown, Unreachable):
            if time.monotonic() > deadline:
                raise
        except Refused as error:
            if not error.later or time.monotonic() > deadline:
                raise
        await asyncio.sleep(PAUSE_S)


async def found(operator: Client, folder: Path) -> None:
    """Make accounts with keys and money, a zone that sells emulated VMs, an instrument."""
    for name in ("seller", "buyer"):
        public = new_key(folder / f"{name}.pem")
        key = AdminKey(req_id=1, account=name, key_id=name, public_key=public, role="trader")
        await ask(operator, AdminAccount(req_id=1, account=name, name=name))
        await ask(operator, key)
        deposit = AdminDeposit(req_id=1, account=name, amount_ucr=DEPOSIT_UCR, ref=name)
        await ask(operator, deposit)
    await ask(operator, AdminZone(req_id=1, zone=ZONE, country="DE", accel=["kvm", "tcg"]))
    await ask(operator, AdminInstrument(req_id=1, symbol=SYMBOL, tick_ucr=1))


async def enroll(url: str, seller: Client, key: Path) -> None:
    """Let one host in."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    await ask(seller, HostToken(req_id=1, zone=ZONE, token_sha256=digest, uses=1, ttl_s=600))
    new_key(key)
    public = public_key_b64(load_private_key(key))
    async with Client(url) as joining:
        wanted = HostEnroll(
            req_id=1, token=TOKEN, name="r1", public_key=public, hardware_id="interrupted"
        )
        await ask(joining, wanted)


async def buy(seller: Client, buyer: Buyer, name: str) -> str:
    """Sell and buy one unit as soon as a live host backs it; return the lease."""
    deadline, number = time.monotonic() + PATIENCE_S, 0
    while time.monotonic() < deadline:
        number += 1
        try:
            await ask(seller, order("sell", f"{name}-{number}"))
            bought = await ask(buyer.client, order("buy", f"{name}-{number}"))
        except Refused as error:
            if error.reason != "insufficient_capacity":
                raise
        else:
            if bought["status"] == "filled":
                return await _lease_of(buyer, f"{name}-{number}")
        await asyncio.sleep(PAUSE_S)
    raise AssertionError("the host offers nothing")


async def until_sold(seller: Client, name: str) -> None:
    """Wait until the host backs an ask again; the ask is taken back."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await ask(seller, order("sell", name))
            except Refused as error:
                if error.reason != "insufficient_capacity":
                    raise
                await asyncio.sleep(PAUSE_S)
            else:
                await ask(seller, OrderCancel(req_id=1, client_order_id=name))
                return


async def _lease_of(buyer: Buyer, order_id: str) -> str:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for lease in buyer.leases.values():
                if lease.client_order_id == order_id:
                    return lease.lease_id
            await asyncio.sleep(PAUSE_S)


def order(side: Any, name: str) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id=name,
        symbol=SYMBOL,
        side=side,
        order_type="limit",
        price_ucr=PRICE_UCR,
        qty=1,
        time_in_force="ioc" if side == "buy" else "gtc",
    )


async def sum_of_money(operator: Client) -> int:
    balances = (await ask(operator, AdminBalances(req_id=1)))["balances"]
    return sum(one["available_ucr"] + one["held_ucr"] for one in balances.values())
