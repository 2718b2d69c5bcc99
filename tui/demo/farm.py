"""The visitor's own farm in the demo: servers, a Manager with rules, and a load that peaks.

The Manager is the one of `headroom manager run` with its control socket; its balancer and the
servers' hypervisors are those in memory. The load is what a small site on loopback tells at
``/load``, the same that answers for the VMs. Composes packages, like ``tui.demo``.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from exchange.client import Client
from exchange.keys import load_private_key
from exchange.wire.types import Capacity
from hostagent.core.ports import Load
from manager.control.requests import VmSettings
from manager.core.core import Manager
from manager.shell.actions import Actions
from manager.shell.config import read_config
from manager.shell.control_server import bind
from manager.shell.daemon import Daemon
from manager.shell.process import Listeners, until_stopped
from manager.shell.settings import Settings
from manager.shell.sources import balancer_of, load_of, selling_of
from manager.shell.stored import import_vm

SOCKET: Final = "manager.sock"
CONFIG: Final = "manager.toml"
PERIOD_S: Final = 180.0
FIRST_PEAK_S: Final = 25.0
PEAK_S: Final = 70.0
RAMP_S: Final = 10.0
QUIET_RPS: Final = 140.0
PEAK_RPS: Final = 380.0
WAVE: Final = 0.02
"""Part of the load by which it wavers."""
IMAGE_BYTES: Final = 64 * 1024
LOOPBACK: Final = "127.0.0.1"
REQUEST_BYTES_MAX: Final = 8_192
REQUEST_S: Final = 5.0
SERVERS: Final = {
    "r7-01": ("eu-fr", Capacity(8_000, 20_000, 100_000)),
    "r7-02": ("eu-fr", Capacity(8_000, 20_000, 100_000)),
    "spare-01": ("eu-fr", Capacity(12_000, 30_000, 150_000)),
    "lab-01": ("eu-fr", Capacity(8_000, 20_000, 100_000)),
}
"""The visitor's servers by name: zone and size. The Manager buys in the other zone."""
STORED: Final = {"web": ("small", 80), "worker": ("medium", 8_080), "cache": ("nano", 6_379)}
"""The stored VMs by name: class and port."""

RULES: Final = """
schema = 1
[exchange]
url = "{url}"
key = "you.pem"

[[vm]]
name = "web"
image = "library/web"
class = "small"
[[vm]]
name = "worker"
image = "library/worker"
class = "medium"
[[vm]]
name = "cache"
image = "library/cache"
class = "nano"

[balancer]
kind = "memory"

[load]
kind = "json"
url = "http://127.0.0.1:{port}/load"
field = "requests.per_s"
unit_rps = 100
core_units = 3
interval_s = 1

[[rule]]
name = "burst"
when = "util > 70 for 5s"
do = "buy 2"
vm = "web"
price_max = 0.10
max_units = 3
cooldown = "20s"
budget_day = 50.0
zones = ["eu-de"]
[[rule]]
name = "calm"
when = "util < 30 for 8s"
do = "release 2"
cooldown = "20s"
[[rule]]
name = "base"
at = "daily 00:00-24:00"
do = "buy to 1"
vm = "web"
price_max = 0.10
zones = ["eu-de"]
[[rule]]
name = "later"
at = "daily {later}"
do = "buy to 2"
vm = "web"
price_max = 0.08
zones = ["eu-de"]
forward = true

[[group]]
name = "rack-7"
hosts = ["r7-*"]
[group.offer]
kind = "residual"
below_pct = 10
price = {{relative_to = "best_ask", offset = -0.0001, floor = 0.015, alone = 0.03}}
[[group]]
name = "spare"
hosts = ["spare-*"]
[group.offer]
kind = "fixed"
units = 8
delivery = ["spot", "window"]
price = [{{hours = "20:00-07:00", price = 0.026}}, {{price = 0.033}}]
[[group]]
name = "lab"
hosts = ["lab-*"]
[group.offer]
kind = "all"
pricing = "metered"
price = {{relative_to = "best_ask", offset = -0.0001, floor = 0.02, alone = 0.045}}
"""
"""The rules and offers. ``later`` are hours soon to come: they are bought ahead, as windows."""


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


def furnish(folder: Path, url: str, port: int, hour: int) -> Path:
    """Write the library and manager.toml into ``folder``; return the file. ``hour``: of now."""
    for name, (class_, guest_port) in STORED.items():
        image = folder / f"{name}.raw"
        image.write_bytes(name.encode().ljust(IMAGE_BYTES, b"\0"))
        settings = VmSettings(vm_class=class_, ports=[guest_port], health="/", backend="farm")
        import_vm(folder / "library", name, image, settings)
        image.unlink()
    later = f"{(hour + 2) % 24:02}:00-{(hour + 3) % 24 + 1:02}:00"
    path = folder / CONFIG
    path.write_text(RULES.format(url=url, port=port, later=later))
    return path


async def manage(config: Path) -> None:
    """Run the Manager of ``config``, with its control socket beside it, until stopped."""
    content = await asyncio.to_thread(read_config, config)
    assert content.exchange is not None and content.load is not None, "`furnish` wrote them"
    url, key_file = content.exchange.url, config.parent / content.exchange.key
    settings = Settings(content, url, key_file)
    async with Client(url, load_private_key(key_file)) as client:
        manager = Manager(await settings.core_config(content))
        daemon = Daemon(
            client,
            manager,
            load_of(content),
            balancer_of(content),
            content.load.interval_s,
            selling_of(content, manager),
            content.alerts,
        )
        listener = bind(config.parent / SOCKET)
        try:
            await until_stopped(daemon, Actions(daemon, settings), Listeners(listener, None))
        finally:
            listener.close()
