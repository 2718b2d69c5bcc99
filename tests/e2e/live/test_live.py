"""The real image on an emulated server: it enrolls, its agent connects, it offers capacity.

Needs root; the image is built once, into `.make/live`, and taken from there as long as nothing that
goes into it has changed.
"""

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any, get_args

import pytest

from exchange.client import Client, Refused
from exchange.wire.requests import HostToken
from hostagent.live import build
from tests.e2e.live.machine import (
    HOST_SEEN_FROM_INSIDE,
    Disks,
    Way,
    command,
    powered_on,
    settings_volume,
    state_disk,
)
from tests.e2e.test_chain import ZONE, Running, client, exchange, found_market, order
from tests.e2e.wait import eventually

pytestmark = pytest.mark.real

KEPT = build.SOURCE / ".make" / "live"
BOOT_S = 600.0
"""Two minutes on an idle machine."""
TOKEN = "a secret for servers that boot"


def source_id() -> str:
    """Return what changes when something that goes into the image does."""
    digest = hashlib.sha256()
    for folder in build.SOURCE_PACKAGES:
        for path in sorted((build.SOURCE / folder).rglob("*.py")):
            digest.update(str(path).encode() + path.read_bytes())
    digest.update(build.LOCK.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope="session")
def image() -> Path:
    stamp = KEPT / "source-id"
    if not stamp.exists() or stamp.read_text() != source_id():
        build.build_live(KEPT, build.Recipe("host", {}))
        stamp.write_text(source_id())
    return KEPT


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


async def ask_when_live(seller: Client, server: Popen[bytes]) -> None:
    """Place an ask; until the host is live nothing backs it and it is refused."""

    async def placed() -> dict[str, Any] | None:
        assert server.poll() is None, "the server has ended"
        try:
            return dict(await seller.request(order("sell", "ask-1")))
        except Refused as error:
            if error.reason != "insufficient_capacity":
                raise
            return None

    await eventually(placed, BOOT_S, "the host is live and backs an ask")


@pytest.mark.parametrize("way", get_args(Way))
def test_a_server_boots_and_sells_a_unit(way: Way, image: Path, tmp_path: Path) -> None:
    """Power on, and without a key pressed the exchange has a host whose unit somebody buys."""
    asyncio.run(boot_and_sell(way, image, tmp_path))


async def boot_and_sell(way: Way, image: Path, tmp_path: Path) -> None:
    async with exchange(tmp_path) as running, netboot(image) as script:
        await found_market(running)
        await allow_hosts(running)
        inside = running.url.replace("127.0.0.1", HOST_SEEN_FROM_INSIDE)
        told = f'url = "{inside}"\ntoken = "{TOKEN}"\nname = "booted"\n'
        disks = Disks(
            settings_volume(tmp_path / "settings.img", told), state_disk(tmp_path / "state.img")
        )
        serial = tmp_path / "serial.log"
        arguments = command(way, image, disks, serial, script)
        with powered_on(arguments) as server:
            await sell_a_unit(running, server, way, serial)


def end_of(serial: Path) -> str:
    return serial.read_text(errors="replace")[-4_000:]


async def sell_a_unit(running: Running, server: Popen[bytes], way: Way, serial: Path) -> None:
    began_s = time.monotonic()
    async with client(running, "seller") as seller, client(running, "buyer") as buyer:
        try:
            await ask_when_live(seller, server)
        except AssertionError:
            print(end_of(serial))
            raise
        print(f"{way}: live after {time.monotonic() - began_s:.0f} s")
        assert (await buyer.request(order("buy", "bid-1")))["status"] == "filled"
