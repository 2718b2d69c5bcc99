"""An exchange with money, servers and a market for the tests of screens: the demo's, live."""

import asyncio
from collections.abc import Awaitable, Callable

from textual.pilot import Pilot

from tests.tui.demo.test_demo import until
from tui.app import HeadroomApp
from tui.demo.demo import Stage
from tui.demo.market import SYMBOL
from tui.live_link import LiveLink
from tui.screens.lists import ListScreen

Scene = Callable[["Visit"], Awaitable[None]]


class Visit:
    """The terminal on a live exchange; ``text`` is what a list shows now."""

    def __init__(self, app: HeadroomApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def screen(self) -> ListScreen:
        tab = self.app.tab
        assert isinstance(tab, ListScreen)
        return tab

    def text(self, name: str) -> str:
        return self.screen.panes[name].text

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()
        self.app.redraw()

    async def until(self, holds: Callable[[], bool]) -> None:
        await until(self.app, self.pilot, holds)

    def logged(self, text: str) -> bool:
        return any(text in entry.text for entry in self.app.shared.log.entries)


async def visit(
    opened: Stage, size: tuple[int, int], scene: Scene, read_only: bool = False
) -> None:
    """Play ``scene`` in a terminal of ``size`` that follows the account."""
    app = HeadroomApp(LiveLink(opened.url, opened.key), symbol=SYMBOL, read_only=read_only)
    await app.link.open()
    async with app.run_test(size=size) as pilot:
        visited = Visit(app, pilot)
        await visited.until(lambda: app.shared.model.account.known)
        await scene(visited)
        await app.link.close()
        await asyncio.sleep(0)
