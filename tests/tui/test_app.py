"""The application under key presses, at both sizes, on a scripted market."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from exchange.cli.common import EXIT_INTERRUPTED
from exchange.wire.requests import LeaseRelease, OrderCancel, OrderMassCancel, OrderPlace
from exchange.wire.types import Request
from tui.actions import MARKET
from tui.app import HeadroomApp
from tui.demo.scripted import SYMBOLS, ScriptedLink
from tui.link import Down, NoAnswerError, RefusedError, Up
from tui.screens.find import FindScreen
from tui.screens.help import HelpScreen
from tui.view.layout import Pane
from tui.view.text import money_text

SYMBOL = "small.eu-de.flat.spot"
SMALL, LARGE = (80, 24), (160, 50)
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE])


class Stand:
    """An application on a scripted link, and what a test asks of them."""

    def __init__(self, link: ScriptedLink, app: HeadroomApp, pilot: Pilot[int]) -> None:
        self.link, self.app, self.pilot = link, app, pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        """Let the terminal take and draw all that was pushed."""
        async with asyncio.timeout(10):
            await self.link.settled()
        await self.pilot.pause()
        self.app.redraw()

    def text(self, pane: Pane) -> str:
        market = self.app.market
        assert market is not None
        return market.views[pane].text

    def sent(self) -> list[Request]:
        return self.link.requests


@asynccontextmanager
async def stand(
    size: tuple[int, int], who: str = "acme", symbol: str = SYMBOL, link: ScriptedLink | None = None
) -> AsyncIterator[Stand]:
    link = link or ScriptedLink(who=who)
    app = HeadroomApp(
        link, read_only=not who, now_ms=link.now_ms, session_name="test", symbol=symbol
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        await link.open()
        standing = Stand(link, app, pilot)
        await standing.settle()
        yield standing
        await link.close()


def play(
    size: tuple[int, int], scene: Callable[[Stand], Awaitable[None]], who: str = "acme"
) -> None:
    async def run() -> None:
        async with stand(size, who) as standing:
            await scene(standing)

    asyncio.run(run())


@SIZES
def test_the_market_is_on_screen(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        assert SYMBOL in s.text("head")
        assert "live" in s.text("head")
        assert "0.0311" in s.text("ladder")
        assert "▲" in s.text("tape") or "▼" in s.text("tape")
        assert "1,000.0000" in s.text("money")

    play(size, scene)


@SIZES
def test_every_row_of_every_pane_fills_its_place(size: tuple[int, int]) -> None:
    """Nothing clipped, nothing out of line: each line is exactly as wide as its pane."""

    async def scene(s: Stand) -> None:
        await s.press("b", "enter", "enter", "up", "up", "s", "enter", "enter")
        s.link.play(SYMBOL, 60)
        await s.settle()
        market = s.app.market
        assert market is not None
        for pane, view in market.views.items():
            if view.size.width and view.text:
                widths = {len(line) for line in view.text.split("\n")}
                assert widths == {view.size.width}, pane
                assert len(view.text.split("\n")) == view.size.height, pane

    play(size, scene)


@SIZES
def test_buy_arm_confirm_sends_one_order_and_the_fill_shows(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        best = min(s.link.market.asks[SYMBOL])
        ladder = s.app.desk.grid()
        assert ladder is not None
        steps = (best - ladder.cursor_ucr) // ladder.step_ucr
        await s.press(*["up"] * steps, "b", "q", "2", "enter", "enter")
        assert s.sent() == []
        assert f"holds {money_text(2 * best)} for 1 h" in s.text("ticket")
        await s.press("enter")
        assert s.sent() == [
            OrderPlace(
                req_id=1,
                client_order_id="tui/test/1",
                symbol=SYMBOL,
                side="buy",
                order_type="limit",
                qty=2,
                price_ucr=best,
            )
        ]
        assert "● mine" in s.text("tape")
        assert "Bought 2" in s.text("ticket")
        await s.press("5")
        assert "rent" in s.text("leases")

    play(size, scene)


@SIZES
def test_escape_disarms_and_then_drops(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "enter")
        assert "ARMED" in s.text("ticket")
        await s.press("escape")
        assert "not armed" in s.text("ticket")
        await s.press("escape", "enter", "enter")
        assert s.sent() == []

    play(size, scene)


def test_a_moved_cursor_or_a_changed_ticket_needs_arming_again() -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "enter", "right", "enter")
        assert s.sent() == []
        await s.press("enter")
        assert [getattr(one, "qty", 0) for one in s.sent()] == [2]

    play(SMALL, scene)


@SIZES
def test_a_refusal_is_said_in_plain_words_and_the_ticket_stays(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        s.link.refuse_next = RefusedError("insufficient_funds", "needs 9, has 3", "qty")
        await s.press("b", "enter", "enter")
        assert "Refused: not enough money: needs 9, has 3" in s.text("ticket")
        assert s.app.desk.dealing.ticket.stage == "staged"

    play(size, scene)


def test_no_answer_is_said_and_nothing_is_sent_again_by_itself() -> None:
    async def scene(s: Stand) -> None:
        s.app.session.link = Lost(s.link)
        await s.press("b", "enter", "enter")
        assert "No answer" in s.text("ticket")
        assert s.app.desk.dealing.ticket.stage == "idle"

    play(SMALL, scene)


class Lost(ScriptedLink):
    """A link whose requests are never answered."""

    def __init__(self, other: ScriptedLink) -> None:
        super().__init__()
        self.market = other.market

    async def request(self, message: Request) -> object:
        raise NoAnswerError("connection lost")


def test_a_market_order_needs_no_price_and_is_ioc() -> None:
    async def scene(s: Stand) -> None:
        await s.press("s", "t", "enter", "enter")
        order = s.sent()[0]
        assert isinstance(order, OrderPlace)
        assert (order.order_type, order.price_ucr, order.time_in_force) == ("market", None, "ioc")

    play(SMALL, scene)


@SIZES
def test_cancel_here_goes_at_once_and_cancel_all_asks_first(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "enter", "enter", "c")
        assert isinstance(s.sent()[-1], OrderCancel)
        await s.press("b", "enter", "enter", "x")
        assert "Cancel your one open order?" in s.text("ticket")
        await s.press("escape", "enter")
        assert not any(isinstance(one, OrderMassCancel) for one in s.sent())
        await s.press("x", "enter")
        assert isinstance(s.sent()[-1], OrderMassCancel)

    play(size, scene)


def test_a_lease_is_released_after_a_question() -> None:
    async def scene(s: Stand) -> None:
        await s.press("up", "up", "up", "b", "enter", "enter", "5", "r")
        assert "Release l-1" in s.text("ticket")
        await s.press("enter")
        assert s.sent()[-1] == LeaseRelease(req_id=1, lease_id="l-1")

    play(SMALL, scene)


def test_watching_only_sends_nothing() -> None:
    async def scene(s: Stand) -> None:
        assert "watching only" in s.text("ticket")
        await s.press("b", "enter", "enter", "x", "enter")
        assert s.sent() == []
        assert "Read-only" in s.text("ticket")

    play(SMALL, scene, who="")


@SIZES
def test_a_lost_connection_shows_stale_holds_orders_and_comes_back(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "enter")
        s.link.push(Down("reset by peer"))
        await s.settle()
        assert "STALE" in s.text("head")
        await s.press("enter", "enter")
        assert s.sent() == []
        s.link.push(Up("acme"))
        await s.settle()
        assert "live" in s.text("head")
        await s.press("enter", "enter")
        assert len(s.sent()) == 1

    play(size, scene)


def test_silence_is_stale_by_heartbeat_age() -> None:
    async def scene(s: Stand) -> None:
        s.link.market.now_ms += 5_000
        await s.press("up")
        assert "STALE 5 s" in s.text("head")

    play(SMALL, scene)


def test_search_shows_another_instrument() -> None:
    async def scene(s: Stand) -> None:
        await s.press("slash")
        assert isinstance(s.app.screen, FindScreen)
        await s.press(*"large fr")
        assert s.app.screen.query_one(OptionList).option_count == 1
        assert s.app.screen.query_one(Input).value == "large fr"
        await s.press("enter")
        assert s.app.desk.symbol == "large.eu-fr.flat.spot"
        assert "large.eu-fr.flat.spot" in s.text("head")

    play(SMALL, scene)


def test_panes_switch_by_number_and_tab_when_compact() -> None:
    async def scene(s: Stand) -> None:
        for key, pane in (("3", "DEPTH"), ("4", "ORDERS"), ("6", "INSTRUMENTS"), ("tab", "TAPE")):
            await s.press(key)
            assert pane in s.text(s.app.desk.side)

    play(SMALL, scene)


def test_an_instrument_is_picked_from_the_list() -> None:
    async def scene(s: Stand) -> None:
        await s.press("6", "down", "enter")
        assert s.app.desk.symbol == SYMBOLS[1]
        assert s.app.desk.focus == "ladder"

    play(LARGE, scene)


def test_resizing_reflows() -> None:
    async def scene(s: Stand) -> None:
        await s.pilot.resize_terminal(*LARGE)
        await s.settle()
        assert "INSTRUMENTS" in s.text("instruments")
        await s.pilot.resize_terminal(50, 12)
        await s.settle()
        assert "Headroom needs" in s.text("small")
        await s.pilot.resize_terminal(*SMALL)
        await s.settle()
        assert s.text("ladder").count("\n") == 15

    play(SMALL, scene)


def test_help_theme_and_palette_know_every_action() -> None:
    async def scene(s: Stand) -> None:
        await s.press("question_mark")
        assert isinstance(s.app.screen, HelpScreen)
        await s.press("escape", "d")
        assert s.app.theme == "headroom-light"
        commands = [one.title for one in s.app.get_system_commands(s.app.screen)]
        wanted = [f"{action.title}  ({action.keys_text})" for action in MARKET]
        assert commands[: len(wanted)] == wanted
        await s.press("ctrl+p", *"coarser", "enter")
        await s.pilot.pause()
        grid = s.app.desk.grid()
        assert grid is not None
        assert grid.chosen

    play(SMALL, scene)


def test_a_click_on_the_ladder_puts_the_cursor_there() -> None:
    async def scene(s: Stand) -> None:
        grid = s.app.desk.grid()
        assert grid is not None
        await s.pilot.click("#pane-ladder", offset=(20, 5))
        await s.settle()
        assert s.app.desk.grids[SYMBOL].cursor_ucr == grid.top_ucr - 3 * grid.step_ucr
        await s.pilot.click("#pane-orders", offset=(5, 3))
        assert s.app.desk.focus == "orders"

    play(LARGE, scene)


def test_only_changed_rows_are_drawn() -> None:
    async def scene(s: Stand) -> None:
        market = s.app.market
        assert market is not None
        before = market.views["ladder"].drawn_rows
        s.link.play(SYMBOL, 1)
        await s.settle()
        assert market.views["ladder"].drawn_rows - before < 8

    play(LARGE, scene)


@pytest.mark.parametrize(("key", "code"), [("ctrl+q", 0), ("ctrl+c", EXIT_INTERRUPTED)])
def test_leaving(key: str, code: int) -> None:
    async def scene(s: Stand) -> None:
        await s.pilot.press(key)
        assert s.app.return_code == code

    play(SMALL, scene)
