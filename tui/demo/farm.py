"""The visitor's own farm in the demo: servers, stored VMs, and a Manager with rules and offers.

The Manager is the one of `headroom manager run` with its control socket; its balancer and the
servers' hypervisors are those in memory. Composes packages, like ``tui.demo``.
"""

import asyncio
from pathlib import Path
from typing import Final

from exchange.client import Client
from exchange.keys import load_private_key
from exchange.wire.types import Capacity
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

CONFIG: Final = "manager.toml"
IMAGE_BYTES: Final = 64 * 1024
SERVERS: Final = {
    "r7-01": ("eu-fr", Capacity(8_000, 20_000, 100_000)),
    "r7-02": ("eu-fr", Capacity(8_000, 20_000, 100_000)),
    "spare-01": ("eu-fr", Capacity(12_000, 30_000, 150_000)),
    "hours-01": ("eu-fr", Capacity(8_000, 20_000, 100_000)),
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
price_max = 0.042
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
price = 0.0336
[[group]]
name = "hours"
hosts = ["hours-*"]
[group.offer]
kind = "all"
delivery = ["window"]
price = [{{hours = "20:00-07:00", price = 0.029}}, {{price = 0.0345}}]
[[group]]
name = "lab"
hosts = ["lab-*"]
[group.offer]
kind = "all"
pricing = "metered"
price = {{relative_to = "best_ask", offset = -0.0001, floor = 0.02, alone = 0.045}}
"""
"""The rules and offers. ``later`` are hours soon to come: they are bought ahead, as windows."""


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


async def manage(config: Path, socket: Path) -> None:
    """Run the Manager of ``config``, with its control socket at ``socket``, until stopped."""
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
        listener = bind(socket)
        try:
            await until_stopped(daemon, Actions(daemon, settings), Listeners(listener, None))
        finally:
            listener.close()
