"""A form under quick keys: what is typed after Enter belongs to the next field."""

from textual.events import Key

from tests.tui.test_app import SMALL, Stand, play
from tui.screens.form import FormScreen
from tui.view.form import Checked, Form, FormField


def test_keys_after_enter_do_not_go_into_the_field_before() -> None:
    """(Seen to fail: a price of 0.018 and a total of 3 came out as a price of 0.0183.)"""
    answers: list[dict[str, str] | None] = []
    fields = (FormField("price", "price", "0.019"), FormField("total", "total", "2"))
    form = Form("Replace", fields, lambda values: Checked(True, ""))

    async def scene(s: Stand) -> None:
        await s.app.push_screen(FormScreen(form), answers.append)
        await s.pilot.pause()
        for key in [*"0.018", "enter", "3", "enter"]:
            s.app.post_message(Key(key, key if len(key) == 1 else "\r"))
        await s.pilot.pause()
        await s.pilot.pause()

    play(SMALL, scene)
    assert answers == [{"price": "0.018", "total": "3"}]
