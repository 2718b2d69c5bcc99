"""The real image, built here, on an emulated server: power on, and a unit of it is sold. In CI."""

import asyncio
from pathlib import Path

import pytest

from tests.e2e.live.machine import Server, powered_on, settings_volume, state_disk
from tests.e2e.live.market import allow_hosts, shown, sold, told
from tests.e2e.test_chain import client, exchange, found_market

pytestmark = pytest.mark.real


def test_a_server_boots_by_bios_and_sells_a_unit(image: Path, tmp_path: Path) -> None:
    """Without a key pressed the exchange has a host whose unit somebody buys, and says so."""
    asyncio.run(boot_and_sell(image, tmp_path))


async def boot_and_sell(image: Path, folder: Path) -> None:
    async with exchange(folder) as running:
        await found_market(running)
        await allow_hosts(running)
        server = Server(image, folder, state=state_disk(folder / "state.img"))
        settings_volume(server, {"headroom.toml": told(running, [])})
        async with client(running, "buyer") as buyer:
            with powered_on(server) as power:
                await sold(running, server, power, buyer)
                screen = await shown(server, power, "  state      live")
    assert "  name       booted" in screen
    # The server's own CPU is emulated: whatever it has in hardware is emulated, too.
    assert "emulated" in screen
    assert "state is in memory" not in screen
