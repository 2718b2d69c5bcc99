"""Carries out what the core wants of the load balancer, and tells it what the balancer has. Shell.

Work on one server is done in order. A balancer that cannot be reached is asked again and again: a
server that could not join is healthy all the same.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from exchange.client.backoff import Backoff
from exchange.log import log
from exchange.log.line import LogLine
from manager.core import log_events
from manager.core.messages import (
    BackendDrained,
    BackendFailed,
    BackendReady,
    BackendsSeen,
    DrainBackend,
    RegisterBackend,
    RemoveBackend,
)
from manager.core.ports import BalancerError, BalancerGoneError, LoadBalancer
from manager.shell.health import is_healthy
from manager.shell.inbox import Inbox

PROBE_EVERY_S: Final = 1.0
PROBE_FOR_S: Final = 120.0
LIMIT_S: Final = 120.0
LOOK_EVERY_S: Final = 5.0
FIRST_LOOK_S: Final = 10.0


class Balancing:
    """``inbox`` takes what happened to the core; ``now_ms`` is the core's clock;
    ``tell`` takes what others than the log may want to hear of."""

    def __init__(
        self,
        balancer: LoadBalancer,
        inbox: Inbox,
        now_ms: Callable[[], int],
        tell: Callable[[LogLine], None] = log.write,
    ) -> None:
        self._balancer = balancer
        self._inbox = inbox
        self._now_ms = now_ms
        self._tell = tell
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._gone = False

    def carry_out(self, out: RegisterBackend | DrainBackend | RemoveBackend) -> None:
        """Begin ``out``; what is new for a server makes what was begun for it pointless."""
        match out:
            case RegisterBackend():
                work = self._join(out)
            case DrainBackend(server):
                work = self._drain(server)
            case RemoveBackend(server):
                work = self._remove(server)
        before = self._tasks.get(out.server)
        if before is not None:
            before.cancel()
        task = asyncio.get_running_loop().create_task(_after(before, work))
        self._tasks[out.server] = task
        task.add_done_callback(lambda done: self._forget(out.server, done))

    async def watch(self) -> None:
        """Tell the core again and again what the balancer has, until canceled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look(LIMIT_S)

    async def look(self, limit_s: float = FIRST_LOOK_S) -> None:
        """Tell the core what the balancer has now, if it answers within ``limit_s``."""
        at_ms = self._now_ms()
        try:
            async with asyncio.timeout(limit_s):
                servers = await self._balancer.servers()
        except (BalancerError, TimeoutError) as error:
            self._told(_cause(error))
        else:
            self._told("")
            await self._inbox.put(BackendsSeen(servers, at_ms))

    async def stop(self) -> None:
        """Leave everything as it is; servers stay in service for the next Manager."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _told(self, trouble: str) -> None:
        """Log once that the balancer is gone, and once that it is back."""
        if bool(trouble) != self._gone:
            self._gone = bool(trouble)
            self._tell(log_events.balancer_gone(trouble))

    async def _join(self, out: RegisterBackend) -> None:
        """Probe the server ourselves until it is healthy: a balancer trusts a new one blindly."""
        try:
            async with asyncio.timeout(PROBE_FOR_S):
                await _until_healthy(out)
        except TimeoutError:
            why = f"{out.address}:{out.port} was not healthy within {PROBE_FOR_S:g} s"
            await self._inbox.put(BackendFailed(out.server, why))
            return
        try:
            await self._until_joined(out)
        except BalancerError as error:
            await self._inbox.put(BackendFailed(out.server, str(error), refused=True))
        else:
            await self._inbox.put(BackendReady(out.server))

    async def _until_joined(self, out: RegisterBackend) -> None:
        pauses = Backoff()
        while True:
            try:
                async with asyncio.timeout(LIMIT_S):
                    return await self._balancer.join(out.server, out.address, out.port, out.backend)
            except (BalancerGoneError, TimeoutError) as error:
                self._told(_cause(error))
            await asyncio.sleep(pauses.pause_s())

    async def _drain(self, server: str) -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                await self._balancer.drain(server)
        except (BalancerError, TimeoutError) as error:
            # A balancer that cannot drain must not keep a unit paid for ever.
            log.write(log_events.balancer(server, "drained", _cause(error)))
        await self._inbox.put(BackendDrained(server))

    async def _remove(self, server: str) -> None:
        """What cannot be removed now is seen again by `watch` and removed then."""
        try:
            async with asyncio.timeout(LIMIT_S):
                await self._balancer.remove(server)
        except (BalancerError, TimeoutError) as error:
            log.write(log_events.balancer(server, "removed", _cause(error)))

    def _forget(self, server: str, done: asyncio.Task[None]) -> None:
        if self._tasks.get(server) is done:
            del self._tasks[server]


async def _until_healthy(out: RegisterBackend) -> None:
    while True:
        if await is_healthy(out.address, out.port, out.health):
            return
        await asyncio.sleep(PROBE_EVERY_S)


async def _after(before: asyncio.Task[None] | None, work: Coroutine[Any, Any, None]) -> None:
    if before is not None:
        await asyncio.gather(before, return_exceptions=True)
    await work


def _cause(error: BalancerError | TimeoutError) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else str(error)
