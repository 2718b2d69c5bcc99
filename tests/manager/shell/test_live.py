"""The Manager as it is run: real processes of exchange, host and Manager over loopback.

The host keeps its VMs in memory; a small HTTP server of the test answers at the endpoint they
report, as their guest would, and tells the farm's load.
"""

import asyncio
import contextlib
import hashlib
import json
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from exchange.client import Client, Refused
from exchange.wire.admin_requests import AdminAccount, AdminDeposit, AdminKey
from exchange.wire.requests import AccountState, HostToken, OrderPlace
from tests.e2e.test_chain import ROOT, Running, client, end, exchange, headroom
from tests.e2e.wait import eventually

ADDRESS = "127.83.19.7"
GUEST_PORT = 30_000
"""A loopback address of this test's own, so that the guest's port is free."""
VM_PORTS = range(GUEST_PORT, GUEST_PORT + 10)
"""The host gives each of its VMs one of them."""
TOKEN = "made up for this test"
PRICE_UCR = 20_000
WAIT_S = 60.0
MARK = "fL4g-never-logged"

CONFIG = """
schema = 1
[exchange]
url = "ws://127.0.0.1:1/v1/ws"
key = "buyer.pem"
[[vm]]
name = "web"
image = "web.raw"
class = "small"
ports = [80]
user_data = "web-user-data"
health = "/healthz"
backend = "farm"
[balancer]
kind = "memory"
[load]
kind = "json"
url = "http://{address}:{port}/load"
field = "requests.per_s"
unit_rps = 100
core_units = 1
interval_s = 0.1
stale_s = 5
[[rule]]
name = "burst"
when = "util > 70 for 500ms"
do = "buy 1"
vm = "web"
price_max = 0.10
cooldown = "1s"
max_units = 1
zones = ["eu-de"]
[[rule]]
name = "calm"
when = "util < 30 for 500ms"
do = "release all"
cooldown = "1s"
"""


class Guest:
    """Answers /healthz with 200 and /load with ``per_s``."""

    def __init__(self) -> None:
        self.per_s = 0
        self.probes = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        self.probes += request.startswith(b"GET /healthz ")
        body = json.dumps({"requests": {"per_s": self.per_s}})
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def at_every_port(self, address: str) -> AsyncIterator[None]:
        """Answer for every VM that a host at ``address`` runs."""
        async with contextlib.AsyncExitStack() as stack:
            for port in VM_PORTS:
                server = await asyncio.start_server(self.answer, address, port)
                await stack.enter_async_context(server)
            yield


def store_web(folder: Path) -> None:
    """Put the files of the stored VM that `CONFIG` names beside it."""
    (folder / "web.raw").write_bytes(b"\0" * 4096)
    (folder / "web-user-data").write_text("")


async def found_market(running: Running) -> None:
    async with client(running, "operator") as operator:
        for account in ("seller", "buyer"):
            public_key = await headroom("key", "show", str(running.keys[account]))
            await operator.request(AdminAccount(req_id=1, account=account, name=account))
            await operator.request(
                AdminKey(
                    req_id=1, account=account, key_id=account, public_key=public_key, role="trader"
                )
            )
            await operator.request(
                AdminDeposit(req_id=1, account=account, amount_ucr=10**8, ref=account)
            )


async def start_host(
    running: Running, seller: Client, state: Path, address: str = ADDRESS, units: int = 3
) -> Process:
    """Enroll and run a host with room for ``units`` of class small."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    await seller.request(HostToken(req_id=1, zone="eu-de", token_sha256=digest, uses=1, ttl_s=60))
    login = ("--url", running.url, "--key", str(running.keys["host"]))
    await headroom("host", "enroll", *login, "--token", TOKEN, "--name", "r1", "--json")
    sizes = ("--mvcpu", str(1000 * units + 1000), "--mem-mib", str(2148 * units + 1748))
    room = (*sizes, "--disk-mib", "65536", "--state", str(state))
    ports = f"{VM_PORTS[0]}-{VM_PORTS[-1]}"
    where = ("--advertise", address, "--ports", ports, "--hypervisor", "memory")
    return await start_logging(state / "host.log", "host", "run", *login, *where, *room)


@contextlib.asynccontextmanager
async def sellers_host(
    running: Running, state: Path, address: str, units: int
) -> AsyncIterator[None]:
    """Found the market, and run the seller's host until the block ends."""
    await found_market(running)
    async with client(running, "seller") as seller:
        host = await start_host(running, seller, state, address, units)
    try:
        yield
    finally:
        await end(host)


async def ask_when_live(
    seller: Client, price_ucr: int = PRICE_UCR, qty: int = 2, name: str = "ask-1"
) -> None:
    ask = OrderPlace(
        req_id=1,
        client_order_id=name,
        symbol="small.eu-de.flat.spot",
        side="sell",
        order_type="limit",
        price_ucr=price_ucr,
        qty=qty,
    )

    async def place() -> Any:
        try:
            return await seller.request(ask)
        except Refused as error:
            if error.reason != "insufficient_capacity":
                raise
            return None

    await eventually(place, WAIT_S, "the host is live and backs an ask")


async def start_logging(log: Path, *arguments: str) -> Process:
    """Start a command whose log, every level of it, goes to a file as JSON."""
    every = ("--log-level", "debug", "--log-format", "json")
    with log.open("ab") as file:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "headroom", *arguments, *every, cwd=ROOT, stderr=file
        )


async def heard(log: Path, wanted: str) -> None:
    """Wait until the log tells ``wanted``."""

    async def look() -> bool | None:
        return wanted in await asyncio.to_thread(log.read_text) or None

    await eventually(look, WAIT_S, f"{log.name} tells {wanted!r}")


def events(log: Path) -> set[str]:
    """Return all that the log told, which must be whole lines and quote no secret."""
    text = log.read_text()
    assert MARK not in text
    return {json.loads(line)["event"] for line in text.splitlines()}


async def leases(buyer: Client) -> list[dict[str, Any]]:
    state = await buyer.request(AccountState(req_id=1))
    return [row for row in state["leases"] if row["side"] == "buy"]


async def episode(folder: Path) -> None:
    guest = Guest()
    server = await asyncio.start_server(guest.answer, ADDRESS, GUEST_PORT)
    config = folder / "manager.toml"
    config.write_text(CONFIG.format(address=ADDRESS, port=GUEST_PORT))
    (folder / "web.raw").write_bytes(b"\0" * 4096)
    (folder / "web-user-data").write_text(f"password: {MARK}")
    first, second = folder / "first.log", folder / "second.log"
    async with exchange(folder) as running, server:
        await found_market(running)
        async with client(running, "seller") as seller, client(running, "buyer") as buyer:
            host = await start_host(running, seller, folder / "state")
            run = ("manager", "run", "--url", running.url, "--config", str(config))
            manager = await start_logging(first, *run)
            try:
                await ask_when_live(seller)
                guest.per_s = 90
                await heard(first, "in service")
                assert guest.probes >= 1
                [lease] = await leases(buyer)
                assert lease["client_order_id"].startswith("rule/burst/")
                assert await end(manager) == 0
                manager = await start_logging(second, *run)
                await heard(second, "in service")
                guest.per_s = 10
                await heard(second, "ended: released")
                assert await leases(buyer) == []
            finally:
                assert await end(manager) == 0
                await end(host)
    bought = {"fired", "order", "leased", "vm_start", "joining", "in_service", "release_scheduled"}
    assert {"started", "stopped", *bought} <= events(first)
    given_back = {"fired", "draining", "removed", "vm_stop", "release", "lease_ended"}
    assert given_back <= events(second)
    ran = {"launch", "image_fetch", "vm_starting", "vm_running", "vm_ready", "kill", "vm_stopped"}
    kept = {"started", "connected", "capacity", "offer", "sync", "stopped"}
    assert ran | kept <= events(folder / "state" / "host.log")


def test_an_episode_with_a_restart_of_the_manager_in_its_middle(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    asyncio.run(episode(tmp_path))


def test_a_wrong_key_is_one_line_and_exit_1(tmp_path: Path) -> None:
    async def run() -> tuple[int | None, str]:
        config = tmp_path / "manager.toml"
        config.write_text(CONFIG.format(address=ADDRESS, port=80))
        store_web(tmp_path)
        async with exchange(tmp_path) as running:
            arguments = ("manager", "run", "--url", running.url, "--config", str(config))
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "headroom", *arguments, stderr=asyncio.subprocess.PIPE
            )
            _, err = await asyncio.wait_for(process.communicate(), WAIT_S)
            return process.returncode, err.decode()

    code, err = asyncio.run(run())
    assert code == 1
    assert err.count("\n") == 1
    assert "bad_signature" in err
