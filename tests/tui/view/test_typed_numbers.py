"""A typed or pasted number means what it says or nothing at all."""

import string
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual import events

from exchange.units import MAX_QTY, UCR_PER_CREDIT
from tests.tui.market import instrument
from tests.tui.test_app import SMALL, Stand, play
from tui.view.entry import TYPED, Fault
from tui.view.prompts import Field, Typing
from tui.view.text import span, width_of

SLIPS = {
    "0,04": "','",
    "1 000": "a space",
    "1'000": "'''",
    "4x": "'x'",
    "0.04-": "'-'",
    "1e3": "'e'",
    "４": "'�'",
    "1\n0": "'�'",
}
KEY_NAMES = {",": "comma", " ": "space", "'": "apostrophe", ".": "full_stop", "-": "minus"}
BY_KEY = [slip for slip in SLIPS if slip.isascii() and slip.isprintable()]


def key_names(text: str) -> list[str]:
    return [KEY_NAMES.get(character, character) for character in text]


@pytest.mark.parametrize("prompt", ["q", "p"])
@pytest.mark.parametrize("slip", BY_KEY)
def test_a_typed_slip_is_refused_whole(slip: str, prompt: str) -> None:
    """(Seen to fail: the comma was left out, and 0,04 became 4.0000.)"""

    async def scene(s: Stand) -> None:
        await s.press("b")
        before = s.app.desk.dealing.ticket
        await s.press(prompt, *key_names(slip))
        assert f"{SLIPS[slip]} is in no number" in s.text("ticket")
        await s.press("enter", "enter", "enter")
        assert s.sent() == []
        assert s.app.desk.dealing.ticket == before
        await s.press("escape", "enter")
        assert s.app.desk.dealing.ticket == before.armed()

    play(SMALL, scene)


@pytest.mark.parametrize("prompt", ["q", "p"])
@pytest.mark.parametrize("slip", SLIPS)
def test_a_pasted_slip_is_refused_whole(slip: str, prompt: str) -> None:
    async def scene(s: Stand) -> None:
        await s.press("b")
        before = s.app.desk.dealing.ticket
        await s.press(prompt)
        s.app.post_message(events.Paste(slip))
        await s.press("enter", "enter")
        assert f"{SLIPS[slip]} is in no number" in s.text("ticket")
        assert s.app.desk.dealing.ticket == before

    play(SMALL, scene)


def test_a_pasted_price_is_taken_and_arms_nothing() -> None:
    """(Seen to fail: a paste did nothing at all.)"""

    async def scene(s: Stand) -> None:
        await s.press("b", "p")
        s.app.post_message(events.Paste(" 0.0312\n"))
        await s.settle()
        assert "price 0.0312▏" in s.text("ticket")
        await s.press("enter")
        assert s.app.desk.dealing.ticket.price_ucr == 31_200
        s.app.post_message(events.Paste("\n\nx"))
        await s.settle()
        assert s.app.desk.dealing.ticket.stage == "staged"

    play(SMALL, scene)


def test_the_slip_can_be_taken_back() -> None:
    typing = Typing("price").with_typed("0,").without_last().with_typed(".04")
    assert (typing.read(), typing.fault) == (40_000, "")


TYPABLE = st.one_of(st.sampled_from(TYPED + ", '_-+e"), st.characters(), st.just("backspace"))


@settings(deadline=None)
@given(st.sampled_from(["price", "quantity"]), st.lists(TYPABLE, max_size=60))
def test_what_is_read_is_what_is_shown(field: Field, keys: list[str]) -> None:
    """Whatever is typed or pasted: never another number than the one on screen."""
    typing = Typing(field, instrument=instrument(tick_ucr=1))
    for key in keys:
        typing = typing.without_last() if key == "backspace" else typing.with_typed(key)
    text, read = typing.text, typing.read()
    assert width_of((span(text),)) == len(text)
    if isinstance(read, Fault):
        return
    assert set(text) <= set(string.digits + ".")
    scale = UCR_PER_CREDIT if field == "price" else 1
    assert Decimal(text) * scale == read


@pytest.mark.parametrize("field", ["price", "quantity"])
def test_too_long_is_refused_and_not_cut(field: Field) -> None:
    """(Seen to fail: the 13th digit was left out.)"""
    typing = Typing(field).with_typed("0" * 12 + str(MAX_QTY))
    assert isinstance(typing.read(), Fault)
    assert "longer than" in typing.fault
