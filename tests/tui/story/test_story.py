"""The story in one sitting, before the application itself and before a real terminal."""

import asyncio
from pathlib import Path

from tests.tui.story import acts
from tests.tui.story.seats import PilotSeat, PtySeat
from tests.tui.story.stage import stage
from tui.app import HeadroomApp
from tui.farm_link import SocketFarmLink
from tui.live_link import LiveLink


async def by_pilot(folder: Path) -> None:
    async with stage(folder, "127.83.19.61") as opened:
        link = LiveLink(opened.url, opened.key)
        app = HeadroomApp(link, farm_link=SocketFarmLink(opened.control))
        await link.open()
        async with app.run_test(size=(120, 35), notifications=True) as pilot:
            seat = PilotSeat(app, pilot)
            await acts.peak(seat, opened.guest)
            await acts.sell(seat)
            await link.close()


async def in_a_pty(folder: Path) -> None:
    async with stage(folder, "127.83.19.62") as opened:
        seat = await PtySeat.open(opened, (100, 30))
        try:
            await acts.peak(seat, opened.guest)
            await acts.sell(seat)
        finally:
            assert await seat.leave() == 0


def test_by_pilot(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(by_pilot(tmp_path), 240))


def test_in_a_pty(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(in_a_pty(tmp_path), 240))
