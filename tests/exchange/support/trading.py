"""A market that trades, on a real server: two accounts with hosts, and pipelined orders."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256

from exchange.client import Client, Refused
from exchange.wire.requests import OrderPlace
from tests.exchange.support.harness import (
    OPERATOR,
    SYMBOL,
    add_account,
    add_host,
    be_live,
    key_of,
)

TRADERS = ("alice", "bob")
MONEY_UCR = 10**15
IN_FLIGHT = 50


@asynccontextmanager
async def traders(url: str) -> AsyncIterator[tuple[Client, Client]]:
    """Open two accounts with a live host each; yields their clients while the hosts stay."""
    async with Client(url, OPERATOR) as operator:
        for name in TRADERS:
            await add_account(operator, name, MONEY_UCR)
    async with Client(url, key_of("alice")) as alice, Client(url, key_of("bob")) as bob:
        for owner, name in ((alice, "a"), (bob, "b")):
            await add_host(url, owner, name, sha256(name.encode()).hexdigest(), name)
        async with Client(url, key_of("host-a")) as host_a, Client(url, key_of("host-b")) as host_b:
            await be_live(host_a)
            await be_live(host_b)
            yield alice, bob


async def trade(client: Client, name: str, count: int, seed: str = "trade") -> int:
    """Place ``count`` random crossing orders, pipelined; returns how many were acknowledged."""
    rng = random.Random(f"{seed}/{name}")
    gate = asyncio.Semaphore(IN_FLIGHT)
    acked = 0

    async def one(order: OrderPlace) -> None:
        nonlocal acked
        async with gate:
            with suppress(Refused):
                await client.request(order)
                acked += 1

    await asyncio.gather(*[one(order(rng, f"{seed}-{name}-{n}")) for n in range(count)])
    return acked


def order(rng: random.Random, client_order_id: str) -> OrderPlace:
    """Return a small order near the market."""
    return OrderPlace(
        req_id=1,
        client_order_id=client_order_id,
        symbol=SYMBOL,
        side="buy" if rng.random() < 0.6 else "sell",
        order_type="limit",
        qty=rng.randrange(1, 4),
        price_ucr=1_000 + rng.randrange(50),
    )
