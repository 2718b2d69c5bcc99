"""`make demo-web` as a visitor meets it: every tab of its session has something to show."""

import asyncio
from pathlib import Path

import pytest

from tests.e2e.web.browser import chromium
from tests.e2e.web.processes import web_terminal

SHOWN = {
    "F3": "group/",
    "F5": "rack-7",
    "F6": "eu-fr",
    "F7": "worker",
    "F8": "burst",
    "F9": "bad_day",
    "F10": "fill",
    "F4": "active",
}
"""What each tab has from the start, or soon."""


def test_every_tab_of_the_demo_in_a_browser(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(short_path))

    async def main() -> None:
        async with (
            web_terminal(short_path, "demo", "--web", "127.0.0.1:0") as server,
            chromium() as browser,
        ):
            tab = await browser.open(server.link)
            await tab.shows("TRY THIS")
            for key, text in SHOWN.items():
                await tab.press(key)
                await tab.shows(text)
            await tab.press("F2")
            await tab.shows("LADDER")
            await tab.press("0")
            await tab.until(lambda each: "TRY THIS" not in each.screen.text, "the card is closed")
            await tab.close()

    asyncio.run(main())
