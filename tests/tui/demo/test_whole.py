"""The whole demo: each tab has something to show, the tips' keys do what they say; its load."""

import asyncio
import json
from pathlib import Path

import pytest
from textual.pilot import Pilot

from manager.shell.http_get import get
from sim.scenario.shipped import FOLDER
from tests.tui.demo.test_demo import leftovers, until
from tui.app import HeadroomApp
from tui.demo.demo import whole_stage
from tui.demo.market import SYMBOL
from tui.demo.site import (
    FIRST_PEAK_S,
    PEAK_RPS,
    PEAK_S,
    PERIOD_S,
    QUIET_RPS,
    RAMP_S,
    WAVE,
    Site,
    load_rps,
    port_of,
)
from tui.farm_link import SocketFarmLink
from tui.live_link import LiveLink
from tui.screens.automation import AutomationScreen
from tui.screens.lists import ListScreen
from tui.screens.sure import SureScreen
from tui.view.hours import hours
from tui.view.tips import TIPS, Tip

ROWS = {
    "f3": "orders",
    "f4": "leases",
    "f5": "hosts",
    "f6": "offers",
    "f7": "stored",
    "f9": "scenarios",
    "f10": "log",
}
"""By tab, the list that must have a row."""


def keys_of(tip: Tip) -> list[str]:
    """Return the keys that ``tip`` tells to press: ``F6 r, 4 x Enter`` are six."""
    keys: list[str] = []
    for part in tip.keys.split(", "):
        times, _, key = part.rpartition(" x ")
        keys += [key] * int(times) if times else part.split()
    return [key.lower() for key in keys]


class Tour:
    """A visitor before the whole demo."""

    def __init__(self, app: HeadroomApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    async def every_tab(self) -> None:
        app, account = self.app, self.app.desk.model.account
        await until(app, self.pilot, lambda: app.desk.book.best_ask_ucr is not None)
        await until(app, self.pilot, lambda: len(hours(app.desk.model, SYMBOL)) > 3)
        pricings = {each.pricing for each in app.desk.model.instruments.values()}
        assert pricings == {"flat", "metered"}
        await until(app, self.pilot, lambda: account.units("buy") > 0)
        for key, name in ROWS.items():
            await self.pilot.press(key)
            await self.row_in(name)

    async def row_in(self, name: str) -> None:
        screen = self.app.tab
        assert isinstance(screen, ListScreen)
        await until(self.app, self.pilot, lambda: bool(screen.views[name].rows))

    async def own_servers(self) -> None:
        await self.pilot.press("f5")
        screen = self.app.tab
        assert isinstance(screen, ListScreen)
        pane = screen.panes["hosts"]
        await until(self.app, self.pilot, lambda: "residual" in pane.text)
        await until(self.app, self.pilot, lambda: pane.text.count("live") >= 6)

    async def a_burst(self) -> None:
        await self.pilot.press("f8")
        screen = self.app.tab
        assert isinstance(screen, AutomationScreen)
        rules = self.app.shared.farm

        def fired() -> bool:
            return any(row.name == "burst" and row.units for row in rules.rules)

        await until(self.app, self.pilot, fired)
        await until(
            self.app, self.pilot, lambda: screen.parts["units"].text.count("in the balancer") >= 3
        )
        assert "▼" in screen.parts["axis"].text

    async def the_tips(self) -> None:
        """Each tip's keys, and nothing else, do what it says."""
        app, account = self.app, self.app.desk.model.account
        rent, look, find = map(keys_of, TIPS)
        bought = account.units("buy")
        await self.pilot.press(*rent)
        await until(app, self.pilot, lambda: account.units("buy") > bought)
        await self.pilot.press(*look)
        assert isinstance(app.tab, AutomationScreen)
        await self.pilot.press(*find[:-1])
        await until(app, self.pilot, lambda: isinstance(app.screen, SureScreen))
        await self.pilot.press(find[-1])
        await until(app, self.pilot, lambda: bool(app.shared.farm.bursts))

    async def close_the_card(self) -> None:
        card = self.app.screen.query_one("#tips")
        await until(self.app, self.pilot, lambda: card.display)
        await self.pilot.press("0")
        await until(self.app, self.pilot, lambda: not card.display)
        await self.pilot.press("0")
        await until(self.app, self.pilot, lambda: card.display)


def test_every_tab_is_alive_and_the_tips_are_true(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(short_path))

    async def main() -> None:
        async with whole_stage() as opened:
            link = LiveLink(opened.url, opened.key)
            farm = SocketFarmLink(opened.control)
            app = HeadroomApp(link, symbol=SYMBOL, farm_link=farm, tips=TIPS, scenarios=FOLDER)
            await link.open()
            async with app.run_test(size=(160, 50)) as pilot:
                tour = Tour(app, pilot)
                await tour.close_the_card()
                await tour.every_tab()
                await tour.own_servers()
                await tour.a_burst()
                await tour.the_tips()
                await link.close()

    asyncio.run(main())
    assert leftovers(short_path) == []


def test_the_load_peaks_again_and_again() -> None:
    quiet, peak = FIRST_PEAK_S - 1, FIRST_PEAK_S + RAMP_S + PEAK_S / 2
    for turn in range(3):
        assert load_rps(quiet + turn * PERIOD_S) == pytest.approx(QUIET_RPS, rel=WAVE)
        assert load_rps(peak + turn * PERIOD_S) == pytest.approx(PEAK_RPS, rel=WAVE)


def test_the_site_tells_the_load_and_answers_for_servers() -> None:
    async def main() -> None:
        site = Site(lambda: 0.0)
        async with await site.open() as door:
            where = f"http://127.0.0.1:{port_of(door)}"
            status, body = await get(f"{where}/load", 5, 1_000)
            assert (status, json.loads(body)) == (200, {"requests": {"per_s": QUIET_RPS}})
            assert (await get(f"{where}/", 5, 1_000))[0] == 200

    asyncio.run(main())
