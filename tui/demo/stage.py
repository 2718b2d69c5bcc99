"""The demo's background processes: an exchange, hosts on memory hypervisors, traders.

Everything is the real thing but the hypervisor: the server of ``exchange.server``, `HostCore` and
the traders' cores, each over its own WebSocket connection. Composes packages, like ``tui.demo``.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from exchange.client import AccountReset, Client, Connected, Disconnected, Refused, Unknown
from exchange.journal.rows import JournalRow
from exchange.keys import load_private_key, new_key, public_key_b64
from exchange.model.commands import Command, Genesis
from exchange.model.config import (
    ExchangeConfig,
    InstrumentConfig,
    ZoneConfig,
)
from exchange.recovery.loading import load
from exchange.server.server import ExchangeServer, Settings
from exchange.storage.sqlite_journal import DataLock, create
from exchange.wire.admin_requests import AdminAccount, AdminDeposit, AdminKey
from exchange.wire.codec import MSGPACK
from exchange.wire.frames import (
    Ack,
    BookSnapshot,
    BookUpdate,
    ErrorReply,
)
from exchange.wire.instructions import (
    ConsoleRead,
    HostLimit,
    HostSync,
    VmKill,
    VmLaunch,
)
from exchange.wire.requests import HostEnroll, HostToken, OrderPlace, OrderReplace
from exchange.wire.terms import DEFAULT_CLASSES, need_of_units
from exchange.wire.types import Capacity, Report, Request
from hostagent.core.core import HostConfig, HostCore
from hostagent.core.memory_hypervisor import Boot, MemoryServer
from hostagent.core.ports import LinkUp as HostLinkUp
from hostagent.core.ports import Send
from hostagent.core.ports import Tick as HostTick
from sim.actors.traders import LinkUp, Tick, Trader, TraderConfig, make_trader
from sim.network.identity import token_sha256

SEED: Final = 1
YOU: Final = "acme"
TICK_UCR: Final = 100
DEPOSIT_UCR: Final = 1_000_000_000
INBOX_MAX: Final = 10_000
HOLD_MS: Final = (5_000, 45_000)
"""How long a background trader keeps a lease: short, so that the market keeps moving."""
PRICES_UCR: Final = {"nano": 9_000, "small": 31_200, "medium": 61_800, "large": 122_500}
ZONES: Final = {"eu-de": ("DE", 100), "eu-fr": ("FR", 106)}
"""Country and price level in per cent."""
MAKERS: Final = 4
NOISE: Final = 3
UNITS: Final = 60
"""Units that a background trader bids for, and that its host can back."""
BOOK_LEVELS: Final = 6
BOOK_TIMEOUT_S: Final = 15
YOUR_HOST: Final = Capacity(16_000, 40_000, 200_000)
BOOT: Final = Boot(start_ms=500, ready_ms=3_000, stop_ms=500)


class Casting(NamedTuple):
    """One background trader: what it trades, how, how often."""

    kind: str
    config: TraderConfig


def config() -> ExchangeConfig:
    """Return two zones with every class in each, at a tick a person can read."""
    zones = [
        ZoneConfig(zone=zone, country=country, accel=["simulated"])
        for zone, (country, _) in ZONES.items()
    ]
    instruments = [
        InstrumentConfig(class_=name, zone=zone, pricing="flat", tick_ucr=TICK_UCR)
        for zone in ZONES
        for name in PRICES_UCR
    ]
    classes = DEFAULT_CLASSES
    return ExchangeConfig(classes=classes, zones=zones, instruments=instruments)


def cast() -> list[Casting]:
    """Return the background traders: a few makers and some noise in every instrument."""
    parts = []
    for zone, (_, level_pct) in ZONES.items():
        for name, price_ucr in PRICES_UCR.items():
            symbol = f"{name}.{zone}.flat.spot"
            for number in range(MAKERS + NOISE):
                kind = "market_maker" if number < MAKERS else "noise"
                parts.append(
                    Casting(
                        kind,
                        TraderConfig(
                            name=f"{kind.replace('_', '-')}-{name}-{zone}-{number}",
                            symbol=symbol,
                            price_ucr=price_ucr * level_pct // 100,
                            rate_per_min=60 if name == "small" else 25,
                            units=UNITS,
                            levels=8,
                            spread_pct=0.7 + 0.4 * number,
                            step_pct=0.45,
                            level_units=8 if kind == "market_maker" else 4,
                            max_bought=UNITS,
                            hold_min_ms=HOLD_MS[0],
                            hold_max_ms=HOLD_MS[1],
                        ),
                    )
                )
    return parts


async def perform(folder: Path) -> None:
    """Run it all in ``folder`` until standard input closes; prints one line when open."""
    operator_pem, you_pem, data = folder / "operator.pem", folder / "you.pem", folder / "data"
    genesis = Genesis(config(), new_key(operator_pem))
    create(data, [JournalRow(1, now_ms(), MSGPACK.encode(Command("", "", 0, genesis)))])
    with DataLock(data):
        server = ExchangeServer(Settings(data_dir=data, host="127.0.0.1", port=0), load(data))
        await server.open()
        running = asyncio.create_task(server.run())
        new_key(you_pem)
        troupe = asyncio.create_task(_troupe(server.url, operator_pem, you_pem))
        await asyncio.wait(
            {running, troupe, asyncio.create_task(_input_closed())},
            return_when=asyncio.FIRST_COMPLETED,
        )
        troupe.cancel()
        await asyncio.wait({troupe})
        server.stop()
        await running
        if not troupe.cancelled():
            troupe.result()


async def _input_closed() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def _troupe(url: str, operator_pem: Path, you_pem: Path) -> None:
    async with asyncio.TaskGroup() as group:
        async with Client(url, load_private_key(operator_pem)) as operator:
            troupe = Troupe(url, operator, group)
            await troupe.join(YOU, load_private_key(you_pem), "eu-de", YOUR_HOST)
            # Side by side: the exchange then stores many sign-ups with one sync of the disk.
            await asyncio.gather(*(troupe.hire(casting) for casting in cast()))
        await _book_filled(url, cast()[MAKERS + NOISE].config.symbol)
        typer.echo(json.dumps({"url": url, "key": str(you_pem)}))


async def _book_filled(url: str, symbol: str) -> None:
    """Wait until the book is worth looking at; a slow machine may open with a thin one."""
    try:
        async with asyncio.timeout(BOOK_TIMEOUT_S), Client(url) as watcher:
            await watcher.subscribe("book", symbol)
            async for _ in watcher.events():
                book = watcher.book(symbol)
                if min(len(book.bids), len(book.asks)) >= BOOK_LEVELS:
                    return
    except TimeoutError:
        return


class Troupe:
    """Everybody on the exchange; ``group`` keeps their tasks."""

    def __init__(self, url: str, operator: Client, group: asyncio.TaskGroup) -> None:
        self.url = url
        self.operator = operator
        self.group = group

    async def join(
        self, account: str, key: Ed25519PrivateKey, zone: str, capacity: Capacity
    ) -> None:
        """Give ``account`` a trader's key, money, and a host of ``capacity`` in ``zone``."""
        public_key = public_key_b64(key)
        for message in (
            AdminAccount(req_id=1, account=account, name=account),
            AdminKey(
                req_id=1, account=account, key_id=account, public_key=public_key, role="trader"
            ),
            AdminDeposit(req_id=1, account=account, amount_ucr=DEPOSIT_UCR, ref=account),
        ):
            await self.operator.request(message)
        host_key = Ed25519PrivateKey.generate()
        await self._enroll(account, key, public_key_b64(host_key), zone)
        self.group.create_task(HostActor(self.url, host_key, account, capacity).run())

    async def _enroll(self, account: str, key: Ed25519PrivateKey, host_key: str, zone: str) -> None:
        secret = f"demo-{account}"
        async with Client(self.url, key) as owner:
            digest = token_sha256(secret)
            await owner.request(
                HostToken(req_id=1, zone=zone, token_sha256=digest, uses=1, ttl_s=3600)
            )
        async with Client(self.url) as stranger:
            await stranger.request(
                HostEnroll(
                    req_id=1,
                    token=secret,
                    name=f"{account}-host",
                    hardware_id=f"demo-{account}",
                    public_key=host_key,
                )
            )

    async def hire(self, casting: Casting) -> None:
        """Let a background trader join and begin."""
        key, config = Ed25519PrivateKey.generate(), casting.config
        class_, zone, _, _ = config.symbol.split(".")
        shape = DEFAULT_CLASSES[class_]
        capacity = need_of_units(shape, config.units)
        await self.join(config.name, key, zone, capacity)
        self.group.create_task(TraderActor(self.url, key, casting).run())


class Actor:
    """Drives a pure core over a client: what arrives and what is due goes in, requests go out."""

    def __init__(self, url: str, key: Ed25519PrivateKey) -> None:
        self.client = Client(url, key, codec="msgpack")
        self.inbox: asyncio.Queue[Any] = asyncio.Queue(INBOX_MAX)

    async def run(self) -> None:
        """Play until canceled."""
        async with self.client, asyncio.TaskGroup() as group:
            self.group = group
            group.create_task(self.listen())
            await self.enter()
            while True:
                self.take(await self._next(), now_ms())

    async def enter(self) -> None:
        """What to do once logged in."""

    async def listen(self) -> None:
        """Put what arrives into the inbox."""
        raise AssertionError("each kind of actor listens its own way")

    def due_ms(self) -> int | None:
        raise AssertionError("each kind of actor has its own core")

    def take(self, message: Any, at_ms: int) -> None:
        """Hand ``message`` to the core; None when only its time has come."""
        raise AssertionError("each kind of actor has its own core")

    async def _next(self) -> Any:
        due_ms = self.due_ms()
        wait_s = None if due_ms is None else max(0, due_ms - now_ms()) / 1000
        try:
            async with asyncio.timeout(wait_s):
                return await self.inbox.get()
        except TimeoutError:
            return None

    def send(self, message: Request | Report) -> None:
        """Send in the background; the answer comes back through the inbox."""
        self.group.create_task(self._send(message))

    async def _send(self, message: Request | Report) -> None:
        try:
            if isinstance(message, Report):
                await self.client.send(message)
                return
            result = await self.client.request(message)
            self.inbox.put_nowait(Ack(message.req_id, result=result))
        except Refused as refused:
            assert isinstance(message, Request), "a report is never answered"
            self.inbox.put_nowait(ErrorReply(message.req_id, refused.reason, refused.message))
        except Unknown:
            return


class TraderActor(Actor):
    """A background trader."""

    def __init__(self, url: str, key: Ed25519PrivateKey, casting: Casting) -> None:
        super().__init__(url, key)
        random = Random(f"{SEED}/{casting.config.name}")
        self.symbol = casting.config.symbol
        self.core: Trader = make_trader(casting.kind, casting.config, random)

    async def enter(self) -> None:
        state = await self.client.subscribe("account")
        await self.client.subscribe("book", self.symbol)
        self.inbox.put_nowait(LinkUp(state))

    async def listen(self) -> None:
        async for event in self.client.events():
            match event:
                case BookSnapshot() | BookUpdate():
                    # The book alone moves no trader: it looks when its own time has come.
                    self.core.position.fold(event)
                case AccountReset():
                    self.inbox.put_nowait(LinkUp(event.account_state))
                case Connected() | Disconnected():
                    pass
                case _:
                    self.inbox.put_nowait(event)

    def due_ms(self) -> int | None:
        return self.core.next_deadline_ms()

    def take(self, message: Any, at_ms: int) -> None:
        for request in self.core.apply(message or Tick(), at_ms):
            self.send(_on_tick(request))


def _on_tick(request: Request) -> Request:
    """Return ``request`` with its price on the demo's coarse tick; the cores know only tick 1."""
    if isinstance(request, OrderPlace | OrderReplace) and request.price_ucr is not None:
        price_ucr = max(TICK_UCR, round(request.price_ucr / TICK_UCR) * TICK_UCR)
        return replace(request, price_ucr=price_ucr)
    return request


class HostActor(Actor):
    """A host on a memory hypervisor."""

    def __init__(self, url: str, key: Ed25519PrivateKey, name: str, capacity: Capacity) -> None:
        super().__init__(url, key)
        self.server = MemoryServer(now_ms, lambda spec: BOOT)
        self.core = HostCore(
            HostConfig(
                capacity=capacity,
                classes=DEFAULT_CLASSES,
                boot_id=f"{name}/1",
                cpu_model="simulated",
                host_mvcpu=capacity.mvcpu,
            )
        )
        self.core.apply(self.server.observed(), now_ms())

    async def listen(self) -> None:
        async for event in self.client.events():
            match event:
                case Connected():
                    self.inbox.put_nowait(HostLinkUp())
                case VmLaunch() | VmKill() | HostLimit() | HostSync() | ConsoleRead():
                    self.inbox.put_nowait(event)
                case _:
                    pass

    def due_ms(self) -> int | None:
        return self.core.next_deadline_ms()

    def take(self, message: Any, at_ms: int) -> None:
        for out in self.core.apply(message or HostTick(), at_ms):
            if isinstance(out, Send):
                self.send(out.message)
                continue
            for due_ms, result in self.server.carry_out(out):
                delay_s = max(0, due_ms - at_ms) / 1000
                asyncio.get_running_loop().call_later(delay_s, self.inbox.put_nowait, result)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
