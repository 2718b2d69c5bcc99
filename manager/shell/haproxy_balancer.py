"""Puts servers into HAProxy and takes them out without losing a request. Shell.

A new server starts in maintenance, gets its health checks, then traffic; whoever calls `join` has
probed it before, because HAProxy trusts a new server until its first check. On its way out it
drains, goes into maintenance and is deleted. Only servers whose names begin with `PREFIX` are ours;
the administrator's own are never touched. HAProxy forgets all of ours when it restarts: the core
compares (`manager.core.reconcile`).
"""

import asyncio
import ipaddress
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from manager.core.messages import ServerState
from manager.core.ports import BalancerError, BalancerGoneError
from manager.shell.haproxy_runtime import WORD, HaproxyError, HaproxyGoneError, RuntimeSocket

PREFIX: Final = "hr-"
CHECK: Final = "inter 300ms fall 2 rise 1"
DRAIN_LIMIT_S: Final = 30.0
POLL_S: Final = 0.1
DELETE_LIMIT_S: Final = 10.0
IN_MAINTENANCE: Final = 0x01 | 0x02 | 0x04 | 0x20
DRAINING: Final = 0x08 | 0x10
"""Bits of ``srv_admin_state``."""


class HaproxyBalancer:
    """Implements `manager.core.ports.LoadBalancer`. ``check``: arguments of the servers' checks."""

    def __init__(
        self, runtime: RuntimeSocket, drain_limit_s: float = DRAIN_LIMIT_S, check: str = CHECK
    ) -> None:
        self._runtime = runtime
        self._drain_limit_s = drain_limit_s
        self._check = check

    async def join(self, server: str, address: str, port: int, backend: str) -> None:
        place = f"{_word('backend', backend)}/{PREFIX}{_word('server', server)}"
        where = (_literal(address), port)
        with _one_line():
            rows = await self._rows(server)
            right = [row for row in rows if (row["be_name"], _where(row)) == (backend, where)]
            for row in rows:
                if row not in right:
                    await self._delete(_place(row))
            if not right:
                await self._add(place, *where)
            await self._runtime.do(f"enable health {place}")
            await self._runtime.do(f"set server {place} state ready")

    async def drain(self, server: str) -> None:
        end_s = time.monotonic() + self._drain_limit_s
        with _one_line():
            for row in await self._rows(server):
                await self._runtime.do(f"set server {_place(row)} state drain")
            while True:
                if time.monotonic() >= end_s or not await self._open(server):
                    return
                await asyncio.sleep(POLL_S)

    async def remove(self, server: str) -> None:
        with _one_line():
            for row in await self._rows(server):
                await self._delete(_place(row))

    async def servers(self) -> dict[str, ServerState]:
        with _one_line():
            rows = [row for row in await self._runtime.server_states() if _is_ours(row)]
        return {row["srv_name"].removeprefix(PREFIX): _state(row) for row in rows}

    async def _rows(self, server: str) -> list[dict[str, str]]:
        name = PREFIX + _word("server", server)
        rows = await self._runtime.server_states()
        return [row for row in rows if row.get("srv_name") == name]

    async def _add(self, place: str, address: str, port: int) -> None:
        host = f"[{address}]" if ":" in address else address
        await self._runtime.do(
            f"add server {place} {host}:{port} check {self._check}", "New server registered."
        )

    async def _open(self, server: str) -> int:
        """Return how many requests the server works on or has waiting."""
        rows = await self._runtime.statistics()
        ours = [row for row in rows if row["svname"] == PREFIX + server]
        return sum(int(row["scur"] or 0) + int(row["qcur"] or 0) for row in ours)

    async def _delete(self, place: str) -> None:
        """Cut what is left and forget the server; it takes a moment until nothing holds it."""
        end_s = time.monotonic() + DELETE_LIMIT_S
        await self._runtime.do(f"set server {place} state maint")
        await self._runtime.do(f"shutdown sessions server {place}")
        while True:
            answer = (await self._runtime.ask(f"del server {place}")).strip()
            if answer in ("Server deleted.", "No such server."):
                return
            if time.monotonic() > end_s:
                raise HaproxyError(f"haproxy {self._runtime.path}: del {place}: {answer[:200]}")
            await asyncio.sleep(POLL_S)


@contextmanager
def _one_line() -> Iterator[None]:
    """Turn HAProxy's errors into the port's."""
    try:
        yield
    except HaproxyGoneError as error:
        raise BalancerGoneError(str(error)) from error
    except HaproxyError as error:
        raise BalancerError(str(error)) from error


def _word(what: str, name: str) -> str:
    if not WORD.match(name):
        raise BalancerError(f"{name!r} cannot be the name of a {what} in HAProxy")
    return name


def _literal(address: str) -> str:
    """Return an IP address as HAProxy shows it; a host tells it, so it is not trusted."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError as error:
        raise BalancerError(f"{address!r} is no IP address") from error


def _is_ours(row: dict[str, str]) -> bool:
    return row.get("srv_name", "").startswith(PREFIX)


def _place(row: dict[str, str]) -> str:
    return f"{row['be_name']}/{row['srv_name']}"


def _where(row: dict[str, str]) -> tuple[str, int]:
    return row["srv_addr"], int(row["srv_port"])


def _state(row: dict[str, str]) -> ServerState:
    bits = int(row["srv_admin_state"])
    return "draining" if bits & (IN_MAINTENANCE | DRAINING) else "ready"
