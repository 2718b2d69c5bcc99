"""What every `LoadBalancer` must do. A balancer's test file subclasses `BalancerContract`."""

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine
from typing import Any

from manager.core.ports import LoadBalancer

LIMIT_S = 5.0
TURNS = 100
"""Turns of the event loop in which a balancer must have begun to drain."""


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(LIMIT_S):
            await work

    asyncio.run(bounded())


class BalancerContract:
    """``start`` gives a fresh balancer; `connect` opens a connection through it."""

    @abstractmethod
    def start(self, drain_limit_s: float = LIMIT_S) -> LoadBalancer: ...

    @abstractmethod
    def connect(self, balancer: LoadBalancer, backend: str) -> str | None:
        """Open a connection and keep it; return the server it reached."""

    @abstractmethod
    def disconnect(self, balancer: LoadBalancer, server: str) -> None: ...

    def test_a_joined_server_gets_traffic_of_its_backend_only(self) -> None:
        async def work() -> None:
            balancer = self.start()
            await balancer.join("l-1-0", "127.0.0.1", 8001, "farm")
            assert await balancer.servers() == {"l-1-0": "ready"}
            assert self.connect(balancer, "farm") == "l-1-0"
            assert self.connect(balancer, "other") is None

        run(work())

    def test_all_servers_in_service_take_part(self) -> None:
        async def work() -> None:
            balancer = self.start()
            for number in range(3):
                await balancer.join(f"l-1-{number}", "127.0.0.1", 8000 + number, "farm")
            reached = {self.connect(balancer, "farm") for _ in range(9)}
            assert reached == {"l-1-0", "l-1-1", "l-1-2"}

        run(work())

    def test_a_draining_server_gets_nothing_new_and_waits_for_what_is_open(self) -> None:
        async def work() -> None:
            balancer = self.start()
            await balancer.join("l-1-0", "127.0.0.1", 8001, "farm")
            assert self.connect(balancer, "farm") == "l-1-0"
            draining = asyncio.create_task(balancer.drain("l-1-0"))
            for _ in range(TURNS):
                await asyncio.sleep(0)
            assert (await balancer.servers())["l-1-0"] == "draining"
            assert self.connect(balancer, "farm") is None
            assert not draining.done()
            self.disconnect(balancer, "l-1-0")
            await draining

        run(work())

    def test_draining_ends_at_its_limit(self) -> None:
        async def work() -> None:
            balancer = self.start(drain_limit_s=0.01)
            await balancer.join("l-1-0", "127.0.0.1", 8001, "farm")
            self.connect(balancer, "farm")
            await balancer.drain("l-1-0")

        run(work())

    def test_a_draining_server_that_joins_again_is_in_service(self) -> None:
        async def work() -> None:
            balancer = self.start()
            await balancer.join("l-1-0", "127.0.0.1", 8001, "farm")
            await balancer.drain("l-1-0")
            await balancer.join("l-1-0", "127.0.0.1", 8001, "farm")
            assert await balancer.servers() == {"l-1-0": "ready"}
            assert self.connect(balancer, "farm") == "l-1-0"

        run(work())

    def test_everything_may_be_repeated(self) -> None:
        async def work() -> None:
            balancer = self.start()
            for _ in range(2):
                await balancer.join("l-1-0", "127.0.0.1", 8001, "farm")
            for _ in range(2):
                await balancer.drain("l-1-0")
            for _ in range(2):
                await balancer.remove("l-1-0")
            await balancer.drain("l-1-0")
            assert await balancer.servers() == {}
            assert self.connect(balancer, "farm") is None

        run(work())
