"""Walks the terminal, on a `VirtualMarket`, through every scene of the table."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from textual.pilot import Pilot
from textual.widgets import Input

from exchange.wire.requests import OrderPlace
from exchange.wire.types import Side
from tui.app import HeadroomApp
from tui.demo.market import SYMBOL
from tui.demo.scenes import SCENES, Scene
from tui.demo.virtual import YOU, VirtualMarket
from tui.demo.virtual_links import VirtualFarm, VirtualLink
from tui.palettes import DEFAULT_THEME, Depth
from tui.widgets.pane import LinesView

AT_S: Final = 1_210
"""The peak is on: units were bought, some start still."""
LATER_MS: Final = 9_000
ASKING: Final = "the Manager is asked"
ROUNDS: Final = 3
"""A screen that is seen asks, and draws the answer, and may ask again."""
SETTINGS: Final = (
    ("url", "ws://127.0.0.1:8700", "profile"),
    ("key", "/home/ann/.config/headroom/acme.pem", "profile"),
    ("symbol", SYMBOL, "file"),
    ("theme", "headroom-dark", "default"),
    ("read_only", "false", "default"),
    ("fat_finger_pct", "20", "default"),
)
ORDERS: Final[tuple[tuple[Side, str, int, int], ...]] = (
    ("buy", "small.eu-de.flat.spot", 4, 30_400),
    ("buy", "medium.eu-de.flat.spot", 2, 60_100),
    ("buy", "small.eu-de.flat.spot", 3, 34_000),
    ("buy", "nano.eu-fr.flat.spot", 12, 9_000),
)
"""What you have placed yourself before the walk: side, symbol, units, price."""


class DrivenTerminal:
    """The terminal, its two links, and what presses its keys."""

    def __init__(self, app: HeadroomApp, pilot: Pilot[int], farm: VirtualFarm) -> None:
        assert isinstance(app.link, VirtualLink)
        self.app, self.pilot, self.link, self.farm = app, pilot, app.link, farm

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def settle(self) -> None:
        """Let the terminal take and draw all there is."""
        await self.link.settled()
        await self.farm.settled()
        for _ in range(2):
            await self.pilot.pause()
            self.app.redraw()

    async def go(self, scene: Scene) -> None:
        """Bring ``scene`` on screen."""
        if scene.who == "stale" and self.app.desk.model.connection.phase == "up":
            self.lose()
        await self.press(*scene.keys)
        for field in self.app.screen.query(Input):
            field.cursor_blink = False
        for _ in range(ROUNDS):
            await self.settle()
        while any(ASKING in pane.text for pane in self.app.screen.query(LinesView)):
            await self.settle()  # the wizard asks the Manager when no key came for a moment

    def lose(self) -> None:
        """Exchange and Manager are gone, and it is some seconds later."""
        self.link.lose(LATER_MS)
        self.farm.lose()

    def svg(self) -> str:
        """Return what is on screen."""
        return self.app.export_screenshot(title="headroom")


async def trade(link: VirtualLink) -> None:
    """Place your own orders."""
    for side, symbol, qty, price_ucr in ORDERS:
        order = OrderPlace(
            req_id=1,
            client_order_id=f"hand-{symbol}-{price_ucr}",
            symbol=symbol,
            side=side,
            order_type="limit",
            qty=qty,
            price_ucr=price_ucr,
        )
        await link.request(order)


class Look(NamedTuple):
    """A terminal that is looked at: cells across and down, and its colours."""

    size: tuple[int, int]
    theme: str = DEFAULT_THEME
    depth: Depth = "truecolor"


At: TypeAlias = Callable[[Look, Scene, DrivenTerminal], Awaitable[None]]


async def walk(looks: Sequence[Look], scenarios: Path, at: At) -> None:
    """Stop at every scene in each of ``looks`` and call ``at`` there."""
    market = VirtualMarket()
    market.run_to(AT_S - 600)
    links = {(look, who): await _link(market, who) for look in looks for who in (YOU, "operator")}
    await trade(links[looks[0], YOU])
    market.run_to(AT_S)
    for (look, who), link in links.items():
        scenes = [scene for scene in SCENES if (scene.who == "operator") == (who == "operator")]
        async with driven_terminal(look, link, scenarios) as terminal:
            for scene in scenes:
                await terminal.go(scene)
                await at(look, scene, terminal)
                await terminal.press(*scene.leave)


async def _link(market: VirtualMarket, who: str) -> VirtualLink:
    link = VirtualLink(market, who, "operator" if who == "operator" else "trader")
    await link.open()
    return link


@asynccontextmanager
async def driven_terminal(
    look: Look, link: VirtualLink, scenarios: Path
) -> AsyncIterator[DrivenTerminal]:
    """Open a terminal on ``link`` now, when the peak is on."""
    farm = VirtualFarm(link.market)
    app = HeadroomApp(
        link,
        theme=look.theme,
        depth=look.depth,
        now_ms=link.now_ms,
        session_name="docs",
        symbol=SYMBOL,
        farm_link=farm,
        scenarios=scenarios,
    )
    app.shared.settings = SETTINGS
    async with app.run_test(size=look.size) as pilot:
        terminal = DrivenTerminal(app, pilot, farm)
        farm.show()
        await terminal.settle()
        yield terminal
        await link.close()
