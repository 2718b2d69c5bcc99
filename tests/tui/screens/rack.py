"""Memory hosts whose own clock runs fast: five idle minutes, which open them, are seconds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.client import Client
from exchange.keys import public_key_b64
from exchange.wire.requests import HostEnroll, HostToken
from exchange.wire.types import Capacity
from hostagent.core.memory_hypervisor import MemoryServer
from sim.network.identity import token_sha256
from tui.demo.runners import BOOT, HostRunner, now_ms

TIMES = 60
ROOM = Capacity(8_000, 16_000, 100_000)


class FastHost(HostRunner):
    """A host on a memory hypervisor, with nothing to do of its own."""

    def __init__(self, url: str, key: Ed25519PrivateKey, name: str) -> None:
        self._began_ms = now_ms()
        super().__init__(url, key, name, ROOM)
        self.server = MemoryServer(self._fast_ms, lambda spec: BOOT)

    def _fast_ms(self) -> int:
        return self._began_ms + (now_ms() - self._began_ms) * TIMES

    def take(self, message: Any, at_ms: int) -> None:
        super().take(message, self._fast_ms())

    async def _next(self) -> Any:
        due_ms = self.due_ms()
        wait_s = None if due_ms is None else max(0, due_ms - self._fast_ms()) / 1000 / TIMES
        try:
            async with asyncio.timeout(wait_s):
                return await self.inbox.get()
        except TimeoutError:
            return None


async def enroll(url: str, secret: str, name: str) -> Ed25519PrivateKey:
    """Enroll a server with a token's secret; returns its key."""
    key = Ed25519PrivateKey.generate()
    async with Client(url) as stranger:
        await stranger.request(
            HostEnroll(
                req_id=1,
                token=secret,
                name=name,
                hardware_id=name,
                public_key=public_key_b64(key),
            )
        )
    return key


@contextlib.asynccontextmanager
async def rack(url: str, owner: Ed25519PrivateKey, *names: str) -> AsyncIterator[None]:
    """Run servers of ``owner`` with these names."""
    running: list[asyncio.Task[None]] = []
    try:
        for name in names:
            secret = f"token of {name}"
            async with Client(url, owner) as asks:
                token = HostToken(
                    req_id=1,
                    zone="eu-de",
                    token_sha256=token_sha256(secret),
                    uses=1,
                    ttl_s=3600,
                )
                await asks.request(token)
            key = await enroll(url, secret, name)
            running.append(asyncio.create_task(FastHost(url, key, name).run()))
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
