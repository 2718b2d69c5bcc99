"""Who plays: hosts whose guests serve, the Manager, the figure of the load, seller and buyer."""

import asyncio
import contextlib
import json
import os
import subprocess
from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from exchange.client import Client, Refused, Unknown, Unreachable
from exchange.client.events import AccountReset
from exchange.wire.frames import LeaseUpdate, Notice
from exchange.wire.requests import AccountStatement, LeaseRecall, StatementKind
from manager.core.messages import connected
from tests.e2e.interruptions.cast import Program, headroom
from tests.e2e.interruptions.market import ask
from tests.hostagent.market import order

SERVING: Final = "tests.manager.campaign.agent"
PORTS: Final = range(30_000, 30_040)
PAUSE_S: Final = 0.3


class Host(Program):
    """An agent whose VMs are web servers at ``address``."""

    def __init__(self, folder: Path, number: int, url: str, units: int) -> None:
        super().__init__()
        self._log = folder / f"host-{number}.log"
        self.key = folder / f"host-{number}.pem"
        pid = os.getpid()
        self.address = f"127.{100 + number}.{pid // 250 % 250}.{1 + pid % 250}"
        room = (
            "--mvcpu",
            f"{units}000",
            "--mem-mib",
            str(units * 2200),
            "--disk-mib",
            str(units * 11_000),
        )
        state = ("--state", str(folder / f"state-{number}"))
        where = ("--advertise", self.address, "--ports", f"{PORTS[0]}-{PORTS[-1]}")
        login = ("--url", url, "--key", str(self.key), "--hypervisor", "memory")
        self._arguments = ("host", "run", *login, *room, *state, *where)

    def launched(self) -> subprocess.Popen[bytes]:
        return headroom(self._log, *self._arguments, module=SERVING)

    async def answering(self) -> list[str]:
        """Return the addresses where guests answer."""
        found = []
        for port in PORTS:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(self.address, port)
                writer.close()
                found.append(f"{self.address}:{port}")
        return found


class ManagerRun(Program):
    """`headroom manager run`; one that ends by itself is started again, as systemd would."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.log = folder / "manager.log"
        self.wanted = False

    def launched(self) -> subprocess.Popen[bytes]:
        file = str(self._folder / "manager.toml")
        return headroom(self.log, "manager", "run", file, "--log-level", "debug")

    async def keep(self) -> None:
        while True:
            if self.wanted and not self.lives:
                self.start()
            await asyncio.sleep(PAUSE_S)

    @property
    def code(self) -> int | None:
        return None if self._process is None else self._process.poll()


class Figure:
    """The farm's load, at a URL."""

    def __init__(self) -> None:
        self.per_s = 0

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/load"

    def close(self) -> None:
        self._server.close()

    async def _answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            body = json.dumps({"per_s": self.per_s})
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(f"{head}{body}".encode())
            await writer.drain()
        writer.close()


class Seller:
    """Offers whatever its hosts have room for, one unit an ask."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.offered = 0

    async def offer(self) -> None:
        number = 0
        while True:
            number += 1
            one = replace(order("sell"), client_order_id=f"ask-{number}", qty=1)
            try:
                await self.client.request(one)
                self.offered += 1
            except (Refused, Unknown, Unreachable):
                await asyncio.sleep(PAUSE_S)

    async def recall(self, lease_id: str) -> bool:
        try:
            await ask(self.client, LeaseRecall(req_id=1, lease_id=lease_id))
        except Refused:
            return False
        return True


class Buyer:
    """What the buyer was told of leases and hosts, in order."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.told: list[LeaseUpdate | Notice] = []

    async def listen(self) -> None:
        state = await self.client.subscribe("account")
        self.told += connected(state).leases
        async for one in self.client.events():
            if isinstance(one, LeaseUpdate | Notice):
                self.told.append(one)
            elif isinstance(one, AccountReset):
                self.told += connected(one.account_state).leases

    @property
    def leases(self) -> dict[str, LeaseUpdate]:
        return {one.lease_id: one for one in self.told if isinstance(one, LeaseUpdate)}

    def active(self) -> list[str]:
        return [name for name, one in self.leases.items() if one.state == "active"]

    async def statement(self, kind: StatementKind) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        offset: int | None = 0
        while offset is not None:
            page: Mapping[str, Any] = await ask(
                self.client, AccountStatement(req_id=1, kind=kind, offset=offset)
            )
            rows, offset = rows + page["rows"], page["next"]
        return rows
