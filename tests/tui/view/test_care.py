"""What keeps a trader from harm: slips of the finger, prices, messages, the first screen."""

import asyncio
import string

import pytest
from msgspec import to_builtins
from msgspec.structs import replace
from textual import events
from textual.widgets import OptionList
from textual.widgets._footer import FooterKey

from exchange.wire.frames import Heartbeat
from exchange.wire.requests import OrderCancel
from exchange.wire.types import Channel
from tests.tui.market import lease
from tests.tui.test_app import LARGE, SIZES, SMALL, SYMBOL, Stand, play, stand
from tui.demo.scripted import SYMBOLS, ScriptedLink
from tui.link import Down, Up

PLANTED = [name for name in string.ascii_letters if name != "q"]
PLANTED += ["space", "tab", "slash", "right", "left", "up", "plus", "question_mark", "ctrl+p", "f1"]


@pytest.mark.parametrize("prompt", ["q", "p"])
def test_while_a_number_is_typed_no_other_key_does_anything(prompt: str) -> None:
    """Letting `on_key` pass what is no digit, as before, cancels the order at the first `c`."""

    async def scene(s: Stand) -> None:
        await s.press("b", "enter", "enter", "b", prompt)
        before = len(s.sent())
        # All at once, then settle: a key that acts would leave the prompt or send something.
        await s.press(*PLANTED, "7", "x", "c", "q", "enter")
        typing = s.app.desk.dealing.typing
        assert typing is not None
        assert "is in no number" in s.text("ticket")
        assert len(s.sent()) == before
        assert s.app.theme == "headroom-dark"
        await s.press("escape", "escape", "c")
        assert isinstance(s.sent()[-1], OrderCancel)

    play(SMALL, scene)


def test_keys_that_come_all_at_once_keep_their_order() -> None:
    """With Textual's bindings, which run later, the prompt lost these digits (tried)."""

    async def scene(s: Stand) -> None:
        for key in ("b", "q", "1", "2", "0"):
            s.app.post_message(events.Key(key, key))
        await s.settle()
        await s.press("enter")
        assert s.app.desk.dealing.ticket.qty == 120

    play(SMALL, scene)


def test_a_click_on_the_footer_or_the_palette_cannot_pass_the_prompt_by() -> None:
    """Without the check in `action_act` this cancels the order (tried)."""

    async def scene(s: Stand) -> None:
        await s.press("b", "enter", "enter", "q")
        market = s.app.market
        assert market is not None
        for name in ("cancel", "cancel_all"):
            await market.action_act(name)
        await s.settle()
        assert len(s.sent()) == 1
        assert s.app.desk.dealing.question is None

    play(SMALL, scene)


@SIZES
def test_a_price_off_the_tick_is_refused_at_the_prompt(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "p", *"0.03005", "enter")
        assert "0.0300 or 0.0301" in s.text("ticket")
        await s.press("backspace", "enter")
        assert "0.0300" in s.text("ticket")
        await s.press("enter", "enter")
        assert [getattr(one, "price_ucr", 0) for one in s.sent()] == [30_000]

    play(size, scene)


@SIZES
def test_a_band_that_moved_holds_an_order_back(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await s.press("b")
        known = s.app.desk.model.instruments[SYMBOL]
        known.band_low_ucr, known.band_high_ucr = 50_000, 60_000
        await s.press("enter", "enter")
        assert "Not armed: outside the band, 0.0500 to 0.0600" in s.text("ticket")
        assert s.sent() == []

    play(size, scene)


def test_a_new_ticket_takes_the_old_message_away() -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "enter", "enter")
        assert "Working" in s.text("ticket")
        await s.press("b")
        assert "Working" not in s.text("ticket")
        assert "Enter arms" in s.text("ticket")

    play(SMALL, scene)


@SIZES
def test_enter_says_why_nothing_is_sent_while_stale(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "enter")
        s.link.market.now_ms += 5_000
        await s.press("enter")
        assert s.sent() == []
        assert "Not sent: nothing heard for 5 s" in s.text("ticket")
        assert s.app.desk.dealing.ticket.stage == "staged"
        s.link.play(SYMBOL, 1)
        await s.settle()
        assert s.sent() == []

    play(size, scene)


def test_what_held_an_order_back_is_said_no_longer_than_it_does() -> None:
    """(Seen to fail while the message stayed beside the head's `live` until the next key.)"""

    async def scene(s: Stand) -> None:
        await s.press("b")
        s.link.push(Down("reset by peer"))
        await s.press("enter")
        assert "Not armed: connection lost" in s.text("ticket")
        s.link.push(Up("acme"))
        await s.settle()
        assert "Not armed" not in s.text("ticket")
        s.link.push(Down("reset by peer"))
        await s.settle()
        assert "Not armed" not in s.text("ticket"), "it was said of another time"

    play(LARGE, scene)


def test_drawing_changes_nothing() -> None:
    """(Seen to fail while the drawn ticket cleared the message that it showed.)"""

    async def scene(s: Stand) -> None:
        await s.press("b")
        s.link.market.now_ms += 5_000
        await s.press("enter")
        assert "Not armed: nothing heard" in s.text("ticket")
        held, model = s.app.desk.model.message, s.app.desk.model
        s.link.market.now_ms -= 5_000
        s.app.redraw()
        assert model.message is held
        s.link.push(Heartbeat(s.link.market.now_ms, 9))
        await s.settle()
        assert model.message is None

    play(LARGE, scene)


def test_a_force_chosen_before_a_ticket_is_said() -> None:
    """(Seen to fail while `f` and `t` changed the next order without a word.)"""

    async def scene(s: Stand) -> None:
        for key, said in [
            ("f", "Next order: limit ioc."),
            ("t", "Next order: market ioc."),
            ("f", "A market order is always ioc."),
            ("t", "Next order: limit gtc."),
        ]:
            await s.press(key)
            assert said in s.text("ticket")
        await s.press("b", "t", "f")
        assert "A market order is always ioc." in s.text("ticket")

    play(SMALL, scene)


def test_a_search_without_a_hit_says_so() -> None:
    async def scene(s: Stand) -> None:
        await s.press("slash", *"zzz")
        options = s.app.screen.query_one(OptionList)
        assert str(options.get_option_at_index(0).prompt) == "nothing has that in its symbol"
        await s.press("enter")
        assert (s.app.desk.symbol, s.app.screen) == (SYMBOL, s.app.market)

    play(SMALL, scene)


def test_at_the_least_size_help_and_quit_are_in_the_footer() -> None:
    """(Seen to fail while the palette's key took their place.)"""

    async def scene(s: Stand) -> None:
        for size in [(60, 17), LARGE, (60, 17)]:
            await s.pilot.resize_terminal(*size)
            await s.settle()
            shown = {key.description: key.region for key in s.app.screen.query(FooterKey)}
            assert max(shown["Help"].right, shown["Quit"].right) <= size[0]
            assert ("palette" in shown) == (size == LARGE)

    play((60, 17), scene)


class Holding(ScriptedLink):
    """A link of an account that rents something already."""

    def __init__(self, symbol: str) -> None:
        super().__init__()
        self.rented = replace(lease(1), symbol=symbol)

    async def subscribe(self, channel: Channel, symbol: str | None = None) -> object:
        state = await super().subscribe(channel, symbol)
        if isinstance(state, dict):
            state["leases"] = [to_builtins(self.rented)]
        return state


def first_shown(link: ScriptedLink) -> str:
    async def run() -> str:
        async with stand(SMALL, symbol="", link=link) as s:
            return s.app.desk.symbol

    return asyncio.run(run())


def test_the_first_instrument_is_one_the_account_has_something_in() -> None:
    assert first_shown(Holding(SYMBOLS[2])) == SYMBOLS[2]


def test_without_anything_of_ones_own_the_most_active_instrument_comes_first() -> None:
    link = ScriptedLink()
    for symbol in SYMBOLS:
        link.market.trades[symbol] = link.market.trades[symbol][: 2 if symbol != SYMBOL else 30]
    assert first_shown(link) == SYMBOL


@pytest.mark.parametrize(("size", "text"), [((60, 17), ""), ((59, 17), "59 x 17"), ((30, 9), "")])
def test_the_least_size_is_said_as_it_is(size: tuple[int, int], text: str) -> None:
    async def scene(s: Stand) -> None:
        said = " ".join(s.text("small").split())
        small = size != (60, 17)
        assert ("Headroom needs 60 x 17 cells; this terminal has" in said) == small
        assert text in said

    play(size, scene)


def test_at_the_least_size_instruments_can_be_told_apart() -> None:
    async def scene(s: Stand) -> None:
        await s.press("6")
        rows = [row.strip() for row in s.text("instruments").split("\n")[2:] if row.strip()]
        assert len(set(rows)) == len(rows)
        assert "small.eu-de.f.spot" in rows

    play((60, 17), scene)
