"""kill -9 at random moments under pipelined load: what was acknowledged is there, once.

Each round: a real server process, two traders with many orders in flight, SIGKILL after a random
number of acks, a restart on the same port, and every unanswered order asked again under its
``client_order_id``. The clients are `exchange.client`, so their recovery is tested as well. At the
end the journal is the witness. HEADROOM_KILL_ROUNDS changes the number of rounds.

`test_acks_before_the_commit_are_noticed` proves that this would notice: the same rounds against
``early_ack.py`` lose acknowledged orders.
"""

import asyncio
import os
import random
import socket
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from exchange.client import Client, Refused, Unknown
from exchange.journal.replay import read_command
from exchange.wire.admin_requests import AdminBalances
from exchange.wire.instructions import (
    HostSync,
)
from exchange.wire.requests import HostHeartbeat, HostSynced, OrderPlace
from exchange.wire.types import HostLoad
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    SYMBOL,
    ServerProcess,
    add_account,
    add_host,
    be_live,
    create_exchange,
    headroom,
    journal_rows,
    key_of,
)

ROUNDS = int(os.environ.get("HEADROOM_KILL_ROUNDS", "20"))
PLANTED_ROUNDS_MAX = 60
WORKERS = 24
RESENT_SAMPLE = 20
SNAPSHOT_EVERY = 700
"""Often enough that most restarts begin from a snapshot that a killed process left."""
EARLY_ACK = [sys.executable, "-m", "tests.crash.early_ack"]


class LostError(AssertionError):
    """An acknowledged order is gone, or another took its place."""


class Meter:
    """Counts acks; ``reached`` is set at ``target``."""

    def __init__(self) -> None:
        self.count = 0
        self.target = 0
        self.reached = asyncio.Event()

    def add(self) -> None:
        self.count += 1
        if self.count == self.target:
            self.reached.set()

    def aim(self, more: int) -> None:
        self.target = self.count + more
        self.reached.clear()


class Flow:
    """One trader's orders and what became of them."""

    def __init__(self, client: Client, name: str, rng: random.Random, meter: Meter) -> None:
        self._meter = meter
        self.client = client
        self.name = name
        self.acked: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, OrderPlace] = {}
        self.unknown: list[str] = []
        self.stopped = asyncio.Event()
        self._rng = rng
        self._number = 0

    def order(self) -> OrderPlace:
        rng = self._rng
        self._number += 1
        order = OrderPlace(
            req_id=1,
            client_order_id=f"{self.name}-{self._number}",
            symbol=SYMBOL,
            side="buy" if rng.random() < 0.6 else "sell",
            order_type="limit",
            qty=rng.randrange(1, 4),
            price_ucr=1_000 + rng.randrange(50),
        )
        self.orders[order.client_order_id] = order
        return order

    async def work(self) -> None:
        while not self.stopped.is_set():
            order = self.order()
            try:
                self.acked[order.client_order_id] = await self.client.request(order)
                self._meter.add()
            except Refused:
                del self.orders[order.client_order_id]
            except Unknown:
                self.unknown.append(order.client_order_id)

    async def settle(self) -> None:
        """After the restart: ask again for what is unknown, and for some of what is known."""
        known = sorted(self.acked)
        for name in self._rng.sample(known, min(RESENT_SAMPLE, len(known))):
            again = await self.client.place(self.orders[name])
            if not again["duplicate"] or again["order_id"] != self.acked[name]["order_id"]:
                raise LostError(f"{name} was acknowledged as {self.acked[name]}, now it is {again}")
        for name in self.unknown:
            try:
                self.acked[name] = await self.client.place(self.orders[name])
            except Refused:
                del self.orders[name]
        self.unknown.clear()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def keep_alive(host: Client) -> None:
    """Be a host through all restarts, so that asks stay backed."""

    async def beat() -> None:
        while True:
            with suppress(Unknown):
                await host.send(HostHeartbeat(load=HostLoad(1.0, 1.0), vms=0))
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        group.create_task(beat())
        async for event in host.events():
            if isinstance(event, HostSync):
                done = HostSynced(instruction_id=event.instruction_id, boot_id="boot", vms=[])
                with suppress(Unknown):
                    await host.send(done)


async def one_round(server: ServerProcess, flows: list[Flow], meter: Meter, acks: int) -> None:
    """Load, kill after ``acks`` acks, and wait until every worker knows."""
    meter.aim(acks)
    for flow in flows:
        flow.stopped.clear()
    workers = [asyncio.create_task(flow.work()) for flow in flows for _ in range(WORKERS)]
    await asyncio.wait_for(meter.reached.wait(), DEADLINE_S)
    server.process.kill()
    for flow in flows:
        flow.stopped.set()
    server.end()
    await asyncio.gather(*workers)


async def setting(url: str) -> None:
    async with Client(url, OPERATOR) as operator:
        for name in ("alice", "bob"):
            await add_account(operator, name, 10**15)
    async with Client(url, key_of("alice")) as alice, Client(url, key_of("bob")) as bob:
        for owner, name in ((alice, "a"), (bob, "b")):
            await add_host(url, owner, name, sha256(name.encode()).hexdigest(), name)


async def rounds(data_dir: Path, program: list[str] | None, count: int, seed: str) -> None:
    """Run ``count`` rounds on one journal; raises `LostError` as soon as something is missing."""
    rng = random.Random(seed)
    create_exchange(data_dir)
    options = ("--listen", f"127.0.0.1:{free_port()}", "--snapshot-every", str(SNAPSHOT_EVERY))
    server = ServerProcess(data_dir, *options, program=program)
    url = await server.url()
    await setting(url)
    async with (
        Client(url, key_of("alice"), backoff_max_s=0.1) as alice,
        Client(url, key_of("bob"), codec="msgpack", backoff_max_s=0.1) as bob,
        Client(url, key_of("host-a"), backoff_max_s=0.1) as host_a,
        Client(url, key_of("host-b"), backoff_max_s=0.1) as host_b,
    ):
        hosts = []
        for host in (host_a, host_b):
            await be_live(host)
            hosts.append(asyncio.create_task(keep_alive(host)))
        meter = Meter()
        flows = [Flow(alice, "alice", rng, meter), Flow(bob, "bob", rng, meter)]
        try:
            for _ in range(count):
                await one_round(server, flows, meter, rng.randrange(20, 400))
                server = ServerProcess(data_dir, *options, program=program)
                await server.url()
                for flow in flows:
                    await flow.settle()
            await sums_to_zero(url)
        finally:
            for task in hosts:
                task.cancel()
            server.process.terminate()
            code, errors = server.end()
    assert (code, errors) == (0, "")
    witness(data_dir, flows)


async def sums_to_zero(url: str) -> None:
    async with Client(url, OPERATOR) as operator:
        balances = (await operator.request(AdminBalances(req_id=1)))["balances"]
    assert sum(row["available_ucr"] + row["held_ucr"] for row in balances.values()) == 0


def witness(data_dir: Path, flows: list[Flow]) -> None:
    """Hold the journal against what was acknowledged: each order there, and there once."""
    times: dict[str, int] = {}
    for row in journal_rows(data_dir):
        message = read_command(row).message
        if isinstance(message, OrderPlace):
            times[message.client_order_id] = times.get(message.client_order_id, 0) + 1
    for flow in flows:
        for name in flow.acked:
            if times.get(name) != 1:
                raise LostError(f"{name} is {times.get(name, 0)} times in the journal")
    code, out, errors = headroom("exchange", "verify", "--data", str(data_dir))
    assert (code, errors) == (0, "")
    assert '"state_hash"' in out


def test_kill_9_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    asyncio.run(rounds(tmp_path / "data", None, ROUNDS, "kill"))


def test_acks_before_the_commit_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(LostError):
        asyncio.run(rounds(tmp_path / "data", EARLY_ACK, PLANTED_ROUNDS_MAX, "planted"))
