"""The operator's screen on a real exchange: every act, and the exchange killed under it."""

import asyncio
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from exchange.client import Client
from exchange.keys import load_private_key, new_key, public_key_b64
from exchange.wire.requests import AccountApply
from tests.tui.demo.test_demo import until
from tests.tui.test_live import SYMBOL, founded, headroom, serving
from tui.app import HeadroomApp
from tui.live_link import LiveLink
from tui.screens.form import FormScreen
from tui.screens.operator import ACTIONS, OperatorScreen


class Desk:
    """A terminal with the operator's key, on its screen."""

    def __init__(self, app: HeadroomApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def screen(self) -> OperatorScreen:
        found = self.app.tabs["operator"]
        assert isinstance(found, OperatorScreen)
        return found

    def shows(self, name: str, text: str) -> bool:
        """Look at the rows, of which the pane shows some, and at the title."""
        view = self.screen.views[name]
        rows = [cell.text for row in view.rows for cell in row.cells]
        return any(text in each for each in (self.screen.panes[name].text, *rows))

    def fresh(self) -> bool:
        return not any(self.shows(name, "STALE") for name in self.screen.LISTS)

    async def until(self, name: str, text: str) -> None:
        await until(self.app, self.pilot, lambda: self.shows(name, text))

    async def to(self, name: str, key: str) -> None:
        """Put the cursor of a list on a row."""
        assert self.screen.views[name].put_on(key), key

    async def fill(self, *texts: str) -> None:
        """Fill the fields of the form in, and go on."""
        await until(self.app, self.pilot, lambda: isinstance(self.app.screen, FormScreen))
        screen = self.app.screen
        assert isinstance(screen, FormScreen)
        for field, text in zip(screen.form.fields, texts, strict=True):
            screen.query_one(f"#form-{field.name}", Input).value = text
        await self.pilot.press(*["enter"] * len(texts))

    async def yes(self, key: str) -> None:
        await self.pilot.press(key)
        await self.pilot.pause()
        await self.pilot.press("enter")


async def apply_for(url: str, key: Path) -> Any:
    request = AccountApply(
        req_id=1,
        name="The Shop",
        contact="a@b.c",
        public_key=public_key_b64(load_private_key(key)),
        side="buy",
    )
    async with Client(url) as client:
        return await client.request(request)


def test_the_operators_acts_on_a_real_exchange(tmp_path: Path) -> None:
    operator, key = founded(tmp_path, "shop")

    async def main() -> None:
        async with serving(tmp_path, "127.0.0.1:0") as (url, child):
            await apply_for(url, key)
            app = HeadroomApp(LiveLink(url, operator), symbol=SYMBOL)
            await app.link.open()
            async with app.run_test(size=(160, 50)) as pilot:
                await until(app, pilot, lambda: app.shared.operator)
                await pilot.press("f11")
                await act(Desk(app, pilot))
                await killed_and_back(Desk(app, pilot), tmp_path, url, child)
            await app.link.close()

    asyncio.run(main())


async def act(desk: Desk) -> None:
    await desk.until("applications", "The Shop")
    await desk.pilot.press("a")
    await desk.fill("shop", "shop-1")
    await desk.until("applications", "nobody waits")
    await desk.until("accounts", "shop")
    await desk.to("accounts", "shop")
    await desk.pilot.press("m")
    await desk.fill("shop", "12.5", "bank-1")
    await desk.until("accounts", "12.5000")
    await desk.yes("s")
    await desk.until("accounts", "stopped: kill switch")
    await desk.yes("s")
    await until(desk.app, desk.pilot, lambda: not desk.shows("accounts", "stopped"))
    await desk.to("markets", SYMBOL)
    await desk.yes("h")
    await desk.until("markets", "1 halted")
    await desk.yes("R")
    await until(desk.app, desk.pilot, lambda: not desk.shows("markets", "halted"))
    await desk.pilot.press("z")
    await desk.fill("eu-fr", "FR", "kvm, tcg")
    await desk.pilot.press("i")
    await desk.fill("small.eu-fr.flat.spot", "0.0001", "0.02", "30")
    await desk.until("markets", "small.eu-fr.flat.spot")
    await desk.until("figures", "GiB free")


async def killed_and_back(desk: Desk, folder: Path, url: str, child: Any) -> None:
    child.kill()
    child.wait(60)
    for name in ("accounts", "markets", "figures"):
        await desk.until(name, "STALE")
    async with serving(folder, url.split("/")[2]):
        await until(desk.app, desk.pilot, desk.fresh)
        assert desk.shows("accounts", "12.5000")


def test_a_trader_and_a_watcher_have_no_such_acts(tmp_path: Path) -> None:
    """Read-only: none of the acts is offered, whatever the key."""
    operator = tmp_path / "operator.pem"
    new_key(operator)
    headroom(tmp_path, "exchange", "init", "--data", "data", "--operator-key", str(operator))

    async def main() -> None:
        async with serving(tmp_path, "127.0.0.1:0") as (url, _):
            app = HeadroomApp(LiveLink(url, operator), read_only=True)
            await app.link.open()
            async with app.run_test(size=(80, 24)) as pilot:
                await until(app, pilot, lambda: app.shared.operator)
                await pilot.press("f11")
                screen = app.tab
                assert isinstance(screen, OperatorScreen)
                offered = {action.name for action in screen.offered}
                assert not offered & {action.name for action in ACTIONS}
                await pilot.press("H")
                assert app.screen is screen
            await app.link.close()

    asyncio.run(main())
