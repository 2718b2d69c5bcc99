"""Where the story plays: a live exchange, another's server, servers of one's own, a live Manager.

VMs are in memory and the test's web server is the guest of each, so it runs on any machine.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from exchange.keys import load_private_key
from tests.e2e.test_chain import client, end, exchange
from tests.manager.shell import test_live as stand
from tests.tui.screens.rack import rack

UNITS = 5
FARM = """
[[vm]]
name = "web"
image = "web.raw"
class = "small"
ports = [80]
user_data = "web-user-data"
health = "/healthz"
backend = "farm"
[balancer]
kind = "memory"
[load]
kind = "json"
url = "http://{address}:{port}/load"
field = "requests.per_s"
unit_rps = 100
core_units = 4
interval_s = 0.5
stale_s = 5
[[rule]]
name = "last-resort"
when = "util > 98 for 2m"
do = "buy 2"
vm = "web"
price_max = 0.10
cooldown = "5m"
max_units = 8
zones = ["eu-de"]
[[group]]
name = "rack-7"
hosts = ["r7-*"]
"""
"""Buying is by hand; the rule is for a peak that this story does not have."""
EXCHANGE = """# mine
schema = 1
[exchange]
url = "{url}"
key = "buyer.pem"
"""


class Stage(NamedTuple):
    """What a terminal needs, and the visitors: ``guest.per_s`` is the load."""

    url: str
    key: Path
    control: Path
    guest: stand.Guest


@contextlib.asynccontextmanager
async def stage(folder: Path, address: str) -> AsyncIterator[Stage]:
    """``address`` is a loopback address that nobody else uses."""
    (folder / "state").mkdir()
    guest = stand.Guest()
    stand.store_web(folder)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(guest.at_every_port(address))
        running = await stack.enter_async_context(exchange(folder))
        host = stand.sellers_host(running, folder / "state", address, UNITS)
        await stack.enter_async_context(host)
        key = running.keys["buyer"]
        await stack.enter_async_context(rack(running.url, load_private_key(key), "r7-01", "r7-02"))
        async with client(running, "seller") as seller:
            await stand.ask_when_live(seller, qty=UNITS)
        config, control, log = folder / "manager.toml", folder / "m.sock", folder / "manager.log"
        farm = FARM.format(address=address, port=stand.GUEST_PORT)
        config.write_text(EXCHANGE.format(url=running.url) + farm)
        run = ("manager", "run", "--config", str(config), "--control", str(control))
        stack.push_async_callback(end, await stand.start_logging(log, *run))
        await stand.heard(log, " at work")
        yield Stage(running.url, key, control, guest)
