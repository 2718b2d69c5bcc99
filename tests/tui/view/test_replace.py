"""Replacing an order from the ladder and from the list; every term of a new one by its key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.wire.requests import OrderPlace, OrderReplace
from tests.tui.market import SYMBOL, order
from tests.tui.test_app import SIZES, SMALL, Stand, play
from tui.view.ticket import Ticket, clash, manner, queue_note, replacement, replacing, request

MINE = order(7, "buy", 31_000, qty=5, filled=2, exec_="trade", status="partially_filled")


def change(price_ucr: int = 31_000, total: int = 5) -> Ticket:
    return replacing(MINE).with_price(price_ucr).with_qty(total)


@pytest.mark.parametrize(
    ("ticket", "sent", "note", "open_qty"),
    [
        (change(), (None, None), "stays as it is", 3),
        (change(32_000), (32_000, None), "back of the queue", 3),
        (change(total=6), (None, 6), "back of the queue", 4),
        (change(total=4), (None, 4), "keeps its place", 2),
        (change(32_000, 4), (32_000, 4), "back of the queue", 2),
        (change(total=2), (None, 2), "ends as filled with 2", 0),
        (change(32_000, 1), (32_000, 1), "ends as filled with 2", 0),
    ],
)
def test_a_replace_says_what_becomes_of_its_place(
    ticket: Ticket, sent: tuple[int | None, int | None], note: str, open_qty: int
) -> None:
    made = replacement(ticket)
    assert (made.order_id, made.price_ucr, made.qty) == ("o-7", *sent)
    assert (queue_note(ticket), ticket.open_qty) == (note, open_qty)
    assert bool(clash(ticket)) == (sent == (None, None))


def working(s: Stand) -> OrderPlace:
    """Return the order that a scene has placed first."""
    placed = s.sent()[0]
    assert isinstance(placed, OrderPlace)
    return placed


@SIZES
def test_a_price_is_replaced_from_the_ladder(size: tuple[int, int]) -> None:
    """The order at the cursor, then the price under the cursor, then Enter twice."""

    async def scene(s: Stand) -> None:
        await s.press("b", "q", "5", "enter", "enter", "enter", "e")
        price_ucr, step = working(s).price_ucr or 0, s.app.desk.grids[SYMBOL].step_ucr
        assert "5 × 0.0311 → 5 × 0.0311" in s.text("ticket")
        await s.press("enter")
        assert "Not armed: nothing changes" in s.text("ticket")
        await s.press("down", "down", "e", "enter")
        assert f"→ 5 × {(price_ucr - 2 * step) / 1e6:.4f}" in s.text("ticket")
        text = " ".join(s.text("ticket").split())
        assert "o-1: back of the queue. Send it?" in text
        await s.press("enter")
        assert s.sent()[1:] == [
            OrderReplace(req_id=1, order_id="o-1", price_ucr=price_ucr - 2 * step)
        ]
        assert "Replaced: now buy 5" in s.text("ticket")

    play(size, scene)


@SIZES
def test_a_total_is_replaced_from_the_list(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "q", "5", "enter", "enter", "enter", "4", "e", "q", "3", "enter")
        assert "o-1: keeps its place" in " ".join(s.text("ticket").split())
        await s.press("enter", "enter")
        assert s.sent()[1:] == [OrderReplace(req_id=1, order_id="o-1", qty=3)]

    play(size, scene)


def test_several_orders_at_a_price_are_told_apart_in_the_list() -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "enter", "enter", "b", "q", "4", "enter", "enter", "enter", "e")
        assert "2 orders of yours here" in s.text("ticket")
        assert s.app.desk.focus == "orders"
        await s.press("down", "e", "right", "enter", "enter")
        assert s.sent()[2:] == [OrderReplace(req_id=1, order_id="o-2", qty=5)]

    play(SMALL, scene)


def test_an_order_that_fills_meanwhile_is_looked_at_again() -> None:
    """What was confirmed was confirmed of an order that is no more as it was."""

    async def scene(s: Stand) -> None:
        await s.press("b", "q", "5", "enter", "enter", "enter", "e", "right", "enter")
        account = s.app.desk.model.account
        account.orders["o-1"] = order(1, filled=2, exec_="trade", status="partially_filled")
        await s.press("enter")
        assert "Not sent: o-1 has changed: 2 of 5 filled" in s.text("ticket")
        assert len(s.sent()) == 1
        del account.orders["o-1"]
        await s.press("enter")
        assert "o-1 is done" in s.text("ticket")
        assert s.app.desk.dealing.ticket.stage == "idle"

    play(SMALL, scene)


def test_a_slip_in_a_replace_is_asked_about() -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "enter", "enter", "e", "p", "9", "enter", "enter", "enter")
        assert len(s.sent()) == 1
        assert "Send it?" in s.text("ticket")
        await s.press("escape", "f", "o", "n", "u", "t")
        assert "A replace changes the total" in s.text("ticket")
        assert len(s.sent()) == 1

    play(SMALL, scene)


def test_the_next_order_is_a_new_one() -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "q", "5", "enter", "enter", "enter", "e", "right", "b", "enter", "enter")
        last = s.sent()[-1]
        assert isinstance(last, OrderPlace)
        assert last.qty == 1

    play(SMALL, scene)


KEYS = st.lists(st.sampled_from(["force", "minutes", "post", "least", "type", "qty"]), max_size=12)


@given(KEYS)
def test_no_order_is_made_that_the_rules_refuse(keys: list[str]) -> None:
    """rules.md 4.1, whatever is pressed; `tui.view.choices` holds back what these do not."""
    ticket = Ticket(qty=5).staged("buy", 31_000)
    for key in keys:
        match key:
            case "force":
                ticket = ticket.next_force()
            case "post" if not ticket.at_once and ticket.order_type == "limit":
                ticket = ticket if ticket.min_qty else ticket.other_post_only()
            case "minutes" if ticket.order_type == "limit":
                ticket = ticket.with_minutes(30)
            case "least" if not ticket.post_only:
                ticket = ticket.with_min_qty(None if ticket.min_qty else 3)
            case "type":
                ticket = ticket.other_type()
            case _:
                pass
    sent = request(ticket, SYMBOL, "c", 1_000)
    assert (sent.expire_ms is not None) == (sent.time_in_force == "gtd")
    if sent.post_only:
        assert (sent.order_type, sent.min_qty) == ("limit", None)
        assert sent.time_in_force in ("gtc", "gtd")
    assert sent.order_type == "limit" or sent.time_in_force == "ioc"


@SIZES
def test_every_term_has_its_key_and_is_shown_and_sent(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await s.press("b", "right", "right", "f", "f", "n", "2", "enter")
        assert "limit fok min 2" in s.text("ticket")
        await s.press("n", "u", "9", "0", "enter", "o")
        assert "limit gtd 90 min post-only" in s.text("ticket")
        await s.press("enter", "enter")
        placed = s.sent()[0]
        assert isinstance(placed, OrderPlace)
        assert (placed.time_in_force, placed.post_only, placed.min_qty) == ("gtd", True, None)
        near = abs((placed.expire_ms or 0) - s.link.now_ms() - 90 * 60_000)
        assert near < 60_000
        await s.press("b", "n", "4", "enter", "enter")
        assert "Not armed: the minimum 4 is above the quantity 1" in s.text("ticket")
        await s.press("o")
        assert "Post-only is for limit orders that rest" in s.text("ticket")

    play(size, scene)


def test_the_manner_of_an_order_in_words() -> None:
    assert manner(Ticket()) == "limit gtc"
    assert manner(Ticket().with_minutes(60).other_post_only()) == "limit gtd 60 min post-only"
    assert manner(Ticket().other_type().with_min_qty(2)) == "market ioc min 2"
