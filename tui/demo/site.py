"""The demo's small site on loopback: it tells the farm's load, and answers for all VMs.

Its load peaks every few minutes. Composes packages, like ``tui.demo``.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable
from typing import Final

from hostagent.core.ports import Load

PERIOD_S: Final = 180.0
FIRST_PEAK_S: Final = 15.0
PEAK_S: Final = 70.0
RAMP_S: Final = 10.0
QUIET_RPS: Final = 140.0
PEAK_RPS: Final = 380.0
WAVE: Final = 0.02
"""Part of the load by which it wavers."""
LOOPBACK: Final = "127.0.0.1"
REQUEST_BYTES_MAX: Final = 8_192
REQUEST_S: Final = 5.0


def load_rps(elapsed_s: float) -> float:
    """Return the farm's load: quiet, and a peak in every `PERIOD_S`, the first one soon."""
    at_s = (elapsed_s - FIRST_PEAK_S) % PERIOD_S if elapsed_s >= FIRST_PEAK_S else -RAMP_S
    rise = min(max(at_s / RAMP_S, 0.0), 1.0)
    fall = min(max((PEAK_S + RAMP_S - at_s) / RAMP_S, 0.0), 1.0)
    level = QUIET_RPS + (PEAK_RPS - QUIET_RPS) * min(rise, fall)
    return level * (1 + WAVE * math.sin(elapsed_s / 3))


def own_load(elapsed_s: float) -> Load:
    """Return what a server does for its owner: little, so that what is left can be sold."""
    return Load(cpu_pct=4 + 2 * math.sin(elapsed_s / 40), mem_pct=22 + 3 * math.sin(elapsed_s / 90))


class Site:
    """Answers ``/load`` with the farm's load, and anything else as a healthy server would."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._began_s = clock_s()

    @property
    def elapsed_s(self) -> float:
        return self._clock_s() - self._began_s

    def page(self, path: str) -> str:
        if path != "/load":
            return "a server of the demo\n"
        return json.dumps({"requests": {"per_s": round(load_rps(self.elapsed_s), 1)}}) + "\n"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request of a connection, and close it."""
        try:
            async with asyncio.timeout(REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode("ascii", "replace")
                body = self.page(path).encode()
                length = f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                writer.write(b"HTTP/1.1 200 OK\r\n" + length.encode() + body)
                await writer.drain()
        except (OSError, TimeoutError, IndexError, EOFError, ValueError):
            pass  # a probe that only connects, or no HTTP
        except asyncio.LimitOverrunError:
            pass
        finally:
            writer.close()

    async def open(self) -> asyncio.Server:
        """Listen on a free port of loopback."""
        return await asyncio.start_server(self.answer, LOOPBACK, 0, limit=REQUEST_BYTES_MAX)


def port_of(server: asyncio.Server) -> int:
    """Return the port at which ``server`` listens."""
    return int(server.sockets[0].getsockname()[1])
