"""Forms under quick keys: what is typed after Enter belongs to the next field, or to nothing."""

from textual.events import Key

from tests.tui.test_app import SMALL, Stand, play
from tui.screens.form import FormScreen
from tui.screens.sheet import SheetScreen
from tui.view.form import Checked, Form, FormField, Values
from tui.view.sheet import Field, Mistakes

FIELDS = (FormField("price", "price", "0.019"), FormField("total", "total", "2"))


async def quick(s: Stand, *keys: str) -> None:
    """Press keys faster than the terminal takes them."""
    for key in keys:
        s.app.post_message(Key(key, key if len(key) == 1 else "\r"))
    await s.pilot.pause()
    await s.pilot.pause()


def test_keys_after_enter_do_not_go_into_the_field_before() -> None:
    """(Seen to fail: 0.018 and 3 came out as a price of 0.0183; 3 and 9 as a total of 39.)"""
    answers: list[dict[str, str] | None] = []
    form = Form("Replace", FIELDS, lambda values: Checked(True, ""))

    async def scene(s: Stand) -> None:
        await s.app.push_screen(FormScreen(form), answers.append)
        await s.pilot.pause()
        await quick(s, *"0.018", "enter", "3", "enter", "9")

    play(SMALL, scene)
    assert answers == [{"price": "0.018", "total": "3"}]


def test_a_form_that_refuses_may_be_typed_into_again() -> None:
    answers: list[dict[str, str] | None] = []

    def check(values: Values) -> Checked:
        return Checked(values["total"] == "35", "")

    async def scene(s: Stand) -> None:
        await s.app.push_screen(FormScreen(Form("Replace", FIELDS, check)), answers.append)
        await s.pilot.pause()
        await quick(s, "enter", "3", "enter", "backspace", "9")
        await quick(s, "5", "enter")

    play(SMALL, scene)
    assert answers == [{"price": "0.019", "total": "35"}]


def test_a_sheet_sends_what_was_typed_before_enter() -> None:
    """(Seen to fail: ``util > 7`` and keys behind Enter came out as ``util > 7999``.)"""
    sent: list[dict[str, str]] = []
    answers: list[dict[str, str] | None] = []

    async def send(values: dict[str, str]) -> Mistakes:
        sent.append(dict(values))
        return {"when": "no such word"} if len(sent) == 1 else {}

    async def scene(s: Stand) -> None:
        fields = (Field("name", ""), Field("when", ""))
        form = SheetScreen("Rule", fields, lambda values: {}, send, "write it")
        await s.app.push_screen(form, answers.append)
        await s.pilot.pause()
        await quick(s, *"peak", "down", *"util > 7", "enter", *"999")
        assert "no such word" in str(form.query_one("#of-when").render())
        await quick(s, "5", "enter", "9")

    play(SMALL, scene)
    assert [each["when"] for each in sent] == ["util > 7", "util > 75"]
    assert answers == [{"name": "peak", "when": "util > 75"}]
