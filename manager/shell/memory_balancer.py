"""A load balancer in memory: for tests, demos, and farms whose traffic goes another way. Shell.

It hands out servers round robin and counts open connections, so that draining means what it means
at a real one: no new connection, gone when the last one closes or the limit has passed.
"""

import asyncio
from typing import Final

from manager.core.messages import ServerState
from manager.core.ports import BalancerError

DRAIN_LIMIT_S: Final = 30.0
MAX_SERVERS: Final = 10_000


class _Server:
    """``idle`` is set while no connection is open."""

    def __init__(self, address: str, port: int, backend: str) -> None:
        self.place = (address, port)
        self.backend = backend
        self.state: ServerState = "ready"
        self.open = 0
        self.idle = asyncio.Event()
        self.idle.set()


class MemoryBalancer:
    """Implements `manager.ports.LoadBalancer`."""

    def __init__(self, drain_limit_s: float = DRAIN_LIMIT_S) -> None:
        self._drain_limit_s = drain_limit_s
        self._servers: dict[str, _Server] = {}
        self._turn = 0

    async def join(self, server: str, address: str, port: int, backend: str) -> None:
        found = self._servers.get(server)
        if found is not None and (found.place, found.backend) == ((address, port), backend):
            found.state = "ready"
        elif len(self._servers) >= MAX_SERVERS and found is None:
            raise BalancerError(f"{server}: {MAX_SERVERS} servers are the most")
        else:
            self._servers[server] = _Server(address, port, backend)

    async def drain(self, server: str) -> None:
        found = self._servers.get(server)
        if found is None:
            return
        found.state = "draining"
        try:
            async with asyncio.timeout(self._drain_limit_s):
                await found.idle.wait()
        except TimeoutError:
            self._cut(found)

    async def remove(self, server: str) -> None:
        found = self._servers.pop(server, None)
        if found is not None:
            self._cut(found)

    async def servers(self) -> dict[str, ServerState]:
        return {name: server.state for name, server in self._servers.items()}

    def connect(self, backend: str) -> str | None:
        """Open a connection; return the server it goes to, ``None`` when none is in service."""
        names = [
            name
            for name, server in self._servers.items()
            if server.backend == backend and server.state == "ready"
        ]
        if not names:
            return None
        self._turn += 1
        name = names[self._turn % len(names)]
        self._servers[name].open += 1
        self._servers[name].idle.clear()
        return name

    def disconnect(self, server: str) -> None:
        """Close one connection of ``server``; one that was cut is gone already."""
        found = self._servers.get(server)
        if found is not None and found.open:
            found.open -= 1
            if not found.open:
                found.idle.set()

    def _cut(self, server: _Server) -> None:
        server.open = 0
        server.idle.set()
