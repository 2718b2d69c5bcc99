"""An exchange on the bus and doors before it, all in this process, for tests."""

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from exchange.doors.bus import BusSettings
from exchange.doors.door import Door, DoorSettings
from exchange.doors.server import BusServer
from exchange.recovery.loading import load
from exchange.server.server import Settings
from exchange.storage.sqlite_journal import DataLock
from exchange.storage.sqlite_store import SqliteStore
from tests.exchange.support.harness import (
    DEADLINE_S,
    ROOT,
    ServerProcess,
    create_exchange,
    until,
)

PATIENCE_BEATS: Final = 10


@asynccontextmanager
async def on_the_bus(data_dir: Path, bus: str) -> AsyncIterator[BusServer]:
    """Serve ``data_dir``; on leaving, the exchange has ended with exit code 0."""
    if not (data_dir / "journal.db").exists():
        create_exchange(data_dir)
    settings = Settings(data_dir=data_dir, host="127.0.0.1", port=0)
    with DataLock(data_dir):
        server = BusServer(settings, load(SqliteStore(data_dir)), BusSettings(url=bus))
        await server.open()
        task = asyncio.create_task(server.run())
        try:
            yield server
        finally:
            server.stop()
            assert await asyncio.wait_for(task, DEADLINE_S) == 0


@asynccontextmanager
async def a_door(bus: str) -> AsyncIterator[Door]:
    """A door, linked to the exchange of the bus."""
    settings = DoorSettings(bus=BusSettings(url=bus), host="127.0.0.1", port=0)
    door = Door(settings)
    await door.open()
    task = asyncio.create_task(door.run())
    try:
        await until(lambda: door.hall.is_open)
        yield door
    finally:
        door.stop()
        await asyncio.wait_for(task, DEADLINE_S)


@asynccontextmanager
async def behind_a_door(data_dir: Path, bus: str) -> AsyncIterator[Door]:
    """As `harness.running`, but its clients connect at a door."""
    async with on_the_bus(data_dir, bus), a_door(bus) as door:
        yield door


class DoorProcess(ServerProcess):
    """`headroom exchange door` as a process of its own, to be killed."""

    def __init__(self, bus: str, folder: Path) -> None:
        self.ready_file = folder / "door.ready"
        options = {"--bus": bus, "--listen": "127.0.0.1:0", "--ready-file": str(self.ready_file)}
        command = [sys.executable, str(ROOT / "headroom.py"), "exchange", "door"]
        self.process = subprocess.Popen(
            [*command, *(word for option in options.items() for word in option)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    async def url(self) -> str:
        """Wait until it serves an exchange's clients, and return its address."""
        url = await super().url()
        await until(lambda: self._is_linked(url))
        return url

    def _is_linked(self, url: str) -> bool:
        page = url.replace("ws://", "http://").replace("/v1/ws", "/healthz")
        try:
            with urllib.request.urlopen(page, timeout=DEADLINE_S):  # noqa: S310
                return True
        except OSError:
            return False
