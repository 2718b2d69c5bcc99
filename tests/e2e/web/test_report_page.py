"""The page of a simulated run in Chromium: it can be read, wide and narrow, light and dark."""

import asyncio
import base64
from pathlib import Path

from typer.testing import CliRunner

from sim.cli.app import app
from tests.e2e.web.browser import Browser, Tab, chromium
from tests.sim.scenes import TRADERS, scene

FAULT = '[[fault]]\nkind = "host_crash"\nat_s = 400\nfor_s = 100\nseller = "uni-lab"\n'
SEEN = (
    *("A short peak", "Cost against violations", "slo_violation_pct", "threshold, seed 7"),
    *("load, requests/s", "cost so far, credits", "headroom sim run", "needed", "00:10"),
)
CUT_OFF = """
[...document.querySelectorAll('h1, h2, h3, p, li, figcaption, .axis span, .lane i')]
  .filter((each) => each.innerText && each.checkVisibility())
  .filter((each) => {
    const box = each.getBoundingClientRect();
    return box.left < 0 || box.right > document.documentElement.clientWidth + 1;
  })
  .map((each) => each.innerText)
"""


def test_the_page_of_a_run_in_a_browser(tmp_path: Path) -> None:
    file, page = tmp_path / "scene.toml", tmp_path / "page.html"
    file.write_text(scene(TRADERS + FAULT), encoding="utf-8")
    done = CliRunner().invoke(app, ["run", str(file), "--jobs", "1", "--report", str(page)])
    assert done.exit_code == 0, done.output

    async def main() -> None:
        async with chromium() as browser:
            seen = [
                await looks(browser, page, width, scheme)
                for width in (1280, 400)
                for scheme in ("light", "dark")
            ]
            assert len(set(seen)) == len(seen), "each size and scheme looks its own way"

    asyncio.run(main())


async def looks(browser: Browser, page: Path, width: int, scheme: str) -> bytes:
    """Return a picture of the page after everything about it was found right."""
    tab = await browser.open("about:blank", width, 900)
    await tab.ask("Log.enable")
    await tab.ask(
        "Emulation.setEmulatedMedia",
        features=[{"name": "prefers-color-scheme", "value": scheme}],
    )
    await tab.go(page.as_uri())
    for text in SEEN:
        await tab.page_says(text)
    assert tab.requested == [page.as_uri()], "nothing is asked for anywhere"
    assert tab.errors == []
    assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), "it fits"
    assert await tab.run(CUT_OFF) == []
    light = await tab.run("getComputedStyle(document.body).backgroundColor")
    assert light == ("rgb(251, 250, 247)" if scheme == "light" else "rgb(15, 19, 23)")
    drawn = await tab.run("document.querySelector('path.ready').getBoundingClientRect().width")
    assert drawn > 0
    await prints(tab)
    picture = await tab.picture()
    await tab.close()
    return picture


async def prints(tab: Tab) -> None:
    answer = await tab.ask("Page.printToPDF", printBackground=True)
    assert base64.b64decode(answer["data"]).startswith(b"%PDF-")
