"""A real HAProxy on loopback for tests: one frontend a backend, the runtime socket, servers."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from manager.shell.haproxy_runtime import RuntimeSocket

READY_S = 10.0
CONFIG = """global
    stats socket {socket} mode 600 level admin
    stats socket {viewer} mode 600 level user
    stats timeout 30s
defaults
    mode {mode}
    retries 0
    timeout connect 2s
    timeout queue 200ms
    timeout client 60s
    timeout server 60s
    balance roundrobin
"""
PAIR = """frontend to_{name}
    bind 127.0.0.1:{port}
    default_backend {name}
backend {name}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Haproxy:
    """Runs until `stop`; ``ports`` tells where the frontend of each backend listens.

    ``own``: lines for the first backend, such as servers of the administrator.
    """

    def __init__(self, backends: tuple[str, ...], mode: str = "tcp", own: str = "") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="haproxy-"))
        self.socket = self._folder / "admin.sock"
        self.viewer = self._folder / "viewer.sock"
        """May look and change nothing."""
        self.runtime = RuntimeSocket(self.socket)
        self.ports = {name: free_port() for name in backends}
        text = CONFIG.format(socket=self.socket, viewer=self.viewer, mode=mode)
        for name, port in self.ports.items():
            text += PAIR.format(name=name, port=port) + (own if name == backends[0] else "")
        (self._folder / "haproxy.cfg").write_text(text)
        self.start()

    def start(self) -> None:
        command = [_haproxy(), "-db", "-f", str(self._folder / "haproxy.cfg")]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE)
        end_s = time.monotonic() + READY_S
        while not _answers(self.socket):
            assert self._process.poll() is None, self._process.stderr
            assert time.monotonic() < end_s, "HAProxy does not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """End HAProxy at once; `start` brings another one, which knows none of our servers."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self._folder)


class Named:
    """A TCP server that tells its name to whoever connects and then waits for the end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.port = 0
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.gather(*self._talks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            task = asyncio.current_task()
            assert task is not None
            self._talks.add(task)
            writer.write(f"{self._name}\n".encode())
            await reader.read()
        writer.close()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(os.fspath(path))
        return True
    return False


def _haproxy() -> str:
    path = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    assert path is not None, "needs Debian's package haproxy"
    return path
