"""The Library on a real Manager and exchange: import, verify, upload, edit, sell, buy, delete."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from exchange.client import put_image
from exchange.keys import load_private_key
from exchange.wire.requests import ImageOffer
from tests.e2e.test_chain import client, end, exchange
from tests.manager.shell.test_live import CONFIG, found_market, heard, start_logging
from tests.tui.demo.test_demo import until
from tui.app import HeadroomApp
from tui.farm_link import SocketFarmLink
from tui.live_link import LiveLink
from tui.screens.form import FormScreen
from tui.screens.library import LibraryScreen
from tui.screens.sure import SureScreen

ADDRESS = "127.83.19.32"


class Visit:
    """The Library of an application, and what it shows."""

    def __init__(self, app: HeadroomApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    def text(self) -> str:
        assert isinstance(self.app.tab, LibraryScreen)
        return "\n".join(pane.text for pane in self.app.tab.panes.values())

    async def sees(self, *texts: str) -> None:
        await self.until(lambda: all(each in self.text() for each in texts), str(texts))

    def may_run(self, digest: str) -> bool:
        assert isinstance(self.app.tab, LibraryScreen)
        return self.app.tab.images[digest].usable

    async def says(self, text: str) -> None:
        log = self.app.shared.log.entries
        await self.until(lambda: any(text in entry.text for entry in log), text)

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        try:
            await until(self.app, self.pilot, holds)
        except TimeoutError:
            said = [entry.text for entry in self.app.shared.log.entries]
            raise AssertionError(f"{what}\n{self.text()}\n{said}") from None

    async def fill(self, key: str, **values: str) -> None:
        """Press ``key``, type ``values`` into its form and go on."""
        await self.pilot.press(key)
        await self.until(lambda: isinstance(self.app.screen, FormScreen), "a form")
        for name, value in values.items():
            self.app.screen.query_one(f"#form-{name}", Input).value = value
        await self.pilot.pause()
        await self.pilot.click("#form-yes")

    async def agree(self, key: str = "") -> None:
        await self.pilot.press(*([key] if key else []))
        await self.until(lambda: isinstance(self.app.screen, SureScreen), "a question")
        await self.pilot.press("enter")


async def keep(visit: Visit, folder: Path) -> None:
    """Import, verify, upload and edit a stored VM; what is refused is said."""
    await visit.sees("web", "small", "idle", "here, in the store")
    await visit.fill("i", name="spare", path=str(folder / "nothing.raw"))
    await visit.says("The Manager refuses")
    await visit.fill("i", name="spare", path=str(folder / "spare.raw"), health="")
    await visit.says("spare is in the library")
    await visit.sees("spare", "8.0 KiB")
    await visit.pilot.press("down")
    for key, said in (("v", "spare is what was imported"), ("u", "spare is in the exchange's")):
        await visit.pilot.press(key)
        await visit.says(said)
    await visit.fill("e", health="/up")
    await visit.says("spare has new settings")
    assert 'health = "/up"' in (folder / "manager.toml").read_text()
    (folder / "library" / "spare" / "disk.raw").write_bytes(b"\1" * 8192)
    await visit.pilot.press("v")
    await visit.says("it is not what was imported")


async def trade(visit: Visit, foreign: str, own: str) -> None:
    await visit.pilot.press("tab")
    await visit.sees(own, foreign, "Theirs", "1.0000")
    await visit.pilot.press("slash", *foreign[:8], "enter")
    await visit.fill("b")
    await visit.agree()
    await visit.says(f"Bought image {foreign[:12]}")
    await visit.until(lambda: visit.may_run(foreign), "it may be run")
    await visit.pilot.press("escape", "slash", *own[:8], "enter")
    await visit.fill("s", called="Mine", price="2.5")
    await visit.says("Copies are for sale: Mine")


async def delete(visit: Visit) -> None:
    await visit.pilot.press("tab", "home", "x")
    await visit.agree()
    await visit.says("rule burst names it")
    await visit.pilot.press("down")
    await visit.agree("x")
    await visit.says("spare is deleted")
    await visit.until(lambda: len(visit.app.shared.farm.library) == 1, "one stored VM is left")


async def story(folder: Path) -> None:
    control, log = folder / "m.sock", folder / "manager.log"
    (folder / "manager.toml").write_text(CONFIG.format(address=ADDRESS, port=1))
    (folder / "web.raw").write_bytes(b"\0" * 4096)
    (folder / "spare.raw").write_bytes(b"\0" * 8192)
    (folder / "theirs.raw").write_bytes(b"\2" * 4096)
    (folder / "web-user-data").write_text("")
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(exchange(folder))
        await found_market(running)
        theirs = load_private_key(running.keys["seller"])
        foreign = await put_image(running.url, theirs, folder / "theirs.raw", "raw")
        async with client(running, "seller") as seller:
            offer = ImageOffer(req_id=1, sha256=foreign, title="Theirs", price_ucr=1_000_000)
            await seller.request(offer)
        link = LiveLink(running.url, running.keys["buyer"])
        app = HeadroomApp(link, farm_link=SocketFarmLink(control))
        await link.open()
        async with app.run_test(size=(160, 50), notifications=True) as pilot:
            visit = Visit(app, pilot)
            await pilot.press("f7")
            await visit.sees("No Manager runs here", "IMAGES AT THE EXCHANGE")
            run = ("--url", running.url, "--config", str(folder / "manager.toml"))
            manager = await start_logging(log, "manager", "run", *run, "--control", str(control))
            stack.push_async_callback(end, manager)
            await heard(log, " at work")
            await visit.until(lambda: app.shared.farm.phase == "up", "the Manager is seen")
            await pilot.press("f6", "f7")  # the images are read anew
            own = next(iter(app.shared.farm.library)).image
            await keep(visit, folder)
            await trade(visit, foreign, own)
            await delete(visit)
            await link.close()


def test_import_verify_upload_edit_sell_buy_and_delete(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(story(tmp_path), 150))
