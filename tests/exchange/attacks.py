"""The attack bench: what every attack does to another trader's orders and to the memory.

    python -m tests.exchange.attacks [part of a name]

Each attack of `attack_kinds`, over one connection and over twenty, against a real process, calm
and attack by turns. It prints a table of median round trips and of the memory's growth.
"""

import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from msgspec import Struct

from exchange.client import Client
from exchange.wire.admin_requests import AdminLimits
from exchange.wire.requests import OrderPlace
from tests.exchange.server.test_hostile import memory_mib
from tests.exchange.support.attack_kinds import KINDS
from tests.exchange.support.harness import (
    OPERATOR,
    ROOT,
    SYMBOL,
    ServerProcess,
    add_account,
    create_exchange,
    key_of,
)

SECONDS: Final = 2.0
SLOWER_MAX: Final = 3.0
GROWTH_MAX_MIB: Final = 32.0
OPEN_ORDERS: Final = 3_000
START_S: Final = 1.0
"""The attacker's process starts."""
TURN_S: Final = 0.5


class Figures(Struct, frozen=True):
    """Of one attack: median and worst round trip in ms, and what the memory grew by in MiB."""

    calm_ms: float
    attacked_ms: float
    worst_ms: float
    growth_mib: float

    @property
    def slower(self) -> float:
        return self.attacked_ms / self.calm_ms


class Victim:
    """The other trader: one order after the other, and the time of each."""

    def __init__(self, client: Client, pid: int) -> None:
        self._client = client
        self._pid = pid
        self._placed = 0

    async def trade(self, seconds: float) -> tuple[list[float], float]:
        """Return the round trips in ms of as long as that, and the most memory seen in MiB."""
        times: list[float] = []
        most, ends_s = 0.0, perf_counter() + seconds
        while perf_counter() < ends_s or not times:
            begun_s = perf_counter()
            await self._client.request(self._order())
            times.append((perf_counter() - begun_s) * 1000)
            most = max(most, memory_mib(self._pid))
            await asyncio.sleep(0.005)
        return times, most

    def _order(self) -> OrderPlace:
        self._placed += 1
        return OrderPlace(
            req_id=1,
            client_order_id=f"good-{self._placed}",
            symbol=SYMBOL,
            side="buy",
            order_type="limit",
            time_in_force="ioc",
            qty=1,
            price_ucr=5,
        )


@asynccontextmanager
async def scene(
    data_dir: Path, open_orders: int = OPEN_ORDERS
) -> AsyncIterator[tuple[Victim, str]]:
    """Serve a fresh exchange with a victim and accounts to attack from; yields victim and URL."""
    create_exchange(data_dir)
    server = ServerProcess(data_dir)
    try:
        url = await server.url()
        async with Client(url, OPERATOR) as operator:
            for name in ("good", "bob", "carol", "tenth"):
                await add_account(operator, name)
            async with Client(url, key_of("bob")) as bob:
                await fill(bob, open_orders)
            for name, per_s in (("bob", 1_000), ("carol", 1_000), ("tenth", 10)):
                await operator.request(AdminLimits(req_id=1, account=name, orders_per_s=per_s))
        async with Client(url, key_of("good")) as client:
            yield Victim(client, server.process.pid), url
    finally:
        server.process.terminate()
        code, errors = server.end()
        assert (code, errors) == (0, ""), errors[-2_000:]


async def fill(bob: Client, count: int) -> None:
    """Place orders that rest."""
    for first in range(0, count, 100):
        orders = [resting(number) for number in range(first, min(first + 100, count))]
        await asyncio.gather(*(bob.request(order) for order in orders))


def resting(number: int) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id=f"b{number}",
        symbol=SYMBOL,
        side="buy",
        order_type="limit",
        qty=1,
        price_ucr=1 + number,
    )


async def figures(victim: Victim, url: str, name: str, number: int, seconds: float) -> Figures:
    """Trade while ``number`` connections attack, and, by turns, while they hold their breath.

    So what else the machine does slows both alike.
    """
    _, before_mib = await victim.trade(TURN_S)
    program = (sys.executable, "-m", "tests.exchange.support.attack_kinds", name, str(number), url)
    attacker = await asyncio.create_subprocess_exec(*program, cwd=ROOT)
    calm: list[float] = []
    attacked: list[float] = []
    most_mib = 0.0
    try:
        await victim.trade(START_S)
        for _ in range(round(seconds / TURN_S)):
            attacker.send_signal(signal.SIGCONT)
            times, mib = await victim.trade(TURN_S)
            attacked += times
            attacker.send_signal(signal.SIGSTOP)
            await victim.trade(TURN_S / 4)  # what was sent before is worked off
            calm += (await victim.trade(TURN_S / 2))[0]
            most_mib = max(most_mib, mib)
        assert attacker.returncode is None, "the attacker gave up"
    finally:
        attacker.kill()
        await attacker.wait()
    growth_mib = most_mib - before_mib
    return Figures(median(calm), median(attacked), max(attacked), growth_mib)


def line(name: str, number: int, of: Figures) -> str:
    """Return a row of the table."""
    times = f"{of.calm_ms:.1f} | {of.attacked_ms:.1f} | {of.slower:.1f} | {of.worst_ms:.0f}"
    return f"| {name} | {number} | {times} | {of.growth_mib:+.0f} |"


async def main(part: str) -> int:
    """Print the table; returns how many rows miss the aim."""
    missed = 0
    print("| attack | connections | calm, ms | attacked, ms | times | worst, ms | memory, MiB |")
    print("|---|---|---|---|---|---|---|")
    for name in KINDS:
        if part not in name:
            continue
        for number in (1, 20):
            with tempfile.TemporaryDirectory() as folder:
                async with scene(Path(folder) / "data") as (victim, url):
                    found_ = await figures(victim, url, name, number, SECONDS)
            print(line(name, number, found_), flush=True)
            missed += found_.slower > SLOWER_MAX or found_.growth_mib > GROWTH_MAX_MIB
    return missed


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main(sys.argv[1] if sys.argv[1:] else "")) else 0)
