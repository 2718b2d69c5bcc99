"""The pages of a simulated run and of a decision in Chromium: they can be read, wide and narrow,
light and dark.

Seen to fail: the number of a fault on that of another, the last times of an axis, the names of
points, a table of all metrics that is wider than the window.
"""

import asyncio
import base64
from pathlib import Path

from typer.testing import CliRunner

from sim.cli.app import app
from tests.e2e.web.browser import Browser, Tab, chromium
from tests.sim.scenes import PAPER_RULES, TRADERS, paper, scene, seller

FAULT = '[[fault]]\nkind = "host_crash"\nat_s = 400\nfor_s = 100\nseller = "uni-lab"\n'
SEEN = (
    *("A short peak", "Cost against violations", "slo_violation_pct", "threshold, seed 7"),
    *("load, requests/s", "cost so far, credits", "headroom sim run", "needed", "00:10"),
    *("violated requests, %", "host crash of uni-lab"),
)
CHOICES = """
[spares]
cost_per_unit_hour = 40.0
[slo]
credits_per_million_violated = 2.0
[policy.none]
[policy.static]
units = 3
[policy.own]
spares = 3
[policy.rules]
"""
DECIDED = (
    *("On paper", "total cost, credits (logarithmic scale)", "What it cost", "rules ★"),
    *("more than the best, credits", "What was waited for", "own, seed 1"),
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
ON_EACH_OTHER = """
['.axis', '.lane > div', '.field'].flatMap((place) => [...document.querySelectorAll(place)])
  .filter((place) => !place.querySelector('i')?.innerText.match(/[▲▽•]/))
  .flatMap((place) => {
    const each = [...place.querySelectorAll('span:not(.point), .lane i, .dot, .point b')]
      .filter((one) => one.innerText && one.checkVisibility());
    return each.flatMap((one, index) => each.slice(index + 1).map((other) => [one, other]));
  })
  .filter(([one, other]) => {
    const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    return across > 1 && down > 3;
  })
  .map((pair) => pair.map((each) => each.innerText).join(' on '))
"""
TOO_WIDE = """
[...document.querySelectorAll('.scroll')]
  .filter((each) => each.scrollWidth > each.clientWidth)
  .map((each) => each.innerText.slice(0, 80))
"""


def test_the_page_of_a_run_in_a_browser(tmp_path: Path) -> None:
    file, page = tmp_path / "scene.toml", tmp_path / "page.html"
    file.write_text(scene(TRADERS + FAULT + FAULT), encoding="utf-8")
    done = CliRunner().invoke(app, ["run", str(file), "--jobs", "1", "--report", str(page)])
    assert done.exit_code == 0, done.output
    asyncio.run(seen_everywhere(page, SEEN, "path.ready"))


def test_the_page_of_a_decision_in_a_browser(tmp_path: Path) -> None:
    """One choice costs a hundred times as much as the others, and some cost nearly the same."""
    file, page = tmp_path / "scene.toml", tmp_path / "page.html"
    text = paper(
        seller("dc", 4, 0.06), CHOICES, PAPER_RULES, duration_s=7800, more="seed = 1\nruns = 2\n"
    )
    file.write_text(text, encoding="utf-8")
    vary = ["--vary", "policy.static.units=1..5"]
    done = CliRunner().invoke(
        app, ["decide", str(file), *vary, "--jobs", "1", "--report", str(page)]
    )
    assert done.exit_code == 0, done.output
    asyncio.run(seen_everywhere(page, DECIDED, "path.need"))


async def seen_everywhere(page: Path, texts: tuple[str, ...], drawn: str) -> None:
    async with chromium() as browser:
        seen = [
            await looks(browser, page, texts, drawn, width, scheme)
            for width in (1280, 400)
            for scheme in ("light", "dark")
        ]
        assert len(set(seen)) == len(seen), "each size and scheme looks its own way"


async def looks(
    browser: Browser, page: Path, texts: tuple[str, ...], drawn: str, width: int, scheme: str
) -> bytes:
    """Return a picture of the page after everything about it was found right."""
    tab = await browser.open("about:blank", width, 900)
    await tab.ask("Log.enable")
    await tab.ask(
        "Emulation.setEmulatedMedia",
        features=[{"name": "prefers-color-scheme", "value": scheme}],
    )
    await tab.go(page.as_uri())
    for text in texts:
        await tab.page_says(text)
    assert tab.requested == [page.as_uri()], "nothing is asked for anywhere"
    assert tab.errors == []
    assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), "it fits"
    assert await tab.run(CUT_OFF) == []
    assert await tab.run(ON_EACH_OTHER) == []
    assert width < 1280 or await tab.run(TOO_WIDE) == []
    light = await tab.run("getComputedStyle(document.body).backgroundColor")
    assert light == ("rgb(251, 250, 247)" if scheme == "light" else "rgb(15, 19, 23)")
    assert await tab.run(f"document.querySelector('{drawn}').getBoundingClientRect().width > 0")
    await prints(tab)
    picture = await tab.picture()
    await tab.close()
    return picture


async def prints(tab: Tab) -> None:
    answer = await tab.ask("Page.printToPDF", printBackground=True)
    assert base64.b64decode(answer["data"]).startswith(b"%PDF-")
