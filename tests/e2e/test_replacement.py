"""Twenty units over three hosts: one host is lost at the peak, then the seller recalls another's.

HAProxy, the exchange, the agents and the Manager are real, guests are web servers (see
tests/manager/campaign). What is lost is replaced before the rule's own condition holds again; what
is recalled is replaced within its notice, and of the requests in that time none fails.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.manager.campaign.campaign import Campaign, Setting
from tests.manager.website import SHOP, Visitors, Website

UNITS: Final = 20
RPS: Final = 170
UNIT_RPS: Final = 13
"""With one server of our own util is 62; without one host's seven units it is above 90."""
BREACH_S: Final = 12
NOTICE_S: Final = 120.0
"""Units leave so early that they can drain for `drain_s` and stop."""
LOST_S: Final = 60.0
LOST_MAX: Final = 20
"""Requests that a host had under way when it died may fail."""
CONFIG: Final = f"""schema = 1
[exchange]
url = "{{url}}"
key = "buyer.pem"
[[vm]]
name = "web"
image = "{{image}}"
class = "small"
ports = [80]
health = "/"
backend = "farm"
[balancer]
kind = "haproxy"
socket = "{{socket}}"
drain_s = 60
[load]
kind = "haproxy"
backend = "farm"
unit_rps = {UNIT_RPS}
core_units = 1
interval_s = 0.5
[[rule]]
name = "burst"
when = "util > 75 for {BREACH_S}s"
do = "buy 20"
price_max = 0.10
cooldown = "5s"
max_units = {{max_units}}
zones = ["eu-de"]
"""


class Replacement:
    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.visitors = Visitors(campaign.haproxy.ports["farm"])
        self._begun = time.monotonic()

    def tell(self, text: str) -> None:
        failed = self.visitors.failed.total()
        asked = f"{self.visitors.asked} requests, {failed} failed"
        print(f"{time.monotonic() - self._begun:6.1f} s  {text}; {asked}", flush=True)

    async def serving(self) -> set[str]:
        """Return the leases whose servers HAProxy sends requests to."""
        rows = await self.campaign.rows()
        return {row["srv_name"][3:-2] for row in rows if _serves(row)}

    async def until(self, holds: Callable[[set[str]], bool], limit_s: float, what: str) -> None:
        async def held() -> bool:
            return holds(await self.serving())

        assert await self.campaign.comes_about(held, limit_s), what
        self.tell(what)

    def on_host(self, number: int) -> set[str]:
        leases = self.campaign.buyer.leases
        return {one for one in self.campaign.buyer.active() if leases[one].host == f"h-{number}"}

    def fired(self) -> int:
        return self.campaign.manager.log.read_text().count("rule burst: util > 75")

    async def play(self) -> None:
        self.visitors.per_s = RPS
        self.visitors.begin()
        try:
            await self._play()
        finally:
            await self.visitors.end()

    async def _play(self) -> None:
        campaign = self.campaign
        await self.until(lambda there: len(there) == UNITS, LOST_S, "all units serve")
        await campaign.add_host(2 * UNITS)
        await campaign.offered(3 * UNITS)
        assert self.visitors.failed == {}
        await self.lose()
        await self.recall()

    async def lose(self) -> None:
        lost = self.on_host(1)
        assert len(lost) >= 6
        await self.campaign.hosts[0].end(signal.SIGKILL)
        self.tell(f"a host with {len(lost)} units is lost")
        replaced = f"{len(lost)} units are replaced"
        await self.until(lambda there: len(there - lost) >= UNITS, LOST_S, replaced)
        assert self.fired() == 1
        assert self.visitors.failed.total() <= LOST_MAX

    async def recall(self) -> None:
        failed, recalled = self.visitors.failed.copy(), self.on_host(2)
        assert len(recalled) >= 6
        for lease in recalled:
            assert await self.campaign.seller.recall(lease)
        self.tell(f"{len(recalled)} units are recalled")
        replaced = f"{len(recalled)} units are replaced"
        await self.until(lambda there: len(there - recalled) >= UNITS, LOST_S, replaced)
        await self.until(lambda there: not there & recalled, NOTICE_S, "recalled units have left")
        assert self.visitors.failed == failed
        assert self.fired() == 1
        log = self.campaign.manager.log.read_text()
        assert not [one for one in recalled if f"{one}: release 1 unit" in log]


def _serves(row: dict[str, str]) -> bool:
    """Neither in maintenance nor draining, and up."""
    return (row["srv_admin_state"], row["srv_op_state"]) == ("0", "2")


async def whole(folder: Path) -> None:
    site = Website()
    farm = f"{SHOP}    server own 127.0.0.1:{await site.start()} check inter 1s\n"
    setting = Setting(CONFIG, max_units=UNITS, hosts=3, units=7, farm=farm)
    campaign = Campaign(folder, setting=setting)
    try:
        async with campaign.opened():
            await Replacement(campaign).play()
    finally:
        await site.stop()


def test_lost_and_recalled_units_are_replaced_in_time(tmp_path: Path) -> None:
    asyncio.run(whole(tmp_path))
