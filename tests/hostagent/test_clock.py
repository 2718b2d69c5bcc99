"""The agent, its clock, and a wall clock that is wrong or is set while it runs."""

import asyncio
import logging
import time
from pathlib import Path

import pytest

from exchange.client import Client
from exchange.log import log
from exchange.units import MS_PER_HOUR, MS_PER_MINUTE
from exchange.wire.requests import HostHeartbeat
from hostagent import clock_check
from hostagent.clock import HostClock
from hostagent.core.core import HostConfig, HostCore
from hostagent.core.ports import Message, Out, Send
from tests.hostagent.market import WAIT_S, Market, ask_when_live, market
from tests.hostagent.quick_host import CONFIG_OF_A_QUICK_HOST, a_vm, enrolled, quick_agent


class Wall:
    """A wall clock that somebody sets; ``ahead_ms`` of the right time."""

    def __init__(self, ahead_ms: int) -> None:
        self.ahead_ms = ahead_ms

    def __call__(self) -> int:
        return time.time_ns() + self.ahead_ms * 1_000_000


class Beating(HostCore):
    """Counts its heartbeats."""

    def __init__(self, config: HostConfig) -> None:
        super().__init__(config)
        self.sent, self.beaten = 0, asyncio.Event()

    def apply(self, message: Message, now_ms: int) -> list[Out]:
        outs = super().apply(message, now_ms)
        sent = [out.message for out in outs if isinstance(out, Send)]
        if any(isinstance(each, HostHeartbeat) for each in sent):
            self.sent += 1
            self.beaten.set()
        return outs

    async def beat(self, times: int) -> None:
        wanted = self.sent + times
        async with asyncio.timeout(WAIT_S):
            while self.sent < wanted:
                self.beaten.clear()
                await self.beaten.wait()


@pytest.mark.parametrize("ahead_ms", [70 * MS_PER_MINUTE, -MS_PER_HOUR])
def test_a_wrong_clock_that_is_set_changes_nothing(
    tmp_path: Path, ahead_ms: int, caplog: pytest.LogCaptureFixture
) -> None:
    """(Seen to fail with the wall clock: set back, it sent no heartbeat for an hour.)"""

    async def story(here: Market, seller: Client, buyer: Client, wall: Wall) -> None:
        core = Beating(CONFIG_OF_A_QUICK_HOST)
        async with quick_agent(here, core, HostClock(wall)):
            await ask_when_live(seller)
            vm = await a_vm(tmp_path, here, buyer)
            assert vm.ready_ms is not None
            assert abs(vm.ready_ms - time.time_ns() // 1_000_000) < MS_PER_MINUTE
            for wrong_ms in (0, MS_PER_HOUR, -5 * MS_PER_MINUTE, 0):
                wall.ahead_ms = wrong_ms
                await core.beat(3)

    async def main() -> None:
        async with enrolled(tmp_path) as (here, seller, buyer):
            await story(here, seller, buyer, Wall(ahead_ms))

    caplog.set_level(logging.INFO, log.LOGGER.name)
    asyncio.run(main())
    said = [row for row in caplog.messages if "this server's clock" in row]
    assert len(said) == 4, said
    assert [" ahead of " in row or " behind " in row for row in said] == [True, False, True, False]


def test_the_clock_goes_by_the_time_that_has_passed() -> None:
    """Set, leapt, or stopped with the server suspended: it counts on."""
    wall, passed = [1_000_000_000], [5_000_000]
    clock = HostClock(lambda: wall[0], lambda: passed[0])
    assert clock.now_ms() == 1_000
    wall[0] = 0
    assert (clock.now_ms(), clock.wall_ms()) == (1_000, 0)
    passed[0] += 3_600_000_000_000
    assert clock.now_ms() == 3_601_000


def test_the_doctor_compares_the_clock(tmp_path: Path) -> None:
    async def main() -> None:
        async with market(tmp_path) as here:
            check = await asyncio.to_thread(clock_check.clock, here.url)
            assert (check.ok, check.fix) == (True, "")
            assert check.found.startswith("within ")
            skew = await asyncio.to_thread(clock_check.measured, here.url, Wall(MS_PER_HOUR))
            assert abs(skew.ahead_ms - MS_PER_HOUR) <= skew.by_ms + 1
            assert (skew.small, str(skew)[-25:]) == (False, " s ahead of the exchange's"[-25:])

    asyncio.run(main())


def test_the_doctor_says_when_there_is_nothing_to_compare_with() -> None:
    check = clock_check.clock("ws://127.0.0.1:9")
    assert (check.ok, check.required) == (False, False)
    assert check.found.startswith("cannot be compared: ws://127.0.0.1:9/v1/ws: ")
