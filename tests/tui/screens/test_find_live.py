"""The buyer's story on real processes: found in words, rented, started, in the balancer, back."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from exchange.keys import new_key
from tests.e2e.test_chain import client, end, exchange
from tests.manager.shell.test_live import (
    CONFIG,
    GUEST_PORT,
    Guest,
    ask_when_live,
    heard,
    sellers_host,
    start_logging,
    store_web,
)
from tests.tui.demo.test_demo import until
from tests.tui.test_live import headroom, serving
from tui.app import HeadroomApp
from tui.farm_link import SocketFarmLink
from tui.live_link import LiveLink
from tui.screens.form import FormScreen
from tui.screens.offers import OffersScreen
from tui.screens.sure import SureScreen

ADDRESS = "127.83.19.31"
UNITS = 5
NEED = "4 small in Germany below 0.03"


class Visit:
    """The Find screen of an application, and what it shows."""

    def __init__(self, app: HeadroomApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    async def open(self) -> None:
        await self.pilot.press("f6")
        await self.until(lambda: isinstance(self.app.tab, OffersScreen))

    @property
    def screen(self) -> OffersScreen:
        assert isinstance(self.app.tab, OffersScreen)
        return self.app.tab

    def text(self) -> str:
        """Everything that is on the screen."""
        shown = [pane.text for pane in self.screen.panes.values() if pane.display]
        return "\n".join([self.screen.need_pane.text, *shown])

    async def until(self, holds: Callable[[], bool]) -> None:
        await until(self.app, self.pilot, holds)

    async def sees(self, *texts: str, without: str = "\0") -> None:
        def holds() -> bool:
            shown = self.text()
            return all(text in shown for text in texts) and without not in shown

        try:
            await self.until(holds)
        except TimeoutError:
            said = [entry.text for entry in self.app.shared.log.entries]
            raise AssertionError(f"{texts}, not {without!r}\n{self.text()}\n{said}") from None

    async def asked(self) -> SureScreen:
        await self.until(lambda: isinstance(self.app.screen, SureScreen))
        assert isinstance(self.app.screen, SureScreen)
        return self.app.screen

    async def form(self) -> FormScreen:
        await self.pilot.press("r")
        await self.until(lambda: isinstance(self.app.screen, FormScreen))
        assert isinstance(self.app.screen, FormScreen)
        return self.app.screen


async def need(visit: Visit) -> None:
    await visit.sees("2 offers of 1 host", "eu-de")
    await visit.pilot.press("n", *NEED, "enter")
    await visit.sees("4 small, in DE, below 0.03")
    await visit.sees("4 cost 0.0800 an hour, at most 0.0200 each, small.eu-de.flat.spot")


async def buy_one(visit: Visit) -> None:
    """No Manager runs: units are bought, and nothing is started."""
    await visit.pilot.press("tab")
    await visit.sees("no Manager runs here")
    await visit.pilot.press("tab")
    form = await visit.form()
    assert form.form.title.startswith("Buy units of small.eu-de.flat.spot")
    form.query_one("#form-units", Input).value = "1"
    await visit.pilot.press("enter", "enter")
    sure = await visit.asked()
    assert sure.question == "Buy 1 small.eu-de.flat.spot for at most 0.029999 each?"
    leases = visit.app.desk.model.account.leases
    assert not leases
    await visit.pilot.press("enter")
    await visit.until(lambda: len(leases) == 1)


async def rent_and_start(visit: Visit) -> None:
    form = await visit.form()
    assert form.values == {"vm": "web", "units": "4", "ceiling": "0.029999"}
    await visit.pilot.press("enter", "enter", "enter")
    sure = await visit.asked()
    assert sure.question == "Rent 4 small for at most 0.029999 each, and start web?"
    assert "At most 0.119996 an hour" in sure.more
    await visit.pilot.press("enter")
    await visit.sees("RENTED BY HAND", "web")  # the screen goes there by itself
    await visit.sees("4 of 4 in the balancer", "●●●● in the balancer", f"{ADDRESS}:")


async def give_back(visit: Visit) -> None:
    await visit.pilot.press("e")
    sure = await visit.asked()
    assert sure.question == "Give back what was rented by hand for web (4 units)?"
    await visit.pilot.press("enter")
    await visit.sees("RENTED BY HAND", "nothing yet")
    await visit.until(lambda: len(visit.app.desk.model.account.leases) == 1)


async def story(folder: Path) -> None:
    guest, control, log = Guest(), folder / "m.sock", folder / "manager.log"
    guest.per_s = 50
    (folder / "manager.toml").write_text(CONFIG.format(address=ADDRESS, port=GUEST_PORT))
    store_web(folder)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(guest.at_every_port(ADDRESS))
        running = await stack.enter_async_context(exchange(folder))
        host = sellers_host(running, folder / "state", ADDRESS, UNITS)
        await stack.enter_async_context(host)
        async with client(running, "seller") as seller:
            await ask_when_live(seller, qty=UNITS)
        link = LiveLink(running.url, running.keys["buyer"])
        app = HeadroomApp(link, farm_link=SocketFarmLink(control))
        await link.open()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            visit = Visit(app, pilot)
            await visit.open()
            await need(visit)
            await buy_one(visit)
            run = ("--url", running.url, "--config", str(folder / "manager.toml"))
            manager = await start_logging(log, "manager", "run", *run, "--control", str(control))
            stack.push_async_callback(end, manager)
            await heard(log, " at work")
            await visit.until(lambda: app.shared.farm.phase == "up")
            await rent_and_start(visit)
            await pilot.resize_terminal(160, 50)
            await visit.sees("OFFERS", "RENTED BY HAND", "4 of 4 in the balancer")
            await give_back(visit)
            await link.close()


def test_found_rented_started_in_the_balancer_and_given_back(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    asyncio.run(asyncio.wait_for(story(tmp_path), 150))


def test_an_exchange_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    operator = tmp_path / "operator.pem"
    new_key(operator)
    headroom(tmp_path, "exchange", "init", "--data", "data", "--operator-key", str(operator))

    async def main() -> None:
        async with serving(tmp_path, "127.0.0.1:0") as (url, child):
            link = LiveLink(url, operator)
            app = HeadroomApp(link)
            await link.open()
            async with app.run_test(size=(80, 24), notifications=True) as pilot:
                visit = Visit(app, pilot)
                await visit.open()
                await visit.sees("nobody offers this", "None is for sale")
                await pilot.press("n", *"2 small in DE", "enter")
                child.kill()
                child.wait(60)
                await visit.sees("OFFERS · STALE")
                await pilot.press("r")
                log = app.shared.log.entries
                await visit.until(lambda: any("Not sent" in entry.text for entry in log))
                async with serving(tmp_path, url.split("/")[2]):
                    await visit.sees("nobody offers this", "2 small, in DE", without="STALE")
                await link.close()

    asyncio.run(main())
