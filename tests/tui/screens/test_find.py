"""The Find screen under keys, clicks and the palette, on a scripted link."""

from textual import events
from textual.geometry import Offset

from exchange.wire.frames import DirectorySnapshot
from exchange.wire.requests import OrderPlace
from manager.control.frames import BurstRow, LoadRow, Snapshot
from manager.control.requests import BurstEnd, BurstStart
from tests.tui.test_app import LARGE, SIZES, SMALL, SYMBOL, Stand, play
from tests.tui.test_tabs import ScriptedFarm
from tests.tui.view.test_find_rows import HOSTS, LIBRARY, unit
from tui.link import Down
from tui.screens.form import FormScreen
from tui.screens.offers import OffersScreen
from tui.screens.sure import SureScreen
from tui.widgets.need_pane import NeedPane

UNIT = unit(1, "ready", address="10.0.0.1", port=30_080)
RENTED = BurstRow("+web", "web", True, 28_000, [UNIT])


def screen(s: Stand) -> OffersScreen:
    assert isinstance(s.app.tab, OffersScreen)
    return s.app.tab


def text(s: Stand) -> str:
    find = screen(s)
    shown = [pane.text for pane in find.panes.values() if pane.display]
    return "\n".join([find.need_pane.text, *shown])


async def enter(s: Stand) -> None:
    await s.press("f6")
    s.link.push(DirectorySnapshot(HOSTS))
    await s.settle()


def manager(s: Stand) -> ScriptedFarm:
    """Let a Manager be there."""
    farm = ScriptedFarm()
    s.app.shared.farm_link = farm  # type: ignore[assignment]
    s.app.shared.farm_shows(Snapshot(1, LoadRow(100.0, 1), library=LIBRARY))
    return farm


def said(s: Stand) -> str:
    return s.app.shared.log.entries[-1].text


def test_every_row_fills_its_place() -> None:
    async def scene(s: Stand) -> None:
        await enter(s)
        manager(s)
        for size in (SMALL, (120, 35), LARGE, (200, 60), (60, 17)):
            await s.pilot.resize_terminal(*size)
            await s.settle()
            await s.settle()
            find = screen(s)
            for pane in (find.need_pane, *find.panes.values()):
                if pane.display:
                    rows = pane.text.split("\n")
                    assert {len(row) for row in rows} == {pane.size.width}, size
                    assert len(rows) == pane.size.height, size
            assert "0.0280" in text(s)

    play(SMALL, scene)


def test_a_need_is_typed_by_key_click_and_palette_and_escape_drops_it() -> None:
    async def scene(s: Stand) -> None:
        await enter(s)
        await s.press("n", *"4 small below 0,03", "enter")
        assert "a number has neither comma nor space in it" in text(s)
        await s.press(*["backspace"] * 4, *"0.03 flat", "enter")
        assert "NEED  4 small, below 0.03, flat" in text(s)
        assert "h-3" in text(s)
        await s.press("escape")
        assert "such as" in text(s)
        await s.pilot.click(NeedPane, offset=Offset(10, 0))
        assert screen(s).need.typing
        await s.press("r", "f10", "escape")  # keys are text while it is typed
        assert screen(s).need.text == ""
        await s.press("ctrl+p", *"say what you need", "enter")
        await s.pilot.pause()
        assert screen(s).need.typing

    play(SMALL, scene)


def test_nothing_is_said_of_offers_before_the_exchange_told_them() -> None:
    async def scene(s: Stand) -> None:
        await s.press("f6", "r")
        assert said(s) == "Not sent: the exchange has not yet told what is offered"
        assert "asking the exchange" in text(s)
        assert "None is for sale" not in text(s) and "0 offers" not in text(s)
        s.link.push(DirectorySnapshot([]))
        await s.settle()
        assert "None is for sale" in text(s) and "0 offers of 0 hosts" in text(s)

    play(SMALL, scene)


def test_the_manager_rents_starts_and_gives_back_after_a_question_each() -> None:
    async def scene(s: Stand) -> None:
        await enter(s)
        farm = manager(s)
        await s.press("n", *"2 small in Germany flat", "enter", "r")
        form = s.app.screen
        assert isinstance(form, FormScreen)
        await s.press("down", "enter", "enter", "enter")
        assert isinstance(s.app.screen, SureScreen) and farm.asked == []
        await s.press("escape")
        assert farm.asked == []
        await s.press("r", "enter", "enter", "enter", "enter")
        assert farm.asked == [
            BurstStart(req_id=1, vm="web", units=2, price_max=0.028, zones=["eu-de"])
        ]
        assert screen(s).focus_on == "steps"
        s.app.shared.farm_shows(Snapshot(2, LoadRow(100.0, 1), bursts=[RENTED]))
        await s.settle()
        assert "1 of 1 in the balancer" in text(s)
        await s.press("e", "escape", "e", "enter")
        assert farm.asked[1:] == [BurstEnd(req_id=1, vm="web")]
        s.app.shared.farm_lost("it closed the connection")
        await s.settle()
        assert "RENTED BY HAND · OLD, no Manager answers" in text(s)

    play(SMALL, scene)


def test_without_a_manager_units_are_bought() -> None:
    async def scene(s: Stand) -> None:
        await enter(s)
        await s.press("n", *"2 small in Germany flat", "enter", "r", "enter", "enter")
        assert s.sent() == []
        await s.press("enter")
        [order] = s.sent()
        assert isinstance(order, OrderPlace)
        assert (order.symbol, order.qty, order.price_ucr) == (SYMBOL, 2, 28_000)
        assert order.time_in_force == "ioc"
        await s.press("tab")
        assert "no Manager runs here" in text(s)

    play(SMALL, scene)


def test_a_form_that_is_typed_quickly_takes_each_key_in_its_field() -> None:
    async def scene(s: Stand) -> None:
        await enter(s)
        await s.press("n", *"2 small in Germany flat", "enter", "r")
        form = s.app.screen
        assert isinstance(form, FormScreen)
        written = {"full_stop": ".", "enter": "\r"}
        for key in ("3", "enter", "0", "full_stop", "0", "2", "7"):  # all before the next frame
            s.app.post_message(events.Key(key, written.get(key, key)))
        await s.settle()
        assert form.values == {"units": "3", "ceiling": "0.027"}
        await s.press("escape", "r")
        for _ in form.form.fields:
            s.app.post_message(events.Key("enter", "\r"))
        await s.settle()
        assert isinstance(s.app.screen, SureScreen)

    play(SMALL, scene)


def test_old_prices_are_marked_and_not_acted_on() -> None:
    async def scene(s: Stand) -> None:
        await enter(s)
        await s.press("n", *"small in Germany flat", "enter", "r")
        assert isinstance(s.app.screen, FormScreen)
        s.link.push(Down("the line was cut"))
        await s.settle()
        await s.press("enter", "enter", "enter")
        assert s.sent() == []
        assert said(s).startswith("Not sent: connection lost")
        assert "OFFERS · STALE" in text(s)
        await s.press("r")
        assert isinstance(s.app.screen, OffersScreen)

    play(SMALL, scene)


def test_enter_shows_the_book_of_an_offer() -> None:
    async def scene(s: Stand) -> None:
        await enter(s)
        await s.press("n", *"small in FR", "enter", "enter")
        assert s.app.tab is s.app.market
        assert s.app.desk.symbol == "small.eu-fr.flat.spot"

    play(SMALL, scene)


@SIZES
def test_read_only_offers_no_deal(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await enter(s)
        names = {action.name for action in screen(s).offered}
        assert "find_need" in names and not names & {"find_rent", "find_end"}
        await s.press("r", "e")
        assert isinstance(s.app.screen, OffersScreen)
        assert s.sent() == []

    play(size, scene, who="")
