"""The application draws every screen of Textual's at every depth of colour."""

import asyncio

import pytest
from textual.widgets import Footer

from tests.tui.market import SYMBOL
from tui.app import HeadroomApp
from tui.demo.scripted import ScriptedLink
from tui.palettes import Depth


@pytest.mark.parametrize("depth", ["16", "none"])
def test_every_screen_is_drawn(depth: Depth, monkeypatch: pytest.MonkeyPatch) -> None:
    """(Without colours the styles of a screen may name no variable that its theme lacks.)"""
    monkeypatch.delenv("NO_COLOR", raising=False)
    if depth == "none":
        monkeypatch.setenv("NO_COLOR", "1")
    asyncio.run(_walk(depth))


async def _walk(depth: Depth) -> None:
    link = ScriptedLink()
    app = HeadroomApp(link, now_ms=link.now_ms, symbol=SYMBOL, depth=depth)
    async with app.run_test(size=(100, 30)) as pilot:
        await link.open()
        await link.settled()
        for keys in ("question_mark", "slash", "ctrl+p"):
            await pilot.press(keys)
            await pilot.pause()
            assert len(app.screen_stack) == 3
            await pilot.press("escape")
        await pilot.press("d", "b", "enter")
        assert app.screen.query_one(Footer).region.height == 1
        assert "<svg" in app.export_screenshot()
        await link.close()
