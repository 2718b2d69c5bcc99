"""The live agent against a real exchange while its hypervisor does not answer, and afterwards."""

import asyncio
import hashlib
import logging
import time
from pathlib import Path
from typing import Final

import pytest
from msgspec import structs

from exchange.client import Client, Refused
from exchange.log import log
from exchange.wire.frames import HostUpdate, VmUpdate
from exchange.wire.requests import VmStart
from hostagent.clock import HostClock
from hostagent.core.core import HostCore
from hostagent.core.scripted_faults import Fault, Script
from tests.hostagent.market import (
    Market,
    ask_when_live,
    first,
    order,
    run,
    vm_is,
)
from tests.hostagent.quick_host import CONFIG_OF_A_QUICK_HOST, a_vm, enrolled, quick_agent

AWAY: Final = Fault(times=1_000_000, error="libvirt is away", reason="hypervisor_lost")
SPEED: Final = 20
"""How many times faster the agent's clock goes, so that nobody waits long for a pause."""


def hurried_ns() -> int:
    return time.monotonic_ns() * SPEED


async def pauses(seller: Client, why: str | None) -> HostUpdate:
    row = await first(seller, lambda one: isinstance(one, HostUpdate) and one.paused == why)
    assert isinstance(row, HostUpdate)
    return row


async def story(here: Market, seller: Client, buyer: Client, script: Script) -> None:
    await ask_when_live(seller)
    before = await a_vm(here.folder, here, buyer)
    await seller.subscribe("fleet")
    script.add(AWAY)
    row = await pauses(seller, "hypervisor_lost")
    assert (row.status, row.used.mvcpu) == ("live", 2000)
    with pytest.raises(Refused) as refused:
        await seller.request(structs.replace(order("sell"), client_order_id="while away"))
    assert refused.value.reason == "insufficient_capacity"
    login = ("--url", here.url, "--key", str(here.key("seller")))
    code, shown, _ = await run("host", "list", *login)
    assert (code, "libvirtd does not answer, so nothing more is sold" in shown) == (0, True), shown
    image = hashlib.sha256((here.folder / "disk.raw").read_bytes()).hexdigest()
    wanted = VmStart(req_id=1, lease_id=before.lease_id, name="b", image=image)
    second = (await buyer.request(wanted))["vm_id"]
    assert (await first(buyer, vm_is("starting"))).vm_id == second
    script.clear()
    await pauses(seller, None)
    told = await first(buyer, lambda one: isinstance(one, VmUpdate) and one.vm_id == second)
    assert told.state == "running"
    await ask_when_live(seller)


def test_it_sells_nothing_meanwhile_and_what_was_ordered_starts_afterwards(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """(Seen to fail: it sold on, and what was ordered failed at its owner's cost.)"""

    async def main() -> None:
        async with enrolled(tmp_path) as (here, seller, buyer):
            core, script = HostCore(CONFIG_OF_A_QUICK_HOST), Script()
            clock = HostClock(passed=hurried_ns)
            async with quick_agent(here, core, clock, script):
                await story(here, seller, buyer, script)

    caplog.set_level(logging.INFO, log.LOGGER.name)
    asyncio.run(main())
    said = [row.partition(":")[0] for row in caplog.messages if "hypervisor" in row]
    assert said == ["the hypervisor has not answered for 15 s", "the hypervisor answers again"]
