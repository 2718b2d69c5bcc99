"""An owner commands many hosts on a real exchange, by command lines alone."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from exchange.client import Client
from tests.hostagent.market import WAIT_S, Market, agent, ask_when_live, market, order, run


def test_hosts_are_let_in_listed_limited_and_drained(tmp_path: Path) -> None:
    """Also: one bad word stops a command before it has done anything."""

    async def story(here: Market, seller: Client) -> None:
        token = (await owner(here, "token", "--zone", "eu-de", "--uses", "3"))[1].strip()
        for name in ("r7-01", "r7-02", "db-1"):
            await join(here, name, token)
        assert await owner(here, "list", "--status", "pending") == (0, PENDING, "")
        wrong = await owner(here, "approve", "r7-*", "r8-*")
        assert wrong == (1, "", "headroom: you have no host 'r8-*'\n")
        assert await statuses(here) == ["pending"] * 3
        done = await owner(here, "approve", "r7-*")
        assert done == (0, "r7-01 h-1 approved\nr7-02 h-2 approved\n", "")
        assert await statuses(here) == ["syncing", "syncing", "pending"]
        assert (await owner(here, "approve"))[1] == "db-1 h-3 approved\n", "all that wait"
        code, out, err = await owner(here, "drain", "r7-*")
        assert (code, out, err.count("\n"), "add --yes" in err) == (2, "", 1, True)
        assert (await owner(here, "drain", "r7-*", "--yes"))[0] == 0
        off = json.loads((await owner(here, "drain", "h-1", "--off", "--json"))[1])
        assert off == {"done": [{"host": "h-1", "name": "r7-01"}], "failed": []}
        room = ("--mvcpu", "2000", "--mem-mib", "3000", "--disk-mib", "9000")
        limited = await owner(here, "offer", "h-?", *room, "--yes")
        assert limited == (0, "r7-01 h-1 limited\nr7-02 h-2 limited\ndb-1 h-3 limited\n", "")
        lifted = await owner(here, "offer", "h-1", "--lift", "offered", "--yes", "--json")
        assert json.loads(lifted[1])["done"][0]["offered"] is None
        wrong = await owner(here, "offer", "h-1", "--lift", "all", "--yes")
        assert (wrong[0], wrong[2].count("\n"), "lift" in wrong[2]) == (2, 1, True)

    asyncio.run(with_seller(tmp_path, story))


PENDING = """\
HOST  NAME   ZONE   STATUS   VCPU  GIB  SOLD  VMS  LOAD  ACCEL  UPTIME  SEEN
h-1   r7-01  eu-de  pending   0.0  0.0     0    0     -  -           -     -
h-2   r7-02  eu-de  pending   0.0  0.0     0    0     -  -           -     -
h-3   db-1   eu-de  pending   0.0  0.0     0    0     -  -           -     -
3 hosts: 3 pending
"""


def test_a_live_host_shows_what_it_sold_and_its_leases_are_recalled(tmp_path: Path) -> None:
    async def story(here: Market, seller: Client) -> None:
        token = (await owner(here, "token", "--zone", "eu-de"))[1].strip()
        await join(here, "host", token)
        async with agent(here), here.client("buyer") as buyer:
            await ask_when_live(seller)
            await buyer.request(order("buy"))
            row = await heard(here)
            assert (row["zone"], row["accel"], row["sold_units"]) == ("eu-de", "simulated", 2)
            assert (row["status"], row["offered"]["mvcpu"]) == ("live", 4000)
            code, out, err = await owner(here, "recall", "h-1", "--units", "3", "--yes")
            assert (code, out) == (1, "")
            assert err.splitlines()[-1] == (
                "headroom: l-1 h-1: refused: invalid_qty: 2 units can be recalled (field units)"
            )
            wrong = await run("lease", "recall", "l-999999", "db-*", "--yes", *login(here))
            lines = "headroom: you let no lease 'l-999999'\nheadroom: you have no host 'db-*'\n"
            assert wrong == (1, "", lines)
            code, out, err = await run("lease", "recall", "l-1", "--yes", *login(here))
            assert (code, out) == (0, "l-1 h-1 recalled\n")
            assert err.splitlines() == [
                "LEASE  HOST  INSTRUMENT             UNITS   PRICE/H",
                "l-1    h-1   small.eu-de.flat.spot      2  0.001000",
            ]
            again = await owner(here, "recall", "l-1", "--yes")
            assert again == (1, "", "headroom: no spot lease of yours that goes on\n")

    asyncio.run(with_seller(tmp_path, story))


def test_many_secrets_at_once(tmp_path: Path) -> None:
    async def story(here: Market, seller: Client) -> None:
        made = await owner(here, "token", "--zone", "eu-de", "--count", "25", "--json")
        tokens = json.loads(made[1])["tokens"]
        assert (made[0], len({each["token"] for each in tokens})) == (0, 25)
        assert await join(here, "a", tokens[24]["token"]) == "h-1"
        nowhere = await owner(here, "token", "--zone", "no-where", "--count", "2")
        assert nowhere[:2] == (1, "")
        assert "2 of 2 secrets: refused: invalid_field: no zone 'no-where'" in nowhere[2]

    asyncio.run(with_seller(tmp_path, story))


def login(here: Market) -> tuple[str, ...]:
    return ("--url", here.url, "--key", str(here.key("seller")))


async def owner(here: Market, command: str, *told: str) -> tuple[int, str, str]:
    return await run("host", command, *told, *login(here))


async def join(here: Market, name: str, token: str) -> str:
    """Enroll a server called ``name``; returns its host's id."""
    where = ("--url", here.url, "--key", str(here.key(name)), "--hardware-id", f"hw-{name}")
    code, out, err = await run(
        "host", "enroll", *where, "--name", name, "--token", token, "--quiet"
    )
    assert (code, err) == (0, "")
    return out.strip()


async def statuses(here: Market) -> list[str]:
    return [row["status"] for row in await listed(here)]


async def listed(here: Market) -> list[dict[str, Any]]:
    return list(json.loads((await owner(here, "list", "--json"))[1])["hosts"])


async def heard(here: Market) -> dict[str, Any]:
    """Return the row of the only host once its first heartbeat has come."""
    async with asyncio.timeout(WAIT_S):
        while True:
            [row] = await listed(here)
            if "heard_ms" in row:
                return row
            await asyncio.sleep(0.1)


async def with_seller(folder: Path, story: Callable[[Market, Client], Awaitable[None]]) -> None:
    async with market(folder) as here, here.client("seller") as seller:
        await story(here, seller)
