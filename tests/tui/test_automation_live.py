"""The Automation screen at a real Manager: a rule written here fires, and its unit comes and goes.

Exchange, host (VMs in memory) and Manager (balancer in memory) are processes of their own; the
test's web server is the guest and tells the load, which the test raises and lowers.
"""

import asyncio
import signal
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from tests.e2e.test_chain import Running, client, end, exchange
from tests.manager.shell import test_live as stand
from tests.tui.demo.test_demo import until
from tui.app import HeadroomApp
from tui.farm_link import SocketFarmLink
from tui.live_link import LiveLink
from tui.screens.automation import AutomationScreen
from tui.screens.page import PageScreen
from tui.screens.sheet import SheetScreen
from tui.screens.sure import SureScreen
from tui.view.farm_past import Step

ADDRESS = "127.83.19.88"
CALM_ONLY = (
    stand.CONFIG[: stand.CONFIG.index("[[rule]]")]
    + (stand.CONFIG[stand.CONFIG.rindex("[[rule]]") :])
)
"""Only the rule that gives back: the one that buys is written on the screen."""
UNITS = 3
STEPS: list[Step] = ["bought", "starting", "ready", "in service", "draining", "ending", "gone"]


class Seat:
    """A person before the screen."""

    def __init__(self, app: HeadroomApp, pilot: Pilot[int], guest: stand.Guest) -> None:
        self.app, self.pilot, self.guest = app, pilot, guest

    @property
    def screen(self) -> AutomationScreen:
        tab = self.app.tab
        assert isinstance(tab, AutomationScreen)
        return tab

    def text(self, part: str) -> str:
        return self.screen.parts[part].text

    async def until(self, holds: Callable[[], bool]) -> None:
        await until(self.app, self.pilot, holds)

    async def form(self, **fields: str) -> SheetScreen:
        await self.until(lambda: isinstance(self.app.screen, SheetScreen))
        form = self.app.screen
        assert isinstance(form, SheetScreen)
        for key, text in fields.items():
            form.query_one(f"#field-{key}", Input).value = text
        await self.pilot.pause()
        return form

    async def answer(self, *keys: str) -> None:
        """Press ``keys`` in what came up over the screen, and wait until it is gone."""
        over = self.app.screen
        await self.pilot.press(*keys)
        await self.until(lambda: self.app.screen is not over)


async def play(folder: Path) -> None:
    guest = stand.Guest()
    config = folder / "manager.toml"
    config.write_text("# mine\n" + CALM_ONLY.format(address=ADDRESS, port=stand.GUEST_PORT))
    stand.store_web(folder)
    async with (
        guest.at_every_port(ADDRESS),
        exchange(folder) as running,
        stand.sellers_host(running, folder / "state", ADDRESS, UNITS),
    ):
        manager = await start_manager(folder, running)
        try:
            async with client(running, "seller") as seller:
                await stand.ask_when_live(seller)
            await seat(folder, running, guest, manager)
        finally:
            await end(manager)


async def start_manager(folder: Path, running: Running) -> Process:
    control = ("--control", str(folder / "m.sock"))
    run = ("manager", "run", "--url", running.url, "--config", str(folder / "manager.toml"))
    return await stand.start_logging(folder / "manager.log", *run, *control)


async def seat(folder: Path, running: Running, guest: stand.Guest, manager: Process) -> None:
    link = LiveLink(running.url, running.keys["buyer"])
    app = HeadroomApp(link, farm_link=SocketFarmLink(folder / "m.sock"))
    await link.open()
    async with app.run_test(size=(160, 50)) as pilot:
        person = Seat(app, pilot, guest)
        await pilot.press("f8")
        await person.until(lambda: "calm" in person.text("rules"))
        await write_a_rule(person, folder / "manager.toml")
        await see_it_fire_and_end(person)
        await hold_it_back(person)
        await by_hand(person)
        await try_and_delete(person)
        await lose_the_manager(person, manager)
        await link.close()


async def write_a_rule(person: Seat, file: Path) -> None:
    await person.pilot.press("n")
    form = await person.form(name="burst", when="util > 70 for 500ms", do="buy 1", price_max="0,1")
    await person.pilot.press("enter")
    await person.until(lambda: "'0,1' is no number" in said(form, "price_max"))
    await person.form(price_max="0.10", cooldown="1s", max_units="1", budget_day="5", vm="nope")
    await person.pilot.press("enter")
    # Only the Manager knows its stored VMs; its answer stands beside the field, too.
    await person.until(lambda: "there is no [[vm]] named 'nope'" in said(form, "vm"))
    assert "burst" not in text_of(file)
    await person.form(vm="web", zones="eu-de")
    await person.answer("enter")
    await person.until(lambda: "burst" in person.text("rules"))
    text = text_of(file)
    assert text.startswith("# mine\n") and 'when = "util > 70 for 500ms"' in text
    assert "budget_day = 5.0" in text


def text_of(file: Path) -> str:
    return file.read_text()


def said(form: SheetScreen, key: str) -> str:
    return str(form.query_one(f"#of-{key}").render())


async def see_it_fire_and_end(person: Seat) -> None:
    person.guest.per_s = 90
    seen = person.app.shared.farm.steps
    await person.until(lambda: "in the balancer" in person.text("units"))
    assert person.screen.views["rules"].put_on("burst")
    await person.until(lambda: "last fired" in person.text("picked"))
    assert "1 unit, 0.0200 an hour" in person.text("picked")
    assert "▼" in person.text("axis") and "━" in person.text("axis")
    assert "┈ util > 70" in person.text("axis")
    assert "45 % of 2 in service" in person.text("farm")
    person.guest.per_s = 10
    await person.until(lambda: any(past.gone for past in seen.between(0)))
    [past] = seen.between(0)
    passed = [step for _, step in past.steps]
    # A reader skips steps that pass faster than the Manager tells them.
    assert [step for step in STEPS if step in passed] == passed
    assert {"in service", "gone"} <= set(passed)
    await person.until(lambda: "nothing is rented" in person.text("units"))
    await person.until(lambda: "×" in person.text("axis"))


async def hold_it_back(person: Seat) -> None:
    await person.pilot.press("p")
    await person.until(lambda: "paused by the administrator" in person.text("picked"))
    await person.pilot.press("p")
    await person.until(lambda: "paused" not in person.text("rules"))
    await person.pilot.press("s")
    await person.answer("enter")
    await person.until(lambda: "BUYING STOPPED" in person.text("farm"))
    person.guest.per_s = 90
    await person.until(lambda: "buying is stopped" in person.text("picked"))
    person.guest.per_s = 65  # calm would give back below 30 % of two units
    await person.pilot.press("s")
    await person.answer("enter")
    await person.until(lambda: "BUYING STOPPED" not in person.text("farm"))
    await person.pilot.press("enter")
    await person.until(lambda: isinstance(person.app.screen, PageScreen))
    assert isinstance(person.app.screen, PageScreen)
    assert "does 'buy 1' when util > 70 for 500ms" in person.app.screen.text
    await person.answer("escape")


async def by_hand(person: Seat) -> None:
    await person.pilot.press("b")
    await person.form(units="1", price_max="0.05")
    await person.answer("enter")
    await person.until(lambda: isinstance(person.app.screen, SureScreen))
    sure = person.app.screen
    assert isinstance(sure, SureScreen) and "up to 0.0500 credits an hour" in sure.more
    await person.answer("enter")
    await person.until(lambda: "(by hand)" in person.text("units"))
    await person.until(lambda: "in the balancer" in person.text("units"))
    await person.pilot.press("X")
    sure = person.app.screen
    assert isinstance(sure, SureScreen)
    assert sure.question == "Release the one unit?" and "0.0200 credits an hour" in sure.more
    await person.answer("enter")
    await person.until(lambda: "nothing is rented" in person.text("units"))


async def try_and_delete(person: Seat) -> None:
    await person.pilot.press("t")
    await person.form(unit_rps="50")
    await person.answer("enter")
    await person.until(lambda: isinstance(person.app.screen, PageScreen))
    page = person.app.screen
    assert isinstance(page, PageScreen)
    assert "load, requests/s" in page.text and "units bought" in page.text
    await person.answer("escape")
    await person.pilot.press("D")
    await person.answer("enter")
    await person.until(lambda: "burst" not in person.text("rules"))


async def lose_the_manager(person: Seat, manager: Process) -> None:
    manager.send_signal(signal.SIGKILL)
    await person.until(lambda: "STALE: the Manager is gone" in person.text("farm"))
    assert "calm" in person.text("rules")
    await person.pilot.press("p")
    await person.until(
        lambda: any("no Manager is connected" in one.text for one in person.app.shared.log.entries)
    )


def test_a_rule_written_here_is_seen_at_work(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    asyncio.run(asyncio.wait_for(play(tmp_path), 240))
