"""The picture of docs/terminal.md: the demo's market in a real browser, after a little trading."""

import asyncio
import tempfile
from pathlib import Path

from tests.e2e.web.browser import chromium
from tests.e2e.web.processes import ROOT, web_terminal
from tests.e2e.web.test_browser import trading

PICTURE = ROOT / "docs" / "pictures" / "browser.png"
SIZE = {"width": 1280, "height": 720}


async def draw() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            web_terminal(Path(folder), "demo", "--web", "127.0.0.1:0") as server,
            chromium() as browser,
        ):
            tab = await browser.open(server.link, **SIZE)
            await trading(tab)
            await tab.until(lambda tab: tab.screen.text.count("● mine") > 1, "two own trades")
            return await tab.picture()


if __name__ == "__main__":
    PICTURE.write_bytes(asyncio.run(draw()))
