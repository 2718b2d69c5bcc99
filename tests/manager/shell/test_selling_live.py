"""A seller's Manager as it is run: real processes of exchange, agents and Manager over loopback."""

import asyncio
import contextlib
import signal
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from exchange.client import Client
from exchange.keys import new_key
from exchange.wire.requests import AccountState, LeaseRelease, OrderPlace
from tests.e2e.test_chain import end
from tests.e2e.wait import eventually
from tests.hostagent.market import (
    SYMBOL,
    TOKEN,
    WAIT_S,
    Market,
    allow,
    market,
    run,
    start,
    start_agent,
    stop,
)
from tests.manager.shell.calm import CALM
from tests.manager.shell.test_live import heard, start_logging

HOSTS = ("r7-01", "r7-02")
BACK_S = 5.0
"""Released units are on the market again within this."""
HEAD = f"""
schema = 1
[exchange]
url = "{{url}}"
key = "seller.pem"
{CALM}"""
GROUP = """
[[group]]
name = "rack"
hosts = ["{hosts}"]
tags = ["rack=7"]
[group.offer]
kind = "all"
price = 0.02
image_max_mib = 2048
"""

Asks = dict[str, int]


async def asks(seller: Client) -> Asks:
    """Return the units that the Manager asks for, by host; two asks for one host are a mistake."""
    found: Asks = {}
    for row in (await seller.request(AccountState(req_id=1)))["orders"]:
        _, name, host, _ = row["client_order_id"].split("/")
        assert (name, row["symbol"], row["price_ucr"]) == ("rack", SYMBOL, 20_000)
        assert host not in found, "an ask is doubled"
        found[host] = row["leaves_qty"]
    return found


async def asked(seller: Client, wanted: Asks, within_s: float = WAIT_S) -> None:
    async def look() -> bool | None:
        return await asks(seller) == wanted or None

    await eventually(look, within_s, f"the book has {wanted}")


@contextlib.asynccontextmanager
async def agents(here: Market, seller: Client) -> AsyncIterator[None]:
    await allow(seller, TOKEN, len(HOSTS))
    running: list[Process] = []
    try:
        for number, name in enumerate(HOSTS):
            new_key(here.key(name))
            where = ("--url", here.url, "--key", str(here.key(name)), "--name", name)
            code, _, err = await run(
                "host", "enroll", *where, "--hardware-id", name, "--token", TOKEN
            )
            assert (code, err) == (0, "")
            ports = f"{31_000 + 10 * number}-{31_009 + 10 * number}"
            state = str(here.folder / name)
            more = ("--state", state, "--ports", ports, "--tag", "ssd", "--tag", "rack=7")
            running.append(await start_agent(here, name, *more))
        assert (await run("host", "approve", "--url", here.url, "--key", str(here.key("seller"))))[
            0
        ] == 0
        yield
    finally:
        for process in running:
            await stop(process)


def write(here: Market, hosts: str = "") -> Path:
    """Write the file of a Manager that offers these hosts, if any."""
    path, groups = here.folder / "manager.toml", GROUP.format(hosts=hosts) if hosts else ""
    path.write_text(HEAD.format(url=here.url) + groups)
    return path


async def manager(here: Market) -> Process:
    return await start("manager", "run", str(write(here, "r7-*")))


async def regrouped(here: Market, seller: Client) -> None:
    """A Manager that began without groups gets one, a smaller one, and none."""
    log = here.folder / "manager.log"
    process = await start_logging(log, "manager", "run", str(write(here)))
    try:
        await heard(log, " at work")
        for hosts, wanted in (("r7-*", {"h-1": 4, "h-2": 4}), ("r7-02", {"h-2": 4}), ("", {})):
            write(here, hosts)
            process.send_signal(signal.SIGHUP)
            await asked(seller, wanted)
    finally:
        assert await end(process) == 0


async def killed(process: Process) -> None:
    process.send_signal(signal.SIGKILL)
    await asyncio.wait_for(process.communicate(), WAIT_S)


def order(units: int) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id=f"bought-{units}",
        symbol=SYMBOL,
        side="buy",
        order_type="limit",
        price_ucr=20_000,
        qty=units,
        time_in_force="ioc",
    )


async def released(buyer: Client) -> None:
    state: Any = await buyer.request(AccountState(req_id=1))
    for lease in state["leases"]:
        await buyer.request(LeaseRelease(req_id=1, lease_id=lease["lease_id"]))


async def story(here: Market, seller: Client, buyer: Client) -> None:
    await regrouped(here, seller)
    process = await manager(here)
    try:
        await asked(seller, {"h-1": 4, "h-2": 4})
        bought = await buyer.request(order(6))
        assert bought["filled_qty"] == 6
        await asked(seller, {"h-2": 2}, BACK_S)
        await released(buyer)
        began_s = time.monotonic()
        await asked(seller, {"h-1": 4, "h-2": 4}, BACK_S)
        assert time.monotonic() - began_s < BACK_S
        await killed(process)
        assert await asks(seller) == {"h-1": 4, "h-2": 4}, "a standing offer outlives its Manager"
        assert (await buyer.request(order(3)))["filled_qty"] == 3
        process = await manager(here)
        await released(buyer)
        await asked(seller, {"h-1": 4, "h-2": 4})
        assert await stop(process) == 0
        assert await asks(seller) == {"h-1": 4, "h-2": 4}
    finally:
        await stop(process)


def test_a_group_sells_takes_back_and_outlives_a_kill(tmp_path: Path) -> None:
    async def whole() -> None:
        async with (
            market(tmp_path) as here,
            here.client("seller") as seller,
            here.client("buyer") as buyer,
            agents(here, seller),
        ):
            await story(here, seller, buyer)

    asyncio.run(whole())
