"""What a fleet costs its exchange: ``python -m bench.fleet [HOSTS]``, a part of `make bench`.

500 hosts with two VMs each: real agents on servers in memory, all in this process, against a real
`exchange serve` in another. Told are the exchange's CPU, all threads, while every host is quiet
but for heartbeats, the CPU of a usage report, and what a host adds to the journal in a day.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from bench.load import cpu_s
from bench.report import Figure, table
from exchange.client import Client, Refused
from exchange.client.images import put_image
from exchange.keys import public_key_b64
from exchange.wire.admin_requests import (
    AdminAccount,
    AdminDeposit,
    AdminInstrument,
    AdminKey,
    AdminLimits,
    AdminZone,
)
from exchange.wire.frames import LeaseUpdate, VmUpdate
from exchange.wire.requests import HostEnroll, HostToken, OrderPlace, VmStart
from exchange.wire.terms import DEFAULT_CLASSES
from exchange.wire.types import Capacity, Side
from hostagent.agent import Agent
from hostagent.clock import now_ms
from hostagent.core import vm as life
from hostagent.core.core import HostConfig, HostCore
from hostagent.machine.memory_machine import MemoryMachine

FLOW: Final = "fleet"
HOSTS: Final = 500
VMS: Final = 2
"""A host."""
ZONE: Final = "eu-fleet"
SYMBOL: Final = f"nano.{ZONE}.flat.spot"
PRICE_UCR: Final = 1_000
SECRET: Final = hashlib.sha256(b"fleet").hexdigest()
SETTLING_S: Final = 12.0
QUIET_S: Final = 30.0
REPORTING_S: Final = 30.0
REPORTS_WITHIN_MS: Final = 20_000
"""All VMs report once in this time of the second part."""
SETTLES_S: Final = 120.0
DAY_S: Final = 86_400
REPORTS_A_DAY: Final = VMS * DAY_S * 1000 / life.USAGE_EVERY_MS
ROOM: Final = Capacity(1_000, 2_000, 8_000)
ROWS: Final = (
    "SELECT count(*), coalesce(sum(length(body) + length(chain) + 24), 0) FROM journal",
    "SELECT count(*), coalesce(sum(length(body) + 40), 0) FROM account_frames",
)


class Spent(Struct, frozen=True):
    """What the exchange has used so far."""

    cpu_s: float
    at_s: float
    rows: int
    row_bytes: int

    def since(self, before: "Spent") -> "Spent":
        return Spent(
            self.cpu_s - before.cpu_s,
            self.at_s - before.at_s,
            self.rows - before.rows,
            self.row_bytes - before.row_bytes,
        )


class Served:
    """An exchange in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.operator = Ed25519PrivateKey.generate()
        self._data = folder / "data"
        key = public_key_b64(self.operator)
        self._headroom("exchange", "init", "--data", str(self._data), "--operator-key", key).wait()
        ready = folder / "ready.json"
        where = ("--listen", "127.0.0.1:0", "--ready-file", str(ready))
        self.process = self._headroom("exchange", "serve", "--data", str(self._data), *where)
        while not ready.exists():
            assert self.process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        self.url = str(json.loads(ready.read_text())["url"])

    def _headroom(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as out:
            command = [sys.executable, "-m", "headroom", *arguments]
            return subprocess.Popen(command, stdout=out, stderr=out)

    def spent(self) -> Spent:
        path = f"file:{self._data / 'journal.db'}?mode=ro"
        rows = size = 0
        with contextlib.closing(sqlite3.connect(path, uri=True)) as journal:
            for query in ROWS:
                count, length = journal.execute(query).fetchone()
                rows, size = rows + count, size + length
        return Spent(cpu_s(self.process.pid), time.monotonic(), rows, size)

    def end(self) -> None:
        self.process.terminate()
        assert self.process.wait(60) == 0


class Fleet:
    """The hosts, the account that owns them, and the one that rents all they have."""

    def __init__(self, served: Served, folder: Path, hosts: int) -> None:
        self._served, self._folder, self._hosts = served, folder, hosts
        self._keys = {name: Ed25519PrivateKey.generate() for name in ("seller", "buyer")}
        self._cores: list[HostCore] = []
        self._leases: dict[str, LeaseUpdate] = {}
        self._ready: set[str] = set()

    async def open_accounts(self) -> None:
        async with Client(self._served.url, self._served.operator) as operator:
            zone = AdminZone(req_id=1, zone=ZONE, country="DE", accel=["simulated"])
            await operator.request(zone)
            await operator.request(AdminInstrument(req_id=1, symbol=SYMBOL, tick_ucr=1))
            for name, private in self._keys.items():
                await open_account(operator, name, private)

    async def run_hosts(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Enroll each host and run its agent."""
        running = []
        for number in range(self._hosts):
            agent, core = await brought(self._served.url, self._keys["seller"], f"r-{number}")
            running.append(tasks.create_task(agent.run()))
            self._cores.append(core)
        return running

    async def rent_everything(self) -> None:
        """Buy every unit and start a VM in each; return when all are ready."""
        wanted = self._hosts * VMS
        url = self._served.url
        async with Client(url, self._keys["seller"]) as seller:
            for number in range(self._hosts):  # a host backs an ask of its own
                ask = _order("sell", f"ask-{number}", VMS)
                await _eventually(partial(_placed, seller, ask))
        async with Client(url, self._keys["buyer"]) as buyer:
            await buyer.subscribe("account")
            listening = asyncio.create_task(self._listen(buyer))
            await buyer.request(_order("buy", "bid", wanted))
            await _until(lambda: sum(one.units for one in self._leases.values()) == wanted)
            image = await self._image()
            for lease in list(self._leases.values()):
                for number in range(lease.units):
                    name = f"{lease.lease_id}-{number}"
                    await buyer.request(
                        VmStart(req_id=1, lease_id=lease.lease_id, name=name, image=image),
                        patient=True,
                    )
            await _until(lambda: len(self._ready) == wanted)
            listening.cancel()

    async def _image(self) -> str:
        path = self._folder / "disk.raw"
        path.write_bytes(bytes(1024 * 1024))
        return str(await put_image(self._served.url, self._keys["buyer"], path, "raw"))

    async def _listen(self, buyer: Client) -> None:
        async for event in buyer.events():
            if isinstance(event, LeaseUpdate):
                self._leases[event.lease_id] = event
            elif isinstance(event, VmUpdate) and event.ready_ms is not None:
                self._ready.add(event.vm_id)

    def report_soon(self) -> None:
        """Have each VM report its use once within `REPORTS_WITHIN_MS`."""
        vms = [vm for core in self._cores for vm in core.vms.values()]
        for number, vm in enumerate(vms):
            vm.usage_ms = now_ms() + number * REPORTS_WITHIN_MS // len(vms)


async def open_account(operator: Client, name: str, private: Ed25519PrivateKey) -> None:
    """Open an account without limits, with money and a trader's key."""
    public = public_key_b64(private)
    for message in (
        AdminAccount(req_id=1, account=name, name=name),
        AdminKey(req_id=1, account=name, key_id=name, public_key=public, role="trader"),
        AdminDeposit(req_id=1, account=name, amount_ucr=10**12, ref=name),
        AdminLimits(
            req_id=1,
            account=name,
            max_qty=0,
            max_notional_ucr=0,
            max_open_orders=0,
            orders_per_s=0,
        ),
    ):
        await operator.request(message)


async def brought(
    url: str, owner: Ed25519PrivateKey, name: str, zone: str = ZONE, room: Capacity = ROOM
) -> tuple[Agent, HostCore]:
    """Enroll a host, its VMs in memory; return its agent, which is still to run."""
    key, secret = Ed25519PrivateKey.generate(), f"{SECRET}-{name}"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    async with Client(url, owner) as seller:
        # A token for one host approves it as well.
        await seller.request(
            HostToken(req_id=1, zone=zone, token_sha256=digest, uses=1, ttl_s=3_600)
        )
    async with Client(url) as joining:
        enrollment = HostEnroll(
            req_id=1,
            token=secret,
            name=name,
            public_key=public_key_b64(key),
            hardware_id=f"fleet-{name}",
        )
        await joining.request(enrollment)
    core = HostCore(HostConfig(room, DEFAULT_CLASSES, f"boot-{name}", accel="simulated"))
    machine = MemoryMachine(now_ms, "127.0.0.1", range(20_000, 21_000))
    return Agent(core, machine, url, key), core


def _order(side: Side, name: str, units: int) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id=name,
        symbol=SYMBOL,
        side=side,
        order_type="limit",
        price_ucr=PRICE_UCR,
        qty=units,
    )


async def _placed(seller: Client, order: OrderPlace) -> bool:
    try:
        await seller.request(order)
    except Refused as error:
        if error.reason != "insufficient_capacity":
            raise
        return False
    return True


async def _eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SETTLES_S):
        while not await holds():  # noqa: ASYNC110 nobody sends an event of it
            await asyncio.sleep(1)


async def _until(holds: Callable[[], bool]) -> None:
    async def told() -> bool:
        return holds()

    await _eventually(told)


@contextmanager
def silence() -> Iterator[None]:
    """Log nothing meanwhile: it would be measured too."""
    logging.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


async def measured(hosts: int) -> tuple[Spent, Spent]:
    """Return what the exchange spent while all were quiet, and while all reported once."""
    with silence(), tempfile.TemporaryDirectory() as scratch:
        served = Served(Path(scratch))
        fleet = Fleet(served, Path(scratch), hosts)
        await fleet.open_accounts()
        async with asyncio.TaskGroup() as tasks:
            running = await fleet.run_hosts(tasks)
            await fleet.rent_everything()
            await asyncio.sleep(SETTLING_S)
            begun = served.spent()
            await asyncio.sleep(QUIET_S)
            quiet = served.spent()
            fleet.report_soon()
            await asyncio.sleep(REPORTING_S)
            reported = served.spent()
            for task in running:
                task.cancel()
        served.end()
    return quiet.since(begun), reported.since(quiet)


def figures(hosts: int = HOSTS) -> list[Figure]:
    """Measure and return what `make bench` tells of a fleet."""
    quiet, reporting = asyncio.run(measured(hosts))
    vms = hosts * VMS
    share = quiet.cpu_s / quiet.at_s
    report_s = (reporting.cpu_s - share * reporting.at_s) / vms
    of_day = DAY_S / quiet.at_s / hosts
    report_bytes = (reporting.row_bytes - quiet.row_bytes * reporting.at_s / quiet.at_s) / vms
    total = share + report_s * vms * 1000 / life.USAGE_EVERY_MS
    kib_a_day = (quiet.row_bytes * of_day + report_bytes * REPORTS_A_DAY) / 1024
    name = f"{hosts} hosts, {vms} VMs"
    return [
        Figure(FLOW, f"{name}: CPU of a core", total * 100, "%", 15, 10, at_most=True),
        Figure(FLOW, "CPU a heartbeat", quiet.cpu_s / (quiet.at_s * hosts / 5) * 1e6, "us"),
        Figure(FLOW, "CPU a usage report", report_s * 1e6, "us"),
        Figure(FLOW, "rows of quiet hosts, a host and day", quiet.rows * of_day, ""),
        Figure(FLOW, "journal, a host and day", kib_a_day, "KiB"),
    ]


def main() -> int:
    hosts = int(sys.argv[1]) if len(sys.argv) > 1 else HOSTS
    found = figures(hosts)
    print(table(found))
    return 1 if any(not figure.reaches(figure.minimum) for figure in found) else 0


if __name__ == "__main__":
    sys.exit(main())
