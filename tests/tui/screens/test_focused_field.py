"""The field that has the keys is marked in every theme and at every depth, also without colour."""

import asyncio
from typing import Any

import pytest
from rich.style import Style
from textual.screen import Screen
from textual.widgets import Label

from tests.tui.market import SYMBOL
from tui.app import HeadroomApp
from tui.demo.scripted import ScriptedLink
from tui.palettes import DEPTHS, PALETTES, Depth
from tui.screens.form import FormScreen
from tui.screens.sheet import SheetScreen
from tui.view.form import Checked, Form, FormField
from tui.view.sheet import Field, Mistakes

NAMES = ("price", "total")
BAR = "▌"


def right(values: object) -> Mistakes:
    return {}


def forms() -> list[Screen[Any]]:
    fields = tuple(FormField(name, name, "1") for name in NAMES)
    sheet = SheetScreen("Rule", [Field(name, "", "1") for name in NAMES], right, None, "write")
    return [FormScreen(Form("Replace", fields, lambda values: Checked(True, ""))), sheet]


def marked(app: HeadroomApp) -> tuple[list[str], list[Style]]:
    """Return the fields with the bar before their name, and each name's style."""
    found, styles = [], []
    for label in app.screen.query(".field-row Label").results(Label):
        x, y = label.region.offset
        row = list(app.screen._compositor.render_strips()[y].crop(x - 1, x + 1))
        text = "".join(segment.text for segment in row)
        found += [str(label.render())] * (text[0] == BAR)
        styles += [segment.style for segment in row[-1:] if segment.style]
    return found, styles


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("theme", PALETTES)
def test_one_field_is_marked_and_the_mark_goes_with_the_keys(
    theme: str, depth: Depth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if depth == "none":
        monkeypatch.setenv("NO_COLOR", "1")

    async def scene() -> None:
        link = ScriptedLink()
        app = HeadroomApp(link, now_ms=link.now_ms, symbol=SYMBOL, depth=depth, theme=theme)
        async with app.run_test(size=(80, 24)) as pilot:
            for form in forms():
                app.push_screen(form)
                await pilot.pause()
                for name in NAMES:
                    found, styles = marked(app)
                    assert found == [name]
                    assert [style.reverse for style in styles].count(True) == 1
                    await pilot.press("tab")
                app.pop_screen()

    asyncio.run(scene())
