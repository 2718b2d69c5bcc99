"""Sets up who is on the demo's exchange: accounts, servers, traders, hour after hour.

Composes packages, like ``tui.demo``.
"""

import asyncio
import contextlib
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.client import Client
from exchange.keys import public_key_b64
from exchange.trading.windows import GATE_MS
from exchange.units import MS_PER_HOUR
from exchange.wire.admin_requests import AdminAccount, AdminDeposit, AdminKey
from exchange.wire.requests import HostEnroll, HostToken
from exchange.wire.terms import DEFAULT_CLASSES, need_of_units
from exchange.wire.types import Capacity
from hostagent.core.ports import Load
from sim.network.identity import token_sha256
from tui.demo.market import HOURS_AHEAD, BackgroundTrader, next_hour_ms, window_traders
from tui.demo.runners import HostRunner, TraderRunner, now_ms
from tui.demo.site import Site, own_load

YOU: Final = "acme"
DEPOSIT_UCR: Final = 1_000_000_000
WINDOW_LISTED_S: Final = 2.0
"""After the hour, the next window is on sale."""


class Population:
    """Everybody on the exchange; ``group`` keeps their tasks, ``site`` answers for their VMs."""

    def __init__(self, url: str, operator: Client, group: asyncio.TaskGroup, site: Site) -> None:
        self.url = url
        self.operator = operator
        self.group = group
        self.site = site

    async def sign_up(self, account: str, key: Ed25519PrivateKey) -> None:
        """Give ``account`` a trader's key and money."""
        public_key = public_key_b64(key)
        for message in (
            AdminAccount(req_id=1, account=account, name=account),
            AdminKey(
                req_id=1, account=account, key_id=account, public_key=public_key, role="trader"
            ),
            AdminDeposit(req_id=1, account=account, amount_ucr=DEPOSIT_UCR, ref=account),
        ):
            await self.operator.request(message)

    async def add_host(
        self, account: str, key: Ed25519PrivateKey, name: str, zone: str, capacity: Capacity
    ) -> None:
        """Enroll a server of ``account`` called ``name`` and run it."""
        host_key, secret = Ed25519PrivateKey.generate(), f"demo-{name}"
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
                    name=name,
                    hardware_id=secret,
                    public_key=public_key_b64(host_key),
                )
            )
        door = await self.site.open()
        host = HostRunner(self.url, host_key, name, capacity, door, lambda: self.load_of(account))
        self.group.create_task(host.run())

    def load_of(self, account: str) -> Load:
        return own_load(self.site.elapsed_s) if account == YOU else Load()

    async def add_trader(self, background: BackgroundTrader, until_ms: int | None = None) -> None:
        """Let a background trader join and begin; it leaves at ``until_ms``."""
        key, config = Ed25519PrivateKey.generate(), background.config
        class_, zone, _, _ = config.symbol.split(".")
        capacity = need_of_units(DEFAULT_CLASSES[class_], config.units)
        await self.sign_up(config.name, key)
        await self.add_host(config.name, key, f"{config.name}-host", zone, capacity)
        trader = TraderRunner(self.url, key, background)
        self.group.create_task(trader.run() if until_ms is None else _until(until_ms, trader))

    async def open_windows(self) -> None:
        """Add the traders of the windows there are."""
        start_ms = next_hour_ms(now_ms())
        starts = (start_ms + number * MS_PER_HOUR for number in range(HOURS_AHEAD))
        await asyncio.gather(*(self._open_window(each) for each in starts))

    async def keep_windows_alive(self) -> None:
        """With each hour add the traders of the new window."""
        start_ms = next_hour_ms(now_ms())
        while True:
            await asyncio.sleep(max(0, start_ms - now_ms()) / 1000 + WINDOW_LISTED_S)
            await self._open_window(start_ms + HOURS_AHEAD * MS_PER_HOUR)
            start_ms += MS_PER_HOUR

    async def _open_window(self, start_ms: int) -> None:
        end_ms = start_ms - GATE_MS
        await asyncio.gather(*(self.add_trader(each, end_ms) for each in window_traders(start_ms)))


async def _until(end_ms: int, trader: TraderRunner) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0, end_ms - now_ms()) / 1000):
            await trader.run()
