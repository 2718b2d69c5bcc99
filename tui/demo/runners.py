"""Run the demo's background traders and hosts: pure cores, each over its own WebSocket.

A host's hypervisor is the one in memory; all else is the real thing. Composes packages, like
``tui.demo``.
"""

import asyncio
import time
from collections.abc import Callable
from random import Random
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.client import AccountReset, Client, Connected, Disconnected, Refused, Unknown
from exchange.wire.frames import Ack, BookSnapshot, BookUpdate, ErrorReply
from exchange.wire.instructions import ConsoleRead, HostLimit, HostSync, VmKill, VmLaunch
from exchange.wire.terms import DEFAULT_CLASSES
from exchange.wire.types import Capacity, Report, Request
from hostagent.core.core import HostConfig, HostCore
from hostagent.core.memory_hypervisor import PORTS, Boot, MemoryServer
from hostagent.core.ports import LinkUp as HostLinkUp
from hostagent.core.ports import Load, Send
from hostagent.core.ports import Tick as HostTick
from sim.actors.traders import LinkUp, Tick, Trader, make_trader
from tui.demo.market import BackgroundTrader, on_tick
from tui.demo.site import port_of

SEED: Final = 1
INBOX_MAX: Final = 10_000
BOOT: Final = Boot(start_ms=1_500, ready_ms=3_000, stop_ms=1_500)


class CoreRunner:
    """Drives a pure core over a client: what arrives and what is due goes in, requests go out."""

    def __init__(self, url: str, key: Ed25519PrivateKey) -> None:
        self.client = Client(url, key, codec="msgpack")
        self.inbox: asyncio.Queue[Any] = asyncio.Queue(INBOX_MAX)

    async def run(self) -> None:
        """Run until canceled."""
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
        raise AssertionError("each kind of runner listens its own way")

    def due_ms(self) -> int | None:
        raise AssertionError("each kind of runner has its own core")

    def take(self, message: Any, at_ms: int) -> None:
        """Hand ``message`` to the core; None when only its time has come."""
        raise AssertionError("each kind of runner has its own core")

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


class TraderRunner(CoreRunner):
    """A background trader."""

    def __init__(self, url: str, key: Ed25519PrivateKey, background: BackgroundTrader) -> None:
        super().__init__(url, key)
        random = Random(f"{SEED}/{background.config.name}")
        self.symbol = background.config.symbol
        self.core: Trader = make_trader(background.kind, background.config, random)

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
            self.send(on_tick(request))


class HostRunner(CoreRunner):
    """A host on a memory hypervisor."""

    def __init__(
        self,
        url: str,
        key: Ed25519PrivateKey,
        name: str,
        capacity: Capacity,
        door: asyncio.Server | None = None,
        load: Callable[[], Load] = Load,
    ) -> None:
        super().__init__(url, key)
        # What listens at `door` answers for the VMs.
        ports = PORTS if door is None else range(port_of(door), port_of(door) + 1)
        self.door = door
        self.server = MemoryServer(now_ms, lambda spec: BOOT, load, ports=ports)
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
