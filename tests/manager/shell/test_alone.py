"""Two Managers with the same rules on one account: one acts, the other waits and says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from exchange.client import Client
from manager.core.core import Manager
from manager.shell.daemon import Daemon
from manager.shell.memory_balancer import MemoryBalancer
from tests.exchange.server.test_server import play
from tests.exchange.support.harness import key_of, until
from tests.manager.farm import BURST, new_manager

SINCE = "another_manager: another connection acts for 'rule/burst' since 20"


class Calm:
    async def read_rps(self) -> float:
        return 500.0


@asynccontextmanager
async def at_work(url: str, *names: str) -> AsyncIterator[Manager]:
    """Run a Manager with rules of these names until the end."""
    manager = new_manager(*(BURST | {"name": name} for name in names))
    async with Client(url, key_of("bob")) as client:
        daemon = Daemon(client, manager, Calm(), MemoryBalancer(), 0.1)
        running = asyncio.create_task(daemon.run())
        try:
            yield manager
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def reason(manager: Manager) -> str:
    return (*manager.rule_states()[0].reasons, "")[0]


def test_the_second_waits_and_goes_on_when_the_first_is_gone(tmp_path: Path) -> None:
    """(Seen to fail without the claim: both acted, and ``max_units`` held for each alone.)"""

    async def scene(url: str) -> None:
        async with AsyncExitStack() as lives:
            first = await lives.enter_async_context(at_work(url, "burst"))
            await until(lambda: first.online)
            async with at_work(url, "burst", "night") as second, at_work(url, "other") as third:
                await until(lambda: reason(second).startswith(SINCE))
                await until(lambda: third.online)
                assert (first.online, second.online) == (True, False)
                await lives.aclose()
                await until(lambda: second.online)

    play(tmp_path, scene)
