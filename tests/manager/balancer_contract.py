"""What every `LoadBalancer` must do. A balancer's test file subclasses `BalancerContract`."""

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine
from typing import Any

from manager.core.ports import LoadBalancer

LIMIT_S = 20.0
TURNS = 1_000
"""Questions after which a balancer must have begun to drain."""
NAMES = ("l-1-0", "l-1-1", "l-1-2")


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(LIMIT_S):
            await work

    asyncio.run(bounded())


class BalancerContract:
    """``start`` gives a fresh balancer with the backends ``farm`` and ``other``; `connect` opens a
    connection through it."""

    @abstractmethod
    async def start(self, drain_limit_s: float = LIMIT_S) -> LoadBalancer: ...

    @abstractmethod
    def place(self, server: str) -> tuple[str, int]:
        """Return where the server of that name, one of `NAMES`, listens."""

    @abstractmethod
    async def connect(self, balancer: LoadBalancer, backend: str) -> str | None:
        """Open a connection and keep it; return the server it reached."""

    @abstractmethod
    async def disconnect(self, balancer: LoadBalancer, server: str) -> None: ...

    async def stop(self) -> None:
        """Close what is open."""

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        async def then_stop() -> None:
            try:
                await work
            finally:
                await self.stop()

        run(then_stop())

    def test_a_joined_server_gets_traffic_of_its_backend_only(self) -> None:
        async def work() -> None:
            balancer = await self.start()
            await balancer.join("l-1-0", *self.place("l-1-0"), "farm")
            assert await balancer.servers() == {"l-1-0": "ready"}
            assert await self.connect(balancer, "farm") == "l-1-0"
            assert await self.connect(balancer, "other") is None

        self.run(work())

    def test_all_servers_in_service_take_part(self) -> None:
        async def work() -> None:
            balancer = await self.start()
            for name in NAMES:
                await balancer.join(name, *self.place(name), "farm")
            reached = {await self.connect(balancer, "farm") for _ in range(9)}
            assert reached == set(NAMES)

        self.run(work())

    def test_a_draining_server_gets_nothing_new_and_waits_for_what_is_open(self) -> None:
        async def work() -> None:
            balancer = await self.start()
            await balancer.join("l-1-0", *self.place("l-1-0"), "farm")
            assert await self.connect(balancer, "farm") == "l-1-0"
            draining = asyncio.create_task(balancer.drain("l-1-0"))
            for _ in range(TURNS):
                await asyncio.sleep(0)
                if (await balancer.servers())["l-1-0"] == "draining":
                    break
            assert await self.connect(balancer, "farm") is None
            assert not draining.done()
            await self.disconnect(balancer, "l-1-0")
            await draining

        self.run(work())

    def test_draining_ends_at_its_limit(self) -> None:
        async def work() -> None:
            balancer = await self.start(drain_limit_s=0.01)
            await balancer.join("l-1-0", *self.place("l-1-0"), "farm")
            await self.connect(balancer, "farm")
            await balancer.drain("l-1-0")

        self.run(work())

    def test_a_removed_server_is_gone_whatever_is_open(self) -> None:
        async def work() -> None:
            balancer = await self.start()
            await balancer.join("l-1-0", *self.place("l-1-0"), "farm")
            await self.connect(balancer, "farm")
            await balancer.remove("l-1-0")
            assert await balancer.servers() == {}
            assert await self.connect(balancer, "farm") is None

        self.run(work())

    def test_a_draining_server_that_joins_again_is_in_service(self) -> None:
        async def work() -> None:
            balancer = await self.start()
            await balancer.join("l-1-0", *self.place("l-1-0"), "farm")
            await balancer.drain("l-1-0")
            await balancer.join("l-1-0", *self.place("l-1-0"), "farm")
            assert await balancer.servers() == {"l-1-0": "ready"}
            assert await self.connect(balancer, "farm") == "l-1-0"

        self.run(work())

    def test_a_server_that_joins_at_another_place_is_there_only(self) -> None:
        async def work() -> None:
            balancer = await self.start()
            await balancer.join("l-1-0", *self.place("l-1-1"), "other")
            await balancer.join("l-1-0", *self.place("l-1-0"), "farm")
            assert await balancer.servers() == {"l-1-0": "ready"}
            assert await self.connect(balancer, "other") is None
            assert await self.connect(balancer, "farm") == "l-1-0"

        self.run(work())

    def test_everything_may_be_repeated(self) -> None:
        async def work() -> None:
            balancer = await self.start()
            for _ in range(2):
                await balancer.join("l-1-0", *self.place("l-1-0"), "farm")
            for _ in range(2):
                await balancer.drain("l-1-0")
            for _ in range(2):
                await balancer.remove("l-1-0")
            await balancer.drain("l-1-0")
            assert await balancer.servers() == {}
            assert await self.connect(balancer, "farm") is None

        self.run(work())
