"""The whole story: a peak comes, the Manager rents a real VM behind a real HAProxy, then ends it.

A site of one web server stands behind HAProxy, whose own figures tell the load. `headroom manager
run` buys a unit of a host agent on QEMU, its guest serves through HAProxy, and when the peak is
over it drains, stops and is released. Of more than 20,000 requests none may fail. The charge is
computed here from rules.md 5.4, not from the exchange's code. `python -m tests.e2e.test_peak FILE`
also records the run, of which `make peak-picture` keeps the picture in the docs.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from exchange.client import Client
from exchange.wire.admin_requests import AdminBalances
from exchange.wire.frames import Charge, LeaseUpdate
from exchange.wire.requests import AccountState
from hostagent.guest.build_guest import build_guest
from manager.shell.haproxy_balancer import PREFIX
from tests.e2e.conftest import open_folder
from tests.e2e.test_chain import (
    DEPOSIT_UCR,
    PRICE_UCR,
    ROOT,
    ZONE,
    Running,
    ask_when_live,
    client,
    end,
    enroll,
    exchange,
    found_market,
    host_agent,
)
from tests.e2e.wait import GUEST_S, eventually, virsh
from tests.manager.haproxy import Haproxy
from tests.manager.website import SHOP, Visitors, Website

UNIT_RPS: Final = 400
QUIET_RPS: Final = 80
PEAK_RPS: Final = 500
REQUESTS: Final = 20_000
BY_THE_GUEST: Final = 200
WAIT_S: Final = 60.0
CONFIG: Final = """schema = 1
[exchange]
url = "{url}"
key = "{key}"
[[vm]]
name = "web"
image = "{image}"
class = "small"
ports = [80]
health = "/healthz"
backend = "farm"
[balancer]
kind = "haproxy"
socket = "{socket}"
[load]
kind = "haproxy"
backend = "farm"
unit_rps = {unit_rps}
core_units = 1
interval_s = 1
[[rule]]
name = "burst"
when = "util > 70 for 3s"
do = "buy 1"
price_max = 0.20
cooldown = "5s"
max_units = 1
zones = ["{zone}"]
[[rule]]
name = "calm"
when = "util < 20 for 3s"
do = "release all"
cooldown = "5s"
"""


class Story:
    """What happened, each with its seconds since the beginning."""

    def __init__(self, log: Path, visitors: Visitors) -> None:
        self._log, self.visitors = log, visitors
        self._begun, self._begun_wall = time.monotonic(), time.time()
        self.events: list[tuple[float, str]] = []
        self.seconds: list[tuple[float, int, int]] = []
        """(seconds, pages by the own server until then, by the guest)."""

    def tell(self, text: str) -> None:
        self.events.append((round(time.monotonic() - self._begun, 1), text))

    def by_guest(self) -> int:
        served = self.visitors.served
        return sum(count for name, count in served.items() if name.startswith(PREFIX))

    async def watch(self) -> None:
        while True:
            at_s = round(time.monotonic() - self._begun, 1)
            self.seconds.append((at_s, self.visitors.served["own"], self.by_guest()))
            await asyncio.sleep(1)

    async def heard(self, event: str, limit_s: float = WAIT_S) -> None:
        """Wait until the Manager's log tells ``event``."""

        async def look() -> bool | None:
            return any(one["event"] == event for one in self.log_lines()) or None

        await eventually(look, limit_s, f"the Manager's log tells {event!r}")

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def whole(self) -> list[tuple[float, str]]:
        """Return the test's events and the Manager's, in order."""
        told = [
            (round(_seconds(one["ts"]) - self._begun_wall, 1), f"Manager: {one['text']}")
            for one in self.log_lines()
        ]
        return sorted([*self.events, *told], key=lambda one: one[0])

    def record(self) -> dict[str, Any]:
        return {
            "events": self.whole(),
            "seconds": self.seconds,
            "requests": self.visitors.asked,
            "failed": self.visitors.failed.total(),
            "by_guest": self.by_guest(),
        }


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


@contextlib.asynccontextmanager
async def manager(folder: Path, config: str) -> AsyncIterator[Process]:
    (folder / "manager.toml").write_text(config)
    with (folder / "manager.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "headroom", "manager", "run", str(folder / "manager.toml")),
            *("--log-format", "json"),
            cwd=ROOT,
            stderr=log,
        )
    try:
        yield process
    finally:
        await end(process)


@contextlib.contextmanager
def haproxy(port: int) -> Iterator[Haproxy]:
    own = f"{SHOP}    server own 127.0.0.1:{port} check inter 1s\n"
    balancer = Haproxy(("farm",), mode="http", own=own)
    try:
        yield balancer
    finally:
        balancer.stop()


class Bill:
    """What the exchange told the buyer of leases and charges."""

    def __init__(self) -> None:
        self.leases: dict[str, LeaseUpdate] = {}
        self.charges: list[Charge] = []

    async def listen(self, buyer: Client) -> None:
        async for one in buyer.events():
            if isinstance(one, LeaseUpdate):
                self.leases[one.lease_id] = one
            elif isinstance(one, Charge):
                self.charges.append(one)


async def peak(story: Story) -> None:
    """Load rises until the guest serves, and falls until it is gone."""
    visitors = story.visitors
    visitors.per_s = QUIET_RPS
    visitors.begin()
    story.tell(f"visitors come: {QUIET_RPS} requests/s")
    await asyncio.sleep(5)
    visitors.per_s = PEAK_RPS
    story.tell(f"the peak begins: {PEAK_RPS} requests/s")
    await story.heard("fired")
    await story.heard("in_service", GUEST_S)

    async def served() -> bool | None:
        enough = story.by_guest() >= BY_THE_GUEST and visitors.asked >= REQUESTS * 3 // 4
        return enough or None

    await eventually(served, GUEST_S, "the guest serves its share of the peak")
    visitors.per_s = QUIET_RPS
    story.tell(f"the peak is over: {QUIET_RPS} requests/s; the guest served {story.by_guest()}")
    await story.heard("lease_ended", WAIT_S)
    story.tell("the unit is given back")

    async def asked() -> bool | None:
        return visitors.asked >= REQUESTS or None

    visitors.per_s = PEAK_RPS / 2
    await eventually(asked, WAIT_S, f"{REQUESTS} requests")
    await visitors.end()
    story.tell(f"{visitors.asked} requests, {visitors.failed.total()} failed")


async def check_bill(running: Running, bill: Bill) -> None:
    """By rules.md 5.4 a spot unit owes the time it was there, at least 5 minutes, rounded up to a
    micro-credit; the seller gets it less 1 %, rounded down."""
    [lease] = bill.leases.values()
    assert (lease.state, lease.reason, lease.price_ucr) == ("ended", "released", PRICE_UCR)
    terms = bill.charges[-1].terms
    assert terms is not None
    there_ms = terms.sold_ms - terms.silent_ms - terms.waited_ms - terms.boot_ms
    owed = -(-PRICE_UCR * max(300_000, there_ms) // 3_600_000)
    assert sum(one.amount_ucr for one in bill.charges) == owed == lease.charged_ucr
    async with client(running, "operator") as operator:
        balances = (await operator.request(AdminBalances(req_id=1)))["balances"]
    assert balances["buyer"] == {"available_ucr": DEPOSIT_UCR - owed, "held_ucr": 0}
    earned = owed - owed // 100
    assert balances["seller"] == {"available_ucr": DEPOSIT_UCR + earned, "held_ucr": 0}


async def check_nothing_left(balancer: Haproxy, buyer: Client) -> None:
    names = [row["srv_name"] for row in await balancer.runtime.server_states()]
    assert names == ["own"]
    state = await buyer.request(AccountState(req_id=1))
    assert [row for row in state["orders"] if row["side"] == "buy"] == []
    assert [row for row in state["leases"] if row["state"] != "ended"] == []
    vms = [row["vm_id"] for row in state["vms"]]
    domains = (await virsh("list", "--all", "--name")).split()
    assert not [vm for vm in vms if f"headroom-{vm}" in domains]


async def play(folder: Path, state: Path, guest: Path) -> Story:
    site = Website()
    port = await site.start()
    with haproxy(port) as balancer:
        async with exchange(folder) as running:
            await found_market(running)
            async with client(running, "seller") as seller, client(running, "buyer") as buyer:
                await enroll(running, seller)
                await buyer.subscribe("account")
                bill = Bill()
                listening = asyncio.create_task(bill.listen(buyer))
                async with host_agent(running, state):
                    await ask_when_live(seller)
                    story = await manage(folder, running, guest, balancer)
                    await check_nothing_left(balancer, buyer)
                listening.cancel()
            await check_bill(running, bill)
    await site.stop()
    return story


async def manage(folder: Path, running: Running, guest: Path, balancer: Haproxy) -> Story:
    config = CONFIG.format(
        url=running.url,
        key=running.keys["buyer"],
        image=guest,
        socket=balancer.socket,
        unit_rps=UNIT_RPS,
        zone=ZONE,
    )
    visitors = Visitors(balancer.ports["farm"])
    async with manager(folder, config):
        story = Story(folder / "manager.log", visitors)
        watching = asyncio.create_task(story.watch())
        try:
            await story.heard("started")
            await peak(story)
        finally:
            watching.cancel()
            print(*(f"{at_s:7.1f} s  {text}" for at_s, text in story.whole()), sep="\n")
    return story


def test_a_peak_is_served_by_a_rented_vm_and_no_request_fails(
    tmp_path: Path, state: Path, guest: Path
) -> None:
    story = asyncio.run(play(tmp_path, state, guest))
    assert story.visitors.failed == {}
    assert story.visitors.asked >= REQUESTS
    assert story.by_guest() >= BY_THE_GUEST


def record(file: Path) -> None:
    with open_folder() as state, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (guest := folder / "guest").mkdir()
        build_guest(guest)
        story = asyncio.run(play(folder, state, guest))
        file.write_text(json.dumps(story.record(), indent=1) + "\n")


if __name__ == "__main__":
    record(Path(sys.argv[1]))
