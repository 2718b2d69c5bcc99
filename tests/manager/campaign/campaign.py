"""One long story of peaks: at each point the Manager is killed, and something else may happen."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from exchange.client import Client
from exchange.client.images import put_image
from exchange.keys import load_private_key, new_key
from exchange.wire.admin_requests import AdminBalances
from exchange.wire.requests import AccountState, HostEnroll
from manager.shell.haproxy_balancer import PREFIX
from manager.shell.haproxy_runtime import HaproxyError
from tests.e2e.interruptions.cast import Exchange, Wire, headroom
from tests.e2e.interruptions.market import ask
from tests.hostagent.market import allow, open_account
from tests.manager.campaign.cast import Buyer, Figure, Host, ManagerRun, Seller
from tests.manager.campaign.laws import Left, Story, broken, most_units
from tests.manager.haproxy import Haproxy

DEPOSIT_UCR: Final = 10**8
MAX_UNITS: Final = 3
PEAK_RPS: Final = 1_000
PHASES: Final = ("rise", "fall")
ALSO: Final = ("", "", "haproxy", "exchange", "agent", "wire", "recall")
STAY_S: Final = 3.0
"""How long a peak may last when all serve: longer than the buying rule's cool-down."""
RECALL_S: Final = 10.0
UP_S: Final = 60.0
DOWN_S: Final = 60.0
NOTICE_S: Final = 150.0
CONFIG: Final = """schema = 1
[exchange]
url = "{url}"
key = "buyer.pem"
[[vm]]
name = "web"
image = "{image}"
class = "small"
ports = [80]
health = "/healthz"
backend = "farm"
[balancer]
kind = "haproxy"
socket = "{socket}"
drain_s = 2
[load]
kind = "json"
url = "{load}"
field = "per_s"
unit_rps = 100
core_units = 1
interval_s = 0.2
[[rule]]
name = "burst"
when = "util > 70 for 500ms"
do = "buy 3"
price_max = 0.10
cooldown = "2s"
max_units = {max_units}
zones = ["eu-de"]
[[rule]]
name = "calm"
when = "util < 20 for 500ms"
do = "release all"
cooldown = "1s"
"""


class Point(Struct, frozen=True):
    """``after_s`` into ``phase`` the Manager is killed, for ``hold_s``; ``also`` happens too.

    The peak lasts ``stay_s`` longer than it takes until all serve."""

    phase: str
    after_s: float
    hold_s: float
    also: str
    also_after_s: float
    also_hold_s: float
    stay_s: float


def points(count: int, seed: int, also: tuple[str, ...] = ALSO) -> list[Point]:
    rng, found = random.Random(seed), list[Point]()
    while len(found) < count:
        events = list(also)
        rng.shuffle(events)
        found += [
            Point(
                rng.choice(PHASES),
                rng.uniform(0.0, 4.0),
                rng.uniform(0.1, 2.0),
                event,
                rng.uniform(0.0, 4.0),
                rng.uniform(0.2, 3.0),
                rng.uniform(0.0, STAY_S),
            )
            for event in events
        ]
    return found[:count]


class Setting(Struct, frozen=True):
    """``hosts`` with room for ``units`` each run from the start; ``farm``: HAProxy's backend.

    There is room for what is recalled: it is not sold again for ten minutes (rules.md 5.7).
    """

    config: str = CONFIG
    max_units: int = MAX_UNITS
    hosts: int = 2
    units: int = 8
    farm: str = ""


class Campaign:
    """`opened`, then `play` each point, then `end` tells which laws were broken."""

    def __init__(self, folder: Path, seed: int = 0, setting: Setting | None = None) -> None:
        self.folder = folder
        self.setting = setting or Setting()
        self.exchange = Exchange(folder)
        self.manager = ManagerRun(folder)
        self.load = Figure()
        self.recalled: set[str] = set()
        self._rng = random.Random(seed)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        public = {name: new_key(self.folder / f"{name}.pem") for name in ("seller", "buyer")}
        operator_key = new_key(self.folder / "operator.pem")
        init = ("--data", str(self.exchange.data), "--operator-key", operator_key)
        assert headroom(self.folder / "init.log", "exchange", "init", *init).wait(60) == 0
        self.exchange.start()
        url = await self.exchange.url()
        self.wire = Wire(self.exchange.port)
        await self.wire.listen()
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self.wire.close)
            self.operator = await stack.enter_async_context(self._client(url, "operator"))
            for name, key in public.items():
                await open_account(self.operator, name, key)
            self.seller = Seller(await stack.enter_async_context(self._client(url, "seller")))
            self.buyer = Buyer(await stack.enter_async_context(self._client(url, "buyer")))
            self.hosts = list[Host]()
            for _ in range(self.setting.hosts):
                await self.add_host(self.setting.units)
            self.haproxy = Haproxy(("farm",), mode="http", own=self.setting.farm)
            stack.callback(self.haproxy.stop)
            await self._configure(url)
            stack.callback(self.load.close)
            tasks = [self.buyer.listen(), self.seller.offer(), self.manager.keep()]
            running = [asyncio.create_task(task) for task in tasks]
            try:
                await self.offered(self.setting.hosts * self.setting.units)
                self.manager.wanted = True
                yield
            finally:
                self.manager.wanted = False
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                for program in (self.manager, *self.hosts, self.exchange):
                    if program.lives:
                        await program.end(signal.SIGTERM)

    async def offered(self, units: int) -> None:
        await self.until(lambda: self.seller.offered >= units, UP_S, f"{units} units are offered")

    def _client(self, url: str, name: str) -> Client:
        return Client(url, load_private_key(self.folder / f"{name}.pem"))

    async def add_host(self, units: int) -> None:
        """Enroll and start one more host, with room for ``units``."""
        number, url = len(self.hosts) + 1, await self.exchange.url()
        host = Host(self.folder, number, url, units)
        token = f"a secret of host {number}"
        await allow(self.seller.client, token, 1)
        async with Client(url) as joining:
            wanted = HostEnroll(
                req_id=1,
                token=token,
                name=f"r{number}",
                public_key=new_key(host.key),
                hardware_id=f"campaign-{number}",
            )
            await ask(joining, wanted)
        host.start()
        self.hosts.append(host)

    async def _configure(self, url: str) -> None:
        disk = self.folder / "web.raw"
        disk.write_bytes(bytes(1024 * 1024))
        key = load_private_key(self.folder / "buyer.pem")
        config = self.setting.config.format(
            url=url.replace(str(self.exchange.port), str(self.wire.port)),
            image=await put_image(url, key, disk, "raw"),
            socket=self.haproxy.socket,
            load=await self.load.start(),
            max_units=self.setting.max_units,
        )
        (self.folder / "manager.toml").write_text(config)

    # --- one point ---

    async def play(self, point: Point) -> list[str]:
        """Let a peak come and go; return what did not come about."""
        found: list[str] = []
        for phase, load, reached, limit_s in (
            ("rise", PEAK_RPS, self._up, UP_S),
            ("fall", 0, self._down, DOWN_S),
        ):
            self.load.per_s = load
            if point.phase == phase:
                await asyncio.gather(self._kill(point), self._also(point))
            if not await self.comes_about(reached, limit_s):
                found.append(f"{phase}: not within {limit_s:.0f} s; {await self._state()}")
            await asyncio.sleep(point.stay_s if phase == "rise" else 0)
        return found

    async def _kill(self, point: Point) -> None:
        await asyncio.sleep(point.after_s)
        self.manager.wanted = False
        if self.manager.lives:
            await self.manager.end(signal.SIGKILL)
        await asyncio.sleep(point.hold_s)
        self.manager.wanted = True

    async def _also(self, point: Point) -> None:
        await asyncio.sleep(point.also_after_s)
        match point.also:
            case "haproxy":
                self.haproxy.kill()
                await asyncio.sleep(point.also_hold_s)
                await asyncio.to_thread(self.haproxy.start)
            case "exchange":
                await self.exchange.end(signal.SIGKILL)
                await asyncio.sleep(point.also_hold_s)
                self.exchange.start()
                await self.exchange.url()
            case "agent":
                host = self._rng.choice(self.hosts)
                await host.end(signal.SIGKILL)
                await asyncio.sleep(point.also_hold_s)
                host.start()
            case "wire":
                self.wire.cut()
                await asyncio.sleep(point.also_hold_s)
                self.wire.mend()
            case "recall":
                await self._recall()
            case _:
                pass

    async def _recall(self) -> None:
        """Recall a lease, when there is one."""

        async def bought() -> bool:
            return bool(self.buyer.active())

        if await self.comes_about(bought, RECALL_S):
            lease = self._rng.choice(self.buyer.active())
            if await self.seller.recall(lease):
                self.recalled.add(lease)

    async def _up(self) -> bool:
        rows = await self._not_recalled()
        return len([row for row in rows if row["srv_admin_state"] == "0"]) >= MAX_UNITS

    async def _down(self) -> bool:
        return not self.buyer.active() and not await self._not_recalled()

    async def _not_recalled(self) -> list[dict[str, str]]:
        """Recalled units serve, whatever the load, until shortly before their end."""
        rows = await self.rows()
        return [row for row in rows if _lease_of(row) not in self.recalled]

    async def rows(self) -> list[dict[str, str]]:
        try:
            rows = await self.haproxy.runtime.server_states()
        except HaproxyError:
            return [{"srv_name": "?", "srv_admin_state": "?"}]
        return [row for row in rows if row["srv_name"].startswith(PREFIX)]

    async def _state(self) -> str:
        servers = {row["srv_name"]: row["srv_admin_state"] for row in await self.rows()}
        return f"servers {servers}, active leases {self.buyer.active()}"

    async def comes_about(self, holds: Callable[[], Awaitable[bool]], limit_s: float) -> bool:
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if await holds():
                return True
            await asyncio.sleep(0.1)
        return False

    async def until(self, holds: Callable[[], bool], limit_s: float, what: str) -> None:
        async def held() -> bool:
            return holds()

        assert await self.comes_about(held, limit_s), f"not within {limit_s:.0f} s: {what}"

    # --- the end ---

    async def end(self) -> list[str]:
        """Wait for the recalls' ends; return the laws that were broken."""

        async def ended() -> bool:
            return all(one.state == "ended" for one in self.buyer.leases.values())

        async def nothing() -> bool:
            return await self.left() == Left()

        await self.comes_about(ended, NOTICE_S)
        await self.comes_about(nothing, DOWN_S)
        return broken(await self._story(), await self.left())

    async def left(self) -> Left:
        state: dict[str, Any] = await ask(self.buyer.client, AccountState(req_id=1))
        balance = (await self._balances())["buyer"]
        return Left(
            servers=[row["srv_name"] for row in await self.rows()],
            orders=[row["client_order_id"] for row in state["orders"]],
            vms=[row["vm_id"] for row in state["vms"] if row["state"] not in ("stopped", "failed")],
            guests=[place for host in self.hosts for place in await host.answering()],
            held_ucr=balance["held_ucr"],
        )

    async def _balances(self) -> dict[str, dict[str, int]]:
        return dict((await ask(self.operator, AdminBalances(req_id=1)))["balances"])

    async def _story(self) -> Story:
        return Story(
            max_units=MAX_UNITS,
            most_units=most_units(self.buyer.told),
            leases=self.buyer.leases,
            recalled=self.recalled,
            charges=await self.buyer.statement("charges"),
            gone_ucr=DEPOSIT_UCR - (await self._balances())["buyer"]["available_ucr"],
        )


def _lease_of(row: dict[str, str]) -> str:
    return row["srv_name"].removeprefix(PREFIX).rpartition("-")[0]
