"""What the terminal of `bench.terminal` is connected to: a live exchange, hosts, a Manager, a load.

Exchange and Manager are processes of their own; hosts keep their VMs in memory and run here, beside
the client that makes the load. ``you`` is the terminal's account: it has a host, two VMs on a lease
and orders in the book; the load is between others.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.fleet import Served, brought, open_account
from bench.load import Pipe, framed, open_pipe
from exchange.client import Client, Refused
from exchange.client.images import put_image
from exchange.wire.codec import JSON
from exchange.wire.frames import LeaseUpdate
from exchange.wire.requests import OrderCancel, OrderPlace, Subscribe, VmStart
from exchange.wire.terms import DEFAULT_CLASSES, need_of_units
from exchange.wire.types import Request, Side

ZONE: Final = "eu-de"
SYMBOL: Final = f"small.{ZONE}.flat.spot"
SYMBOLS: Final = (SYMBOL, *(f"{name}.{ZONE}.flat.spot" for name in ("nano", "medium", "large")))
"""The load moves them all; the first is shown."""
PRICE_UCR: Final = 20_000
TICK_UCR: Final = 100
LEVELS: Final = 24
"""Of a side of the book."""
UNITS: Final = {"m": 200_000, "t": 1, "you": 8}
"""By account, what its host has room for."""
RESTING: Final = 2 * LEVELS
"""Orders of the load that rest at the same time; the oldest is canceled for each new one."""
TRADES_IN: Final = 10
"""One step of the load in so many is a trade."""
STEP_S: Final = 0.002
STEADY_S: Final = 0.5
ORDERS_AN_UPDATE_MAX: Final = 4.0
SETTLES_S: Final = 60.0

CONFIG: Final = """
schema = 1
[exchange]
url = "{url}"
key = "you.pem"
[[vm]]
name = "web"
image = "web.raw"
class = "small"
ports = [80]
backend = "farm"
[balancer]
kind = "memory"
[load]
kind = "json"
url = "http://127.0.0.1:{port}/load"
field = "per_s"
unit_rps = 100
core_units = 10
interval_s = 1
stale_s = 10
[[rule]]
name = "burst"
when = "util > 95 for 5m"
do = "buy 1"
vm = "web"
price_max = 0.10
max_units = 4
zones = ["eu-de"]
[[rule]]
name = "calm"
when = "util < 5 for 5m"
do = "release all"
[[group]]
name = "spare"
hosts = ["*"]
[group.offer]
kind = "fixed"
units = 2
classes = ["small"]
price = 0.5
"""


class Stage:
    """A market that is open. `load` lets it move."""

    def __init__(self, served: Served, folder: Path, keys: dict[str, Ed25519PrivateKey]) -> None:
        self.served, self.folder, self.keys = served, folder, keys
        self.url = served.url
        self.control = folder / "m.sock"
        self._orders = 0

    def words(self, who: str = "you") -> list[str]:
        """Return what starts the terminal here."""
        login = ["--url", self.url, "--key", str(self.folder / f"{who}.pem")]
        market = ["--control", str(self.control), "--symbol", SYMBOL, "--no-restore"]
        return ["-m", "headroom", "tui", *login, *market]

    async def load(self, per_s: int, for_s: float) -> float:
        """Let ``per_s`` book updates a second come; return how many came.

        The exchange tells what it did in one batch in one update, so orders are sent the faster
        the fewer updates come of them.
        """
        makers = [await open_pipe(self.url, b'"ack"', self.keys[name]) for name in ("m", "t")]
        watcher = await open_pipe(self.url, b'"book.update"', self.keys["t"])
        for number, symbol in enumerate(SYMBOLS):
            watcher.send(
                framed(JSON.encode(Subscribe(req_id=number + 2, channel="book", symbol=symbol)))
            )
            await watcher.text(b'"book.snapshot"')
        for pipe in (*makers, watcher):
            pipe.ready()
        clock, sent, credit, gone_s = time.perf_counter, 0, 0.0, 0.0
        began_s = clock()
        while gone_s < for_s:
            await asyncio.sleep(STEP_S)
            passed_s, gone_s = clock() - began_s - gone_s, clock() - began_s
            orders_an_update = sent / max(1, watcher.answers) if gone_s > STEADY_S else 1.0
            credit += per_s * passed_s * min(orders_an_update, ORDERS_AN_UPDATE_MAX)
            for _ in range(int(credit)):
                self._step(*makers)
            sent, credit = sent + int(credit), credit % 1
        for pipe in (*makers, watcher):
            pipe.transport.close()
        return watcher.answers / gone_s

    def _step(self, maker: Pipe, taker: Pipe) -> None:
        self._orders += 1
        number = self._orders
        symbol = SYMBOLS[number // 2 % len(SYMBOLS)]
        if number % TRADES_IN == 0:
            taker.send(_frame(_order("buy", f"take-{number}", 1, PRICE_UCR * 2, symbol, ioc=True)))
        if number % 2:
            side: Side = "buy" if number // 8 % 2 else "sell"
            away = (1 + number * 7 % LEVELS) * TICK_UCR
            price_ucr = PRICE_UCR + (-away if side == "buy" else away)
            maker.send(_frame(_order(side, f"rest-{number}", 1 + number % 9, price_ucr, symbol)))
        else:
            gone = number - 2 * RESTING - 1
            maker.send(_frame(OrderCancel(req_id=number, client_order_id=f"rest-{gone}")))


def _order(
    side: Side, name: str, qty: int, price_ucr: int, symbol: str = SYMBOL, ioc: bool = False
) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id=name,
        symbol=symbol,
        side=side,
        order_type="limit",
        price_ucr=price_ucr,
        qty=qty,
        time_in_force="ioc" if ioc else "gtc",
    )


def _frame(request: Request) -> bytes:
    return framed(JSON.encode(request))


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Open the market in ``folder``."""
    served = Served(folder)
    _write(served.operator, folder / "operator.pem")
    keys = {name: Ed25519PrivateKey.generate() for name in UNITS}
    for name, key in keys.items():
        _write(key, folder / f"{name}.pem")
    market, opened = Stage(served, folder, keys), asyncio.Event()
    hosts = asyncio.create_task(_hosts(market, opened))
    try:
        await asyncio.wait(
            {hosts, asyncio.create_task(opened.wait())}, return_when=asyncio.FIRST_COMPLETED
        )
        if hosts.done():
            hosts.result()
        await _fill(market)
        async with _managed(market):
            yield market
    finally:
        hosts.cancel()
        await asyncio.wait({hosts})
        served.end()


def _write(key: Ed25519PrivateKey, path: Path) -> None:
    path.touch(mode=0o600)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(*form, serialization.NoEncryption()))


async def _hosts(market: Stage, opened: asyncio.Event) -> None:
    """Open the accounts and run a host of each until canceled."""
    async with asyncio.TaskGroup() as group:
        async with Client(market.url, market.served.operator) as operator:
            for name in UNITS:
                await open_account(operator, name, market.keys[name])
        for name, units in UNITS.items():
            room = need_of_units(DEFAULT_CLASSES["small"], units)
            agent, _ = await brought(market.url, market.keys[name], f"{name}-1", ZONE, room)
            group.create_task(agent.run())
        opened.set()


async def _fill(market: Stage) -> None:
    """Put depth into the book; buy two units for the terminal, start a VM in each."""
    async with Client(market.url, market.keys["m"]) as maker:
        await _placed(maker, _order("sell", "depth", 2, PRICE_UCR - TICK_UCR // 2))
        async with Client(market.url, market.keys["you"]) as you:
            await you.subscribe("account")
            await you.request(_order("buy", "mine", 2, PRICE_UCR * 2, ioc=True))
            lease = await _lease(you)
            image_path = market.folder / "web.raw"
            image_path.write_bytes(bytes(1024 * 1024))
            image = await put_image(market.url, market.keys["you"], image_path, "raw")
            for name in ("web-1", "web-2"):
                await you.request(VmStart(req_id=1, lease_id=lease, name=name, image=image))
            for level in range(6):
                name, price_ucr = f"own-{level}", PRICE_UCR - (30 + level) * TICK_UCR
                await you.request(_order("buy", name, 1, price_ucr))
        for symbol in SYMBOLS:
            for level in range(1, LEVELS + 1):
                away, name = level * TICK_UCR, f"{symbol}-{level}"
                ask = _order("sell", f"ask-{name}", 500, PRICE_UCR + away, symbol)
                bid = _order("buy", f"bid-{name}", 500, PRICE_UCR - away, symbol)
                await asyncio.gather(maker.request(ask), maker.request(bid))


async def _placed(client: Client, order: OrderPlace) -> None:
    """Place ``order`` as soon as a host backs it."""
    async with asyncio.timeout(SETTLES_S):
        while True:
            try:
                await client.request(order)
            except Refused as error:
                if error.reason != "insufficient_capacity":
                    raise
                await asyncio.sleep(0.2)
            else:
                return


async def _lease(client: Client) -> str:
    async with asyncio.timeout(SETTLES_S):
        async for event in client.events():
            if isinstance(event, LeaseUpdate):
                return event.lease_id
    raise AssertionError("the connection was closed")


@asynccontextmanager
async def _managed(market: Stage) -> AsyncIterator[None]:
    """Run the Manager of ``you``, with a load figure a second, until the block ends."""
    farm = await asyncio.start_server(_tell_load, "127.0.0.1", 0)
    port = farm.sockets[0].getsockname()[1]
    config = market.folder / "manager.toml"
    config.write_text(CONFIG.format(url=market.url, port=port))
    with (market.folder / "manager.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "headroom", "manager", "run", str(config)),
            *("--control", str(market.control)),
            stdout=log,
            stderr=log,
        )
    try:
        async with asyncio.timeout(SETTLES_S):
            while not market.control.exists():
                assert process.returncode is None, (market.folder / "manager.log").read_text()
                await asyncio.sleep(0.1)
        yield
    finally:
        process.terminate()
        await process.wait()
        farm.close()


async def _tell_load(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = json.dumps({"per_s": 500 + time.time() % 60})
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    await writer.drain()
    writer.close()
