"""Ports of VMs that an earlier agent started, and how many ports there are for VMs."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from exchange.wire.types import Capacity
from hostagent.core.policy import Policy
from hostagent.core.ports import DomainSpec, Forward, ObservedDomain
from hostagent.machine.adopted_ports import AdoptedPorts
from hostagent.machine.forwarder import LOOPBACK, Counted, Forwarder, ForwardError
from tests.hostagent.machine.test_forwarder import free_range

SHAPE = Capacity(mvcpu=1000, mem_mib=128, disk_mib=64)
Story = Callable[[Forwarder, int], Awaitable[None]]


def run(story: Story) -> None:
    """Run ``story`` with a forwarder on four free ports, the first of which it is told."""

    async def main() -> None:
        low = free_range(4)
        forwarder = Forwarder(LOOPBACK, low, low + 3)
        try:
            async with asyncio.timeout(20):
                await story(forwarder, low)
        finally:
            await forwarder.close_all()

    asyncio.run(main())


def adopted(*ports: int) -> ObservedDomain:
    spec = DomainSpec("v-1", "l-1", "b", SHAPE, "0" * 64, ports=ports)
    forwards = tuple(Forward(port, port, 9) for port in ports)
    return ObservedDomain(spec, "running", forwards)


def somebody(port: int) -> socket.socket:
    other = socket.socket()
    other.bind((LOOPBACK, port))
    other.listen()
    return other


def reached(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def test_a_port_that_others_use_stays_its_vms_and_is_bound_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """(Seen to fail: none of its ports was open, and a new VM got the one that was free.)"""

    async def story(forwarder: Forwarder, low: int) -> None:
        ports = AdoptedPorts(forwarder, Policy())
        other = somebody(low + 1)
        for _ in range(3):
            await ports.listen(adopted(low, low + 1))
        assert ports.unreached == {"v-1": [low + 1]}
        assert forwarder.is_open("v-1")
        other.close()
        new = await forwarder.open("v-2", (Forward(80, 0, 9), Forward(81, 0, 9)), (), Counted())
        assert {one.public_port for one in new} == {low + 2, low + 3}
        with pytest.raises(ForwardError, match="no free port"):
            await forwarder.open("v-3", (Forward(80, 0, 9),), (), Counted())
        await ports.listen(adopted(low, low + 1))
        assert ports.unreached == {}
        assert reached(low + 1)

    caplog.set_level("INFO", "headroom")
    run(story)
    told = [one.getMessage() for one in caplog.records]
    assert len([line for line in told if "not to be reached" in line]) == 1
    assert told[-1] == "v-1: all its ports are open again"


def test_only_ports_that_nobody_else_uses_count() -> None:
    async def story(forwarder: Forwarder, low: int) -> None:
        assert forwarder.usable_ports() == 4
        await forwarder.open("v-1", (Forward(80, 0, 9),), (), Counted())
        assert forwarder.usable_ports() == 4
        with somebody(low + 2):
            assert forwarder.usable_ports() == 3
        await forwarder.close("v-1")
        assert forwarder.usable_ports() == 4

    run(story)
