"""Make the pictures of docs/live-image.md: an emulated server's screen at the boot menu, and as a
live host. Run by `make live-pictures`, after a build by `make live`."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.e2e.live.conftest import KEPT
from tests.e2e.live.machine import (
    Server,
    powered_on,
    settings_volume,
    state_disk,
    take_picture,
)
from tests.e2e.live.market import allow_hosts, shown, sold, told
from tests.e2e.test_chain import ROOT, client, exchange, found_market

PICTURES: Final = ROOT / "docs" / "pictures"
MENU: Final = "manager (e"
"""The last entry; GRUB draws the menu on the serial port, too."""
DRAWN_S: Final = 6
"""The screen shows the status within so many seconds of the serial port."""


async def take(image: Path, folder: Path, target: Path) -> None:
    async with exchange(folder) as running:
        await found_market(running)
        await allow_hosts(running)
        server = Server(image, folder, state=state_disk(folder / "state.img"))
        settings_volume(server, {"headroom.toml": told(running, [])})
        async with client(running, "buyer") as buyer:
            with powered_on(server) as power:
                await shown(server, power, MENU)
                take_picture(server, target / "live-menu.png")
                await sold(running, server, power, buyer)
                await shown(server, power, "  state      live")
                await asyncio.sleep(DRAWN_S)
                take_picture(server, target / "live-status.png")


def main(image: Path) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        asyncio.run(take(image, folder, PICTURES))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else KEPT)
