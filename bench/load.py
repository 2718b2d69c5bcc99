"""A load generator that costs less than what it loads: raw sockets, prepared frames, counting.

Frames are masked with a zero key, which is legal and leaves the payload as it is; answers are not
decoded but counted by what only they contain.
"""

import asyncio
import os
from pathlib import Path
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.keys import public_key_b64, sign_b64
from exchange.wire.frames import Hello
from exchange.wire.login import login_message

TIMEOUT_S: Final = 60
UPGRADE: Final = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def framed(payload: bytes) -> bytes:
    """Return ``payload`` as a text frame from a client."""
    length = len(payload)
    assert length < 65_536, "requests are short"
    short = bytes((0x81, 0x80 | length))
    header = short if length < 126 else b"\x81\xfe" + length.to_bytes(2, "big")
    return header + bytes(4) + payload


class Pipe(asyncio.Protocol):
    """One connection. ``answers`` counts how often ``mark`` arrived; ``arrived_s``, where it is a
    list, gets the time of each."""

    def __init__(self, mark: bytes) -> None:
        self.transport: asyncio.Transport
        self.answers = 0
        self.arrived_s: list[float] | None = None
        self._mark = mark
        self._text: bytearray | None = bytearray()
        self._tail = b""
        self._wanted = 0
        self._arrived = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self._text is not None:
            self._text += data
            self._arrived.set()
            return
        data = self._tail + data
        found = data.count(self._mark)
        self.answers += found
        if self.arrived_s is not None:
            self.arrived_s += [perf_counter()] * found
        self._tail = data[1 - len(self._mark) :]
        if self.answers >= self._wanted:
            self._arrived.set()

    async def answered(self, wanted: int) -> None:
        """Wait until ``wanted`` answers have come since the start."""
        self._wanted = wanted
        self._arrived.clear()
        if self.answers < wanted:
            async with asyncio.timeout(TIMEOUT_S):
                await self._arrived.wait()

    async def text(self, end: bytes) -> bytes:
        """Wait for ``end`` during the handshake and return everything so far."""
        assert self._text is not None, "the handshake is over"
        async with asyncio.timeout(TIMEOUT_S):
            while end not in self._text:
                self._arrived.clear()
                await self._arrived.wait()
        taken = bytes(self._text)
        self._text.clear()
        return taken

    def ready(self) -> None:
        """The handshake is over: count from here on."""
        self._text = None

    def send(self, frames: bytes) -> None:
        self.transport.write(frames)


async def open_pipe(url: str, mark: bytes, key: Ed25519PrivateKey | None = None) -> Pipe:
    """Connect; with a ``key`` also log in at an exchange."""
    parts = urlsplit(url)
    assert parts.hostname is not None, url
    assert parts.port is not None, url
    loop = asyncio.get_running_loop()
    _, pipe = await loop.create_connection(lambda: Pipe(mark), parts.hostname, parts.port)
    pipe.send(UPGRADE.format(path=parts.path, host=parts.netloc).encode())
    if key is None:
        await pipe.text(b"\r\n\r\n")
    else:
        await _log_in(pipe, key)
    return pipe


async def _log_in(pipe: Pipe, key: Ed25519PrivateKey) -> None:
    received = await pipe.text(b"}")
    hello = msgspec.json.decode(received[received.index(b"{") :], type=Hello)
    login = login_message(public_key_b64(key), lambda text: sign_b64(key, text), hello)
    pipe.send(framed(msgspec.json.encode(login)))
    await pipe.text(b'"ack"')


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process, all threads, in nanosecond steps."""
    tasks = Path(f"/proc/{pid}/task")
    return sum(_ran_ns(tasks / name) for name in os.listdir(tasks)) / 1e9


def _ran_ns(task: Path) -> int:
    return int((task / "schedstat").read_text().split()[0])
