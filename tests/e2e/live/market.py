"""An exchange, a booted server that joins it, and what is sold on it."""

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

from exchange.client import Client, Refused
from exchange.wire.requests import HostToken
from tests.e2e.live.machine import HOST_SEEN_FROM_INSIDE, Server
from tests.e2e.test_chain import ZONE, Running, client, order
from tests.e2e.wait import eventually

BOOT_S = 900.0
"""Two minutes on an idle machine."""
TOKEN = "a secret for servers that boot"


def seen_from_inside(running: Running) -> str:
    return running.url.replace("127.0.0.1", HOST_SEEN_FROM_INSIDE)


def told(running: Running, ports: list[int]) -> bytes:
    """Return the ``headroom.toml`` of a host; ``ports`` lead to it from outside.

    It says nothing of an address: its own inside is the one at which those ports arrive.
    """
    lines = [f'url = "{seen_from_inside(running)}"', f'token = "{TOKEN}"', 'name = "booted"']
    if ports:
        lines.append(f'ports = "{ports[0]}-{ports[-1]}"')
    return "\n".join(lines).encode()


@asynccontextmanager
async def netboot(image: Path) -> AsyncIterator[str]:
    """Serve the image on loopback; yields the address of its script as seen from inside."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "headroom", "host", "serve-netboot", str(image)),
        *("--listen", "127.0.0.1:0"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        first = (await process.stdout.readline()).decode()
        port = first.rpartition(":")[2].partition("/")[0]
        drained = asyncio.create_task(process.stdout.read())
        yield f"http://{HOST_SEEN_FROM_INSIDE}:{port}/boot.ipxe"
        drained.cancel()
    finally:
        process.terminate()
        await process.wait()


async def allow_hosts(running: Running) -> None:
    """The seller's token lets one server in at once, and again after every boot."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    async with client(running, "seller") as seller:
        token = HostToken(req_id=1, zone=ZONE, token_sha256=digest, uses=1, ttl_s=3600)
        await seller.request(token)


async def sold(running: Running, server: Server, power: Popen[bytes], buyer: Client) -> None:
    """Wait until the booted host backs an ask, and buy the unit."""
    began_s = time.monotonic()

    async def placed() -> dict[str, Any] | None:
        assert power.poll() is None, "the server has ended"
        try:
            return dict(await seller.request(order("sell", "ask-1")))
        except Refused as error:
            if error.reason != "insufficient_capacity":
                raise
            return None

    async with client(running, "seller") as seller:
        await eventually(placed, BOOT_S, "the host is live and backs an ask")
    print(f"{server.way}: live after {time.monotonic() - began_s:.0f} s")
    assert (await buyer.request(order("buy", "bid-1")))["status"] == "filled"


async def shown(server: Server, power: Popen[bytes], text: str) -> str:
    """Wait until the console on the serial port shows ``text``; return the screen."""

    async def there() -> str | None:
        assert power.poll() is None, "the server has ended"
        screen = server.console().rpartition("\x1b[2J")[2]
        return screen if text in screen else None

    return await eventually(there, BOOT_S, f"the console shows {text!r}")
