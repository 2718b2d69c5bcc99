"""Detects a dead peer by pings, like the library, but also while reading is paused. Shell.

While we pause reading on purpose, a pong waits unread in the socket; the library would count it as
lost.
"""

import asyncio
from typing import Final

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed

NO_PONG: Final = "keepalive ping timeout"


class Reading:
    """Whether a connection is being read, and since when."""

    __slots__ = ("_began_s", "_stopped")

    def __init__(self) -> None:
        self._stopped = False
        self._began_s = 0.0

    def stop(self, transport: asyncio.Transport) -> None:
        self._stopped = True
        transport.pause_reading()

    def go_on(self, transport: asyncio.Transport, now_s: float) -> None:
        if self._stopped:
            self._stopped, self._began_s = False, now_s
        transport.resume_reading()

    def since_s(self, now_s: float) -> float:
        """Return since when the connection is read; now, if reading is paused."""
        return now_s if self._stopped else self._began_s


async def pong_lost(connection: Connection, reading: Reading) -> bool:
    """Ping again and again; True when a pong did not come in time, though we read all along, False
    when the connection ended."""
    assert connection.ping_interval is not None, "the server pings"
    try:
        came = True
        while came:
            await asyncio.sleep(connection.ping_interval)
            came = await _came(connection, reading)
    except ConnectionClosed:
        return False
    return True


async def _came(connection: Connection, reading: Reading) -> bool:
    assert connection.ping_timeout is not None, "the server pings"
    pong, loop = asyncio.ensure_future(await connection.ping()), connection.loop
    pinged_s = loop.time()
    while not pong.done():
        now_s = loop.time()
        left_s = max(pinged_s, reading.since_s(now_s)) + connection.ping_timeout - now_s
        if left_s <= 0:
            return False
        await asyncio.wait((pong,), timeout=left_s)
    return True
