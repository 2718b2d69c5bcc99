"""Keys typed faster than forms come up: each belongs to the form, in the order it was pressed."""

import asyncio

import pytest
from textual.events import Key

from manager.control.requests import ControlRequest, RuleRead
from tests.tui.screens.test_automation import Asked, at_work
from tests.tui.test_app import LARGE, SMALL, Stand, play
from tui.screens.form import FormScreen
from tui.screens.sheet import SheetScreen
from tui.view.form import Checked, Form, FormField
from tui.widgets.field import Field


def quick(s: Stand, *keys: str) -> None:
    """Press keys without waiting for what they do."""
    for key in keys:
        s.app.post_message(Key(key, key if len(key) == 1 else None))


async def until_typed(s: Stand, name: str, text: str) -> None:
    async with asyncio.timeout(10):
        while not any(one.value == text for one in s.app.screen.query(f"#{name}").results(Field)):
            await s.pilot.pause()


class Slow(Asked):
    """A Manager that answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()

    async def request(self, message: ControlRequest) -> object:
        if isinstance(message, RuleRead):
            await self.may_answer.wait()
            return {"rule": {"name": "burst", "when": "util > 70 for 2m", "do": "buy 2"}}
        return await super().request(message)


def test_text_after_an_editing_key_comes_after_it() -> None:
    async def scene(s: Stand) -> None:
        await s.press("f8")
        at_work(s)
        await s.press("n", "down")
        quick(s, *"util > 70", "home", "x", "end", "backspace", "backspace", *"50")
        await until_typed(s, "field-when", "xutil > 50")
        quick(s, "ctrl+u", *"util > 30")
        await until_typed(s, "field-when", "util > 30")

    play(LARGE, scene)


def test_text_after_the_key_that_opens_a_form_is_the_forms() -> None:
    async def scene(s: Stand) -> None:
        await s.press("f8")
        at_work(s)
        quick(s, "n", *"stops")
        await until_typed(s, "field-name", "stops")

    play(LARGE, scene)


def test_keys_wait_while_the_manager_is_asked_for_the_form() -> None:
    """`p` and `s` in a rule's text must not pause the rule or stop all buying."""

    async def scene(s: Stand) -> None:
        await s.press("f8")
        at_work(s)
        slow = Slow()
        s.app.shared.farm_link = slow  # type: ignore[assignment]
        await s.press("home")  # now the rules are listed
        quick(s, "e", "ctrl+u", *"sp > 5")
        await s.pilot.pause()
        slow.may_answer.set()
        await until_typed(s, "field-when", "sp > 5")
        assert isinstance(s.app.screen, SheetScreen)
        assert slow.requests == []

    play(LARGE, scene)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_enter_before_the_form_is_up_goes_to_its_next_field(size: tuple[int, int]) -> None:
    answers: list[dict[str, str] | None] = []
    fields = (FormField("price", "price", "0.019"), FormField("total", "total", "2"))
    form = Form("Replace", fields, lambda values: Checked(True, ""))

    async def scene(s: Stand) -> None:
        s.app.push_screen(FormScreen(form), answers.append)
        quick(s, *"0.018", "enter", "3", "enter")
        async with asyncio.timeout(10):
            while not answers:
                await s.pilot.pause()

    play(size, scene)
    assert answers == [{"price": "0.018", "total": "3"}]
