"""The mouse on the market's panes: cursor, arming, taking, an own order's menu, the wheel."""

import pytest
from msgspec.structs import replace
from textual import events

from exchange.wire.requests import OrderCancel, OrderPlace, OrderReplace
from tests.tui.market import lease, order
from tests.tui.test_app import LARGE, SMALL, SYMBOL, Stand, play
from tui.screens.order_menu import OrderMenu
from tui.view.layout import Pane

BUYS, SELLS = 8, 38
"""Cells of the ladder left and right of its prices."""


def row_of(s: Stand, price_ucr: int) -> int:
    grid = s.app.desk.grid()
    assert grid is not None
    return 2 + (grid.top_ucr - price_ucr) // grid.step_ucr


async def click(
    s: Stand, x: int, y: int, pane: Pane = "ladder", times: int = 1, button: int = 1, **keys: bool
) -> None:
    await s.pilot.click(f"#pane-{pane}", offset=(x, y), times=times, button=button, **keys)
    await s.settle()


@pytest.mark.parametrize(("x", "side"), [(BUYS, "buy"), (SELLS, "sell")])
def test_a_double_click_arms_a_limit_at_its_price(x: int, side: str) -> None:
    async def scene(s: Stand) -> None:
        price_ucr = s.app.desk.book.best_bid_ucr or 0
        await s.press("right", "t")
        await click(s, x, row_of(s, price_ucr), times=2)
        ticket = s.app.desk.dealing.ticket
        assert (ticket.stage, ticket.side, ticket.price_ucr) == ("armed", side, price_ucr)
        assert ticket.order_type == "limit"
        await click(s, x, row_of(s, price_ucr), times=3)
        assert s.sent() == []
        await s.press("enter")
        placed = s.sent()[0]
        assert isinstance(placed, OrderPlace)
        assert (placed.side, placed.price_ucr, placed.qty) == (side, price_ucr, 2)

    play(LARGE, scene)


def test_a_shift_click_arms_an_order_that_takes() -> None:
    """On the asks it buys, on the bids it sells; where nothing rests it says so."""

    async def scene(s: Stand) -> None:
        book = s.app.desk.book
        ask, bid = book.best_ask_ucr or 0, book.best_bid_ucr or 0
        for x, price_ucr, side in ((SELLS, ask, "buy"), (BUYS, bid, "sell")):
            await click(s, x, row_of(s, price_ucr), shift=True)
            ticket = s.app.desk.dealing.ticket
            assert (ticket.stage, ticket.side, ticket.price_ucr) == ("armed", side, price_ucr)
            assert ticket.time_in_force == "ioc"
        await s.press("escape", "escape")
        await click(s, SELLS, row_of(s, bid), shift=True)
        assert "Nothing to buy at" in s.text("ticket")
        assert stage(s) == "idle"
        assert s.sent() == []

    play(SMALL, scene)


def test_a_right_click_on_an_own_order_offers_replace_and_cancel() -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "enter", "enter")
        placed = s.sent()[0]
        assert isinstance(placed, OrderPlace)
        y = row_of(s, placed.price_ucr or 0)
        await click(s, BUYS, y - 1, button=3)
        assert "No order of yours here" in s.text("ticket")
        await click(s, BUYS, y, button=3)
        assert isinstance(s.app.screen, OrderMenu)
        await s.press("enter", "right", "enter", "enter")
        assert s.sent()[1:] == [OrderReplace(req_id=1, order_id="o-1", qty=2)]
        await click(s, 5, 2, "orders", button=3)
        assert isinstance(s.app.screen, OrderMenu)
        await s.press("down", "enter")
        assert s.sent()[2:] == [OrderCancel(req_id=1, order_id="o-1")]

    play(LARGE, scene)


def test_the_menu_is_left_without_a_deed() -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "enter", "enter")
        placed = s.sent()[0]
        assert isinstance(placed, OrderPlace)
        for leave in ("escape", "click"):
            await click(s, BUYS, row_of(s, placed.price_ucr or 0), button=3)
            if leave == "click":
                await s.pilot.click(offset=(0, 0))
            else:
                await s.press(leave)
            await s.settle()
            assert s.app.screen is s.app.market
        assert len(s.sent()) == 1

    play(SMALL, scene)


def test_a_click_picks_the_row_of_a_list_and_a_vm_is_its_leases() -> None:
    async def scene(s: Stand) -> None:
        account = s.app.desk.model.account
        account.orders = {f"o-{number}": order(number) for number in range(1, 4)}
        account.leases = {f"l-{number}": lease(number) for number in range(1, 4)}
        account.apply(replace(s.link.account.vm("l-1", "web-1"), lease_id="l-1"))
        await s.settle()
        await click(s, 5, 4, "orders")
        assert (s.app.desk.focus, s.app.desk.cursors["orders"]) == ("orders", 2)
        await click(s, 5, 3, "leases")
        assert s.app.desk.cursors["leases"] == 0
        await click(s, 5, 4, "leases")
        assert s.app.desk.cursors["leases"] == 1
        await click(s, 5, 4, "instruments", times=2)
        assert s.app.desk.symbol != SYMBOL

    play(LARGE, scene)


def test_the_wheel_scrolls_prices_and_keeps_the_cursor_while_in_sight() -> None:
    async def scene(s: Stand) -> None:
        before = s.app.desk.grid()
        market = s.app.market
        assert before is not None
        assert market is not None
        view = market.views["ladder"]
        region = view.region
        for _ in range(2):
            view.post_message(
                events.MouseScrollUp(
                    view, 5, 5, 0, -1, 0, False, False, False, region.x + 5, region.y + 5
                )
            )
        await s.settle()
        after = s.app.desk.grid()
        assert after is not None
        assert after.top_ucr == before.top_ucr + 6 * before.step_ucr
        assert after.held

    play(LARGE, scene)


def test_while_a_number_is_typed_the_mouse_arms_nothing() -> None:
    async def scene(s: Stand) -> None:
        await s.press("q", "4")
        await click(s, BUYS, 6, times=2)
        await click(s, SELLS, 6, shift=True)
        assert s.app.desk.dealing.typing is not None
        assert stage(s) == "idle"

    play(SMALL, scene)


def test_watching_only_the_mouse_deals_nothing() -> None:
    async def scene(s: Stand) -> None:
        s.app.desk.model.account.orders = {"o-1": order(1)}
        ask = s.app.desk.book.best_ask_ucr or 0
        await click(s, SELLS, row_of(s, ask), times=2)
        await click(s, SELLS, row_of(s, ask), shift=True)
        await click(s, 5, 2, "orders", button=3)
        assert s.app.screen is s.app.market
        assert stage(s) == "idle"

    play(LARGE, scene, who="")


def stage(s: Stand) -> str:
    return s.app.desk.dealing.ticket.stage


async def on_words(s: Stand, words: str, times: int = 1) -> None:
    """Click in the middle of ``words`` of the ticket."""
    assert s.app.market is not None
    rows = s.app.market.views["ticket"].text.split("\n")
    y = next((number for number, row in enumerate(rows) if words in row), -1)
    assert y >= 0, "\n".join(rows)
    await click(s, rows[y].index(words) + len(words) // 2, y, "ticket", times)


def test_the_tickets_words_are_clicked() -> None:
    """Buy, type the price, arm and send: no key but the number's own."""

    async def scene(s: Stand) -> None:
        await on_words(s, "b buy")
        await on_words(s, "p price")
        await s.press(*"0.0301")
        await on_words(s, "Enter takes it")
        await on_words(s, "Esc drops")
        assert stage(s) == "idle"
        await on_words(s, "b buy")
        await on_words(s, "Enter arms", times=2)
        assert stage(s) == "armed" and s.sent() == []
        await on_words(s, "Esc disarms")
        assert stage(s) == "staged"
        await on_words(s, "Enter arms")
        await on_words(s, "Enter sends")
        assert [type(sent) for sent in s.sent()] == [OrderPlace]

    play((120, 35), scene)
    play(LARGE, scene)
