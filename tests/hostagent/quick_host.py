"""An agent in the test's own process, with VMs in memory, that beats and looks often."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from exchange.client import Client
from exchange.client.images import put_image
from exchange.keys import load_private_key
from exchange.wire.frames import LeaseUpdate, VmUpdate
from exchange.wire.requests import VmStart
from hostagent.agent import Agent
from hostagent.clock import HostClock
from hostagent.core.core import HostConfig, HostCore
from hostagent.core.scripted_faults import Script
from hostagent.machine.memory_machine import MemoryMachine
from tests.hostagent.market import Market, enroll, first, market, order, vm_is
from tests.hostagent.rig import CONFIG

CONFIG_OF_A_QUICK_HOST = HostConfig(
    capacity=CONFIG.capacity,
    classes=CONFIG.classes,
    boot_id="boot-1",
    accel="simulated",
    heartbeat_ms=50,
    observe_ms=200,
)


@contextlib.asynccontextmanager
async def enrolled(folder: Path) -> AsyncIterator[tuple[Market, Client, Client]]:
    """Run an exchange that knows the host; yields it with its seller and buyer, logged in."""
    async with (
        market(folder) as here,
        here.client("seller") as seller,
        here.client("buyer") as buyer,
    ):
        await enroll(here, seller)
        yield here, seller, buyer


@contextlib.asynccontextmanager
async def quick_agent(
    here: Market, core: HostCore, clock: HostClock, script: Script | None = None
) -> AsyncIterator[None]:
    faults = Script() if script is None else script
    machine = MemoryMachine(clock.now_ms, "127.0.0.1", range(30_000, 30_010), faults)
    key = load_private_key(here.key("host"))
    running = asyncio.create_task(Agent(core, machine, here.url, key, clock=clock).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def a_vm(folder: Path, here: Market, buyer: Client) -> VmUpdate:
    """Buy a unit and start a VM on it; returns its row once it is ready."""
    disk = folder / "disk.raw"
    disk.write_bytes(bytes(512))
    image = await put_image(here.url, load_private_key(here.key("buyer")), disk, "raw")
    await buyer.subscribe("account")
    await buyer.request(order("buy"))
    lease = await first(buyer, lambda event: isinstance(event, LeaseUpdate))
    ask = VmStart(req_id=1, lease_id=lease.lease_id, name="a", image=image, ports=[80])
    await buyer.request(ask)
    row = await first(buyer, vm_is("running", ready=True))
    assert isinstance(row, VmUpdate)
    return row
