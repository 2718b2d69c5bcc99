"""The terminal in Chromium, on a live exchange: coming in, trading, and leaving nothing behind."""

import asyncio
import contextlib
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.e2e.interruptions.cast import free_port
from tests.e2e.web.browser import CTRL, Browser, Tab, chromium
from tests.e2e.web.cable import Cable, cable
from tests.e2e.web.processes import Server, alive, come_about, web_terminal
from tui.demo.demo import Stage, stage
from tui.demo.market import SYMBOL
from tui.web.session import AWAY_S

ROOM_S = 20.0
"""For a process to end, on a busy machine."""
HERE = "127.0.0.1:0"


@contextlib.asynccontextmanager
async def serving(
    folder: Path, opened: Stage, here: str = HERE, *more: str
) -> AsyncIterator[Server]:
    """The trader's terminal of the demo's exchange, for browsers."""
    where = ("--url", opened.url, "--key", str(opened.key), "--symbol", SYMBOL, *more)
    async with web_terminal(folder, "tui", "--web", here, *where, "--no-restore") as server:
        yield server


@contextlib.asynccontextmanager
async def a_tab(browser: Browser, link: str, **size: int) -> AsyncIterator[Tab]:
    tab = await browser.open(link, **size)
    try:
        yield tab
    finally:
        await tab.close()


def test_the_terminal_in_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One exchange and one browser for all of it, since each takes seconds to start."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    async def main() -> None:
        async with stage() as opened, chromium() as browser:
            async with serving(tmp_path, opened) as server:
                await coming_in(browser, server)
                async with a_tab(browser, await server.fresh_link()) as tab:
                    await tab.shows("LADDER")
                    await trading(tab)
                    await changing(tab)
                    await keys_and_clipboard(browser, tab)
                    await another_size(tab)
                    await loaded_again(tab, server)
                    await forged(browser, server)
                await on_a_phone(browser, server)
                closed = asyncio.get_running_loop().time()
                await come_about(lambda: not server.terminals(), ROOM_S, "the terminal ends")
                assert asyncio.get_running_loop().time() - closed > AWAY_S / 2
            for ending in (signal.SIGTERM, signal.SIGKILL):
                await ended(browser, tmp_path, opened, ending)
            await cut_off(browser, tmp_path, opened)

    asyncio.run(main())


async def coming_in(browser: Browser, server: Server) -> None:
    """A ticket that is wrong or was used is none; without a cookie there is only the login page."""
    for path in ("/", "/?ticket=wrong", "/static/textual.js"):
        async with a_tab(browser, server.base + path) as tab:
            await tab.page_says("works once")
            assert tab.status[server.base + path] == 403
    async with a_tab(browser, f"{server.base}/login") as tab:
        await tab.page_says("works once")
        assert tab.status[f"{server.base}/login"] == 200
    async with a_tab(browser, server.link) as tab:
        await tab.shows("LADDER")
        assert await tab.run("document.title") == "Headroom"
        assert await tab.run("document.cookie") == "", "no script can read the cookie"
        hosts = {url.split("/")[2] for url in tab.requested if not url.startswith("data:")}
        assert hosts == {server.base.split("/")[2]}, "nothing is loaded from elsewhere"
        assert tab.errors == []
    async with a_tab(browser, server.link) as tab:
        await tab.page_says("was used before")
        assert tab.status[server.link] == 403


async def trading(tab: Tab) -> None:
    """Buy by key, then with the mouse: the fills are seen."""
    await tab.until(lambda tab: ask_row(tab) is not None, "somebody offers")
    before = renting(tab)
    for key in ("b", "t", "Enter", "Enter"):
        await tab.press(key)
    await tab.until(lambda tab: renting(tab) > before and "mine" in tape(tab), "the fill")
    before = renting(tab)
    found = ask_row(tab)
    assert found is not None
    await tab.click(found[0] - 10, found[1] - 3, count=2)  # left of the price, 3 above the best
    await tab.shows("ARMED")
    await tab.press("Enter")
    await tab.until(lambda tab: renting(tab) > before, "the fill of the order by mouse")


async def changing(tab: Tab) -> None:
    """A bid that rests is replaced, then all are canceled: what can be clicked is clicked."""
    for key in ("b", "p", *"0.0101", "Enter", "Enter", "Enter"):
        await tab.press(key)
    await tab.shows("Working: buy 1 at 0.0101")
    await tab.press("F3")
    await tab.shows("OPEN ORDERS")
    await clicked(tab, "0.0101")
    await clicked(tab, "e Replace")
    await tab.shows("nothing changes yet")
    for key in "0.0102":
        await tab.press(key)
    await clicked(tab, "go on")
    await clicked(tab, "do it")
    await tab.until(replaced, "the bid at its new price")
    await tab.press("F2")
    await tab.shows("LADDER")
    await clicked(tab, "x All")
    await clicked(tab, "Enter")
    await tab.until(lambda tab: "orders 0" in tab.screen.text, "no order is left")


def replaced(tab: Tab) -> bool:
    return "0.0102" in tab.screen.text and "do it" not in tab.screen.text


async def clicked(tab: Tab, text: str) -> None:
    """Click on the first place that shows ``text``."""
    await tab.shows(text)
    found = tab.screen.find(text)
    assert found is not None
    await tab.click(found[0] + len(text) // 2, found[1])


def renting(tab: Tab) -> int:
    found = re.search(r"renting (\d+)", tab.screen.text)
    return int(found[1]) if found else -1


def tape(tab: Tab) -> str:
    return tab.screen.text.partition("TAPE")[2]


def ask_row(tab: Tab) -> tuple[int, int] | None:
    """Return where the ladder shows the best ask's price."""
    found, ladder = re.search(r"× (0\.\d{4})", tab.screen.text), tab.screen.find("LADDER")
    if found is None or ladder is None:
        return None
    left, top = ladder
    for y, row in enumerate(tab.screen.rows[top:], top):
        x = "".join(row[left : left + 45]).find(found[1])
        if x >= 0:
            return left + x, y
    return None


async def keys_and_clipboard(browser: Browser, tab: Tab) -> None:
    """Function keys and their letters, pasted and copied text."""
    allowed = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    origin = await tab.run("location.origin")
    await browser.ask("Browser.grantPermissions", origin=origin, permissions=allowed)
    await tab.press("q")
    await tab.run("navigator.clipboard.writeText('17')")
    paste: dict[str, Any] = {"key": "v", "windowsVirtualKeyCode": 86, "modifiers": CTRL}
    await tab.ask("Input.dispatchKeyEvent", type="rawKeyDown", commands=["paste"], **paste)
    await tab.until(lambda tab: re.search(r"quantity\W+17", tab.screen.text) is not None, "17")
    await tab.press("Escape")
    await tab.press("F3")
    await tab.until(lambda tab: "▸F3 Orders" in tab.screen.text, "F3")
    await tab.press("F10")
    await tab.until(lambda tab: "▸F10 Log" in tab.screen.text, "F10")
    await tab.press("y")
    await tab.until(lambda tab: tab.screen.copied != [], "the row's id")
    assert await tab.run("navigator.clipboard.readText()") != "17"
    await tab.press("g")
    await tab.press("m")
    await tab.shows("LADDER")


async def another_size(tab: Tab) -> None:
    await tab.resize(1600, 1000)
    await tab.until(lambda tab: tab.size["width"] > 150 and tab.size["height"] > 45, "more cells")
    await tab.until(lambda tab: "palette" in "".join(tab.screen.rows[tab.size["height"] - 1]), "")


async def on_a_phone(browser: Browser, server: Server) -> None:
    """Its letters are small enough for a screen; a click beside the terminal leaves it the keys."""
    link = await server.fresh_link()
    async with a_tab(browser, link, width=390, height=844) as tab:
        await tab.shows("LADDER")
        assert tab.size["width"] >= 60
        await tab.run("document.activeElement.blur()")
        for kind in ("mousePressed", "mouseReleased"):
            how = {"x": 389, "y": 843, "button": "left", "clickCount": 1}
            await tab.ask("Input.dispatchMouseEvent", type=kind, **how)
        await tab.press("F10")
        await tab.until(lambda tab: "▸10" in tab.screen.text, "the keys are the terminal's")


async def loaded_again(tab: Tab, server: Server) -> None:
    """The same process is shown, as it was left."""
    await tab.press("F10")
    await tab.until(lambda tab: "▸F10 Log" in tab.screen.text, "F10")
    # That of a page that was closed before lives on for a while, in case its page comes back.
    await come_about(lambda: len(server.terminals()) == 1, ROOM_S, "one terminal is left")
    before = server.terminals()
    old = tab.screen
    await tab.ask("Page.reload")
    await tab.until(lambda tab: tab.screen is not old and "▸F10 Log" in tab.screen.text, "reload")
    assert server.terminals() == before
    await tab.press("F2")
    await tab.until(lambda tab: ask_row(tab) is not None, "the market again")
    found = ask_row(tab)
    assert found is not None
    await tab.click(found[0] - 10, found[1] - 3, count=2)
    await tab.shows("ARMED")
    await tab.press("Escape")


async def forged(browser: Browser, server: Server) -> None:
    """A good cookie is of no use to another site, nor under another name, nor is none."""
    [cookie] = (await browser.ask("Storage.getCookies"))["cookies"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    good = {"Cookie": f"{cookie['name']}={cookie['value']}", "Origin": server.base}
    where = f"ws{server.base.removeprefix('http')}/ws/{'0' * 32}"
    for header in (
        good | {"Origin": "http://evil.example"},
        good | {"Origin": "null"},
        {"Cookie": good["Cookie"]},
        {"Origin": good["Origin"]},
        good | {"Cookie": f"{cookie['name']}=wrong"},
    ):
        with pytest.raises(InvalidStatus) as refused:
            await connect(where, additional_headers=header)
        assert refused.value.response.status_code == 403, header
    async with httpx.AsyncClient() as client:
        ask: Callable[..., Awaitable[httpx.Response]] = client.get
        assert (await ask(server.base, headers=good)).status_code == 200
        # A name that was pointed at this machine, and a link that is followed there.
        named = {"Cookie": good["Cookie"], "Host": "evil.example"}
        for header in (named, good | {"Origin": "http://evil.example"}):
            assert (await ask(server.base, headers=header)).status_code == 403, header


async def ended(browser: Browser, folder: Path, opened: Stage, ending: signal.Signals) -> None:
    """However the server ends, its terminals end with it, and the page says so."""
    async with serving(folder, opened) as server, a_tab(browser, server.link) as tab:
        await tab.shows("LADDER")
        before = server.terminals()
        assert len(before) == 1
        server.process.send_signal(ending)
        code = await asyncio.wait_for(server.process.wait(), ROOM_S)
        assert code == (0 if ending == signal.SIGTERM else -signal.SIGKILL)
        await come_about(lambda: not any(map(alive, before)), AWAY_S, "the terminal ends")
        said = {signal.SIGTERM: "headroom manager web-link", signal.SIGKILL: "trying again"}
        await tab.page_says(said[ending])


async def cut_off(browser: Browser, folder: Path, opened: Stage) -> None:
    """A page that lost its server finds its terminal as it was, or says why there is none."""
    async with cable() as line:
        line.port = free_port()
        here, name = f"127.0.0.1:{line.port}", f"127.0.0.1:{line.near}"
        async with (
            serving(folder, opened, here, "--web-name", name) as server,
            a_tab(browser, server.link) as tab,
        ):
            await connected_again(tab, line, server)
            await away_for_too_long(tab, line, server)
            await started_anew(tab, line, server, folder, opened)


async def connected_again(tab: Tab, line: Cable, server: Server) -> None:
    await tab.shows("LADDER")
    await tab.press("F10")
    await tab.until(lambda tab: "▸F10 Log" in tab.screen.text, "F10")
    before, old = server.terminals(), tab.screen
    line.cut()
    await tab.page_says("Connected again")
    await tab.until(lambda tab: tab.screen is not old and "▸F10 Log" in tab.screen.text, "back")
    assert server.terminals() == before
    await tab.press("F2")
    await tab.shows("LADDER")


async def away_for_too_long(tab: Tab, line: Cable, server: Server) -> None:
    line.cut_for_good()
    await tab.page_says("trying again")
    await come_about(lambda: not server.terminals(), ROOM_S, "the terminal ends")
    line.mend()
    await tab.page_says("ended while its page was away")
    await tab.page_says("Open it again")
    await tab.run("document.getElementById('again').click()")
    await tab.until(lambda tab: len(server.terminals()) == 1 and "LADDER" in tab.screen.text, "")


async def started_anew(tab: Tab, line: Cable, server: Server, folder: Path, opened: Stage) -> None:
    """Another server knows no cookie of the one before: a fresh link is needed."""
    line.cut_for_good()
    server.process.kill()
    await asyncio.wait_for(server.process.wait(), ROOM_S)
    here, name = f"127.0.0.1:{line.port}", f"127.0.0.1:{line.near}"
    async with serving(folder, opened, here, "--web-name", name):
        line.mend()
        await tab.page_says("not let in any more")
        await tab.page_says("headroom manager web-link")
