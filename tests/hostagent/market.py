"""A real exchange and a real agent as users start them, with VMs in memory, for tests."""

import asyncio
import contextlib
import hashlib
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from exchange.client import Client, Event, Refused
from exchange.keys import load_private_key, new_key
from exchange.wire.admin_requests import AdminAccount, AdminDeposit, AdminKey
from exchange.wire.frames import VmUpdate
from exchange.wire.requests import HostToken, OrderPlace
from tests import command

ROOT = Path(__file__).parent.parent.parent
SYMBOL = "small.eu-de.flat.spot"
TOKEN = "made up by the owner"
WAIT_S = 60.0


class Market(Struct):
    """A running exchange with the account ``acme``, which sells and buys, and one host's key."""

    url: str
    folder: Path

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def client(self, name: str) -> Client:
        return Client(self.url, load_private_key(self.key(name)))


async def start(*arguments: str) -> Process:
    program = (sys.executable, "-m", "headroom")
    return await asyncio.create_subprocess_exec(
        *program, *arguments, cwd=ROOT, stdout=PIPE, stderr=PIPE
    )


async def run(*arguments: str) -> tuple[int, str, str]:
    """Run a command in a thread of this process; returns exit code, output and error output."""
    return await asyncio.to_thread(command.run, list(arguments))


async def run_process(*arguments: str) -> tuple[int, str, str]:
    """Run a command that takes signals, to its end; returns as `run`."""
    process = await start(*arguments)
    out, err = await asyncio.wait_for(process.communicate(), WAIT_S)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def stop(process: Process) -> int:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), WAIT_S)
    assert process.returncode is not None
    return process.returncode


@contextlib.asynccontextmanager
async def market(folder: Path, *options: str) -> AsyncIterator[Market]:
    """Create and run an exchange; ``options`` are those of `exchange init`."""
    public = {name: new_key(folder / f"{name}.pem") for name in ("operator", "seller", "buyer")}
    data, ready = str(folder / "data"), folder / "ready.json"
    operator_key = ("--operator-key", public["operator"])
    created = await run("exchange", "init", "--data", data, *operator_key, *options)
    assert created[0] == 0, created
    listen = ("--listen", "127.0.0.1:0", "--ready-file", str(ready))
    server = await start("exchange", "serve", "--data", data, *listen)
    try:
        found = Market(json.loads(await appears(ready))["url"], folder)
        async with found.client("operator") as operator:
            for name in ("seller", "buyer"):
                await open_account(operator, name, public[name])
        yield found
    finally:
        assert await stop(server) == 0


async def appears(path: Path) -> str:
    """Return a file's text once it is there."""
    async with asyncio.timeout(WAIT_S):
        while not await asyncio.to_thread(path.exists):  # noqa: ASYNC110 a file tells nobody
            await asyncio.sleep(0.05)
        return await asyncio.to_thread(path.read_text)


async def open_account(operator: Client, name: str, public_key: str) -> None:
    key = AdminKey(req_id=1, account=name, key_id=name, public_key=public_key, role="trader")
    await operator.request(AdminAccount(req_id=1, account=name, name=name))
    await operator.request(key)
    await operator.request(AdminDeposit(req_id=1, account=name, amount_ucr=10**8, ref=name))


async def enroll(here: Market, seller: Client) -> dict[str, Any]:
    return dict(json.loads(await enroll_as(here, seller, "host", TOKEN, "--json")))


async def enroll_as(
    here: Market, seller: Client, key: str, token: str, *options: str, uses: int = 1
) -> str:
    """Enroll the one server there is under ``key``; returns what the command prints."""
    await allow(seller, token, uses)
    where = ("--url", here.url, "--key", str(here.key(key)), "--hardware-id", "hw-1")
    named = ("--token", token, "--name", "r1")
    code, out, err = await run("host", "enroll", *where, *named, *options)
    assert (code, err) == (0, "")
    return out


async def allow(seller: Client, token: str, uses: int = 1) -> None:
    """Let ``uses`` hosts enroll with the secret ``token``."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    ask = HostToken(req_id=1, zone="eu-de", token_sha256=digest, uses=uses, ttl_s=60)
    await seller.request(ask)


async def start_agent(here: Market, key: str = "host", *options: str) -> Process:
    room = ("--mvcpu", "4000", "--mem-mib", "9000", "--disk-mib", "50000")
    login = ("--url", here.url, "--key", str(here.key(key)), "--hypervisor", "memory")
    state = ("--state", str(here.folder / "state"))
    return await start("host", "run", *login, *room, *state, *options)


@contextlib.asynccontextmanager
async def agent(here: Market) -> AsyncIterator[Process]:
    process = await start_agent(here)
    try:
        yield process
    finally:
        assert await stop(process) == 0


def order(side: Any, symbol: str = SYMBOL) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id=side,
        symbol=symbol,
        side=side,
        order_type="limit",
        price_ucr=1_000,
        qty=2,
    )


async def ask_when_live(seller: Client, symbol: str = SYMBOL) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await seller.request(order("sell", symbol))
            except Refused as error:
                if error.reason != "insufficient_capacity":
                    raise
                await asyncio.sleep(0.1)
            else:
                return


async def first(client: Client, wanted: Callable[[Event], bool]) -> Any:
    async with asyncio.timeout(WAIT_S):
        async for event in client.events():
            if wanted(event):
                return event
    raise AssertionError("the client was closed")


def vm_is(state: str, ready: bool = False) -> Callable[[Event], bool]:
    def wanted(event: Event) -> bool:
        if not isinstance(event, VmUpdate) or event.state != state:
            return False
        return event.ready_ms is not None or not ready

    return wanted
