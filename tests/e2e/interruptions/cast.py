"""Who plays: the exchange, the host agent, and the wire between them, each to be interrupted."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from typing import Final

from tests.e2e.interruptions.agent import CLOCK
from tests.e2e.wait import eventually

ROOT: Final = Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


_LOW = 20_000 + free_port() % 100 * 100
PORTS: Final = (_LOW, _LOW + 99)
"""Of this run alone: two on one machine must not take each other's ports for orphans."""


def headroom(
    log: Path, *arguments: str, module: str = "headroom", clock: str = ""
) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdout=out,
            stderr=out,
            env={**os.environ, CLOCK: clock},
        )


class Program(ABC):
    """A process that can be killed, held and started again."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def launched(self) -> subprocess.Popen[bytes]: ...

    def start(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self._process = self.launched()

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        await asyncio.to_thread(self._process.wait, 30)

    @property
    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None


class Exchange(Program):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self._ready = folder / "ready.json"

    def launched(self) -> subprocess.Popen[bytes]:
        self._ready.unlink(missing_ok=True)
        listen = ("--listen", f"127.0.0.1:{self.port}", "--ready-file", str(self._ready))
        log = self._folder / "exchange.log"
        return headroom(log, "exchange", "serve", "--data", str(self.data), *listen)

    async def url(self) -> str:
        async def serving() -> str | None:
            if not self._ready.exists():
                return None
            return str(json.loads(self._ready.read_text())["url"])

        return await eventually(serving, 60, "the exchange serves")


class Agent(Program):
    """The agent under a clock that can be set; its exchange is behind ``wire``."""

    def __init__(self, folder: Path, state: Path, key: Path, url: str) -> None:
        super().__init__()
        self._folder, self._state, self._key, self._url = folder, state, key, url
        self._clock = folder / "clock"
        self.clock(0)

    def clock(self, ahead_s: int) -> None:
        """Set the server's clock so far ahead of the right time."""
        self._clock.write_text(str(ahead_s))

    def launched(self) -> subprocess.Popen[bytes]:
        room = ("--mvcpu", "2000", "--mem-mib", "2000", "--disk-mib", "8000")
        where = ("--ports", "{}-{}".format(*PORTS), "--state", str(self._state))
        login = ("--url", self._url, "--key", str(self._key))
        return headroom(
            self._folder / "agent.log",
            *("host", "run", *login, *room, *where),
            module="tests.e2e.interruptions.agent",
            clock=str(self._clock),
        )


class Wire:
    """Carries the agent's connection to the exchange, unless it is cut."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._open: set[StreamWriter] = set()
        self._cut = False
        self.port = 0

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        self.cut()
        self._server.close()

    def cut(self) -> None:
        self._cut = True
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        self._cut = False

    async def _carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, back}
        self._open |= ends
        await asyncio.gather(_pour(reader, back), _pour(there, writer))
        self._open -= ends


async def _pour(source: StreamReader, target: StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.transport.abort()
