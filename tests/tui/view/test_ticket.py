"""The ticket, and the rule that nothing leaves unarmed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.units import MAX_QTY
from exchange.wire.frames import InstrumentUpdate
from exchange.wire.requests import OrderMassCancel, OrderPlace
from exchange.wire.types import Side
from tests.tui.market import SYMBOL, WINDOW, instrument
from tui.view.dealing import Dealing
from tui.view.entry import Fault, read_price
from tui.view.prompts import Prompt
from tui.view.text import Line, width_of
from tui.view.ticket import Ticket, cost_text, hold_ucr, request
from tui.view.ticket_lines import TicketScene, lines
from tui.view.words import Message

HOUR_MS = 3_600_000


def window() -> InstrumentUpdate:
    item = instrument(WINDOW)
    item.start_ms, item.end_ms = 10 * HOUR_MS, 11 * HOUR_MS
    return item


@pytest.mark.parametrize(
    ("side", "item", "hold"),
    [
        ("buy", instrument(), 3 * 31_201),
        ("sell", instrument(), 3 * (31_201 // 6)),
        ("buy", window(), 3 * 31_201),
        ("sell", window(), 3 * (31_201 // 2)),
    ],
)
def test_the_hold_is_what_the_exchange_takes(side: Side, item: InstrumentUpdate, hold: int) -> None:
    ticket = Ticket(qty=3).staged(side, 31_201)
    assert hold_ucr(ticket, item, 31_201) == hold


def test_an_empty_book_invites_in_whole_words() -> None:
    """At 160 x 50 the ticket has 55 cells. (Seen to fail: ``name the first pri``.)"""
    scene = TicketScene(Ticket(), instrument(), 4, None, None, None, None, "", 0)
    said = ["".join(text for text, _, _ in line).rstrip() for line in lines(scene, 42, 6)]
    assert " b buy or s sell: name the first price" in said


def test_a_market_order_names_the_worst_case() -> None:
    ticket = Ticket().staged("buy", 31_000).other_type()
    assert (ticket.order_type, ticket.time_in_force) == ("market", "ioc")
    assert cost_text(ticket, instrument(), 30_000) == "holds up to 0.0330 for 1 h"
    assert cost_text(ticket, instrument(), None) == "nobody to trade with now"
    assert request(ticket, SYMBOL, "c").price_ucr is None


def test_the_request_carries_what_was_shown() -> None:
    sent = request(Ticket(qty=7).staged("sell", 31_200).next_force(), SYMBOL, "tui/1")
    shown = (sent.side, sent.qty, sent.price_ucr, sent.time_in_force, sent.client_order_id)
    assert shown == ("sell", 7, 31_200, "ioc", "tui/1")


@pytest.mark.parametrize("edit", ["with_qty", "with_price", "other_type", "next_force"])
def test_any_change_takes_the_arming_back(edit: str) -> None:
    """Letting `Ticket._edited` keep the stage makes all four fail (tried)."""
    armed = Ticket().staged("buy", 31_000).armed()
    change = getattr(armed, edit)
    changed = change(9) if edit.startswith("with") else change()
    assert changed.stage == "staged"


def test_arm_then_confirm_sends_once() -> None:
    dealing = Dealing("abcd")
    dealing.stage("buy", SYMBOL, 31_000)
    assert dealing.confirm() is None
    assert dealing.armed
    sent = dealing.confirm()
    assert isinstance(sent, OrderPlace)
    assert sent.client_order_id == "tui/abcd/1"
    assert dealing.confirm() is None


def test_escape_goes_back_one_step_at_a_time() -> None:
    dealing = Dealing("s")
    dealing.stage("buy", SYMBOL, 31_000)
    dealing.confirm()
    dealing.type("quantity")
    stages = []
    for _ in range(3):
        stages.append((dealing.typing is not None, dealing.ticket.stage))
        dealing.back()
    assert stages == [(True, "staged"), (False, "staged"), (False, "idle")]


def test_a_question_is_asked_before_all_orders_go() -> None:
    dealing = Dealing("s")
    dealing.ask("Cancel all 3 open orders?", OrderMassCancel(req_id=1))
    dealing.back()
    assert dealing.confirm() is None
    dealing.ask("Cancel all 3 open orders?", OrderMassCancel(req_id=1))
    assert isinstance(dealing.confirm(), OrderMassCancel)


@pytest.mark.parametrize(
    ("typed", "qty"),
    [("12", 12), ("", 1), ("0", 1), ("1.5", 1), ("7x", 1), (str(MAX_QTY + 1), 1)],
)
def test_only_a_quantity_in_bounds_is_taken(typed: str, qty: int) -> None:
    dealing = Dealing("s")
    dealing.type("quantity")
    for character in typed:
        dealing.typed(character)
    dealing.confirm()
    assert dealing.ticket.qty == qty
    assert (dealing.typing is not None) == (typed not in ("12", ""))


def test_a_typed_price_may_be_corrected() -> None:
    dealing = Dealing("s")
    dealing.stage("buy", SYMBOL, 31_000)
    dealing.type("price")
    for character in "0..04":
        dealing.typed(character)
    dealing.confirm()
    assert dealing.prompt() == Prompt(
        "price 0..04▏",
        "Enter takes it · Esc leaves it",
        "a price has digits and one dot, at most 6 digits after it",
    )
    for character in ("backspace", "backspace", "backspace", "0", "5"):
        dealing.typed(character)
    dealing.confirm()
    assert dealing.prompt() is None
    assert dealing.ticket.price_ucr == 50_000


BANDED = instrument()
BANDED.band_low_ucr, BANDED.band_high_ucr = 20_000, 40_000


@pytest.mark.parametrize(
    ("text", "item", "read"),
    [
        ("0.03", instrument(), 30_000),
        ("1000", instrument(), 1_000_000_000),
        ("9999", instrument(), Fault("a price is above 0 and at most 1,000")),
        ("0", instrument(), Fault("a price is above 0 and at most 1,000")),
        ("0.03005", instrument(), Fault("off the tick 0.0001: take 0.0300 or 0.0301")),
        ("0.00005", instrument(), Fault("off the tick 0.0001: take 0.0001")),
        ("0.03005", instrument(tick_ucr=1), 30_050),
        ("0.04", BANDED, 40_000),
        ("0.0401", BANDED, Fault("outside the band, 0.0200 to 0.0400")),
        ("0.0199", BANDED, Fault("outside the band, 0.0200 to 0.0400")),
    ],
)
def test_a_typed_price_is_taken_as_it_stands_or_not_at_all(
    text: str, item: InstrumentUpdate, read: int | Fault
) -> None:
    assert read_price(text, item) == read


def test_the_ticket_never_rounds_the_price_it_would_send() -> None:
    """With `price_text` in the order's row this shows 0.0301 (tried)."""
    ticket = Ticket(qty=4).staged("buy", 30_050).armed()
    scene = TicketScene(ticket, instrument(), 4, 31_200, 31_300, None, None, "", 0)
    assert "0.03005" in shown(lines(scene, 80, 3))


def test_a_sent_or_dropped_ticket_leaves_nothing_to_the_next() -> None:
    for end in ("answered", "back"):
        dealing = Dealing("s")
        dealing.stage("buy", SYMBOL, 31_000)
        dealing.ticket = dealing.ticket.with_qty(400).other_type()
        if end == "answered":
            dealing.confirm()
            dealing.confirm()
        getattr(dealing, end)()
        assert dealing.ticket == Ticket()


def test_a_ticket_begun_while_another_is_on_its_way_has_one_unit() -> None:
    dealing = Dealing("s")
    dealing.stage("buy", SYMBOL, 31_000)
    dealing.ticket = dealing.ticket.with_qty(400)
    dealing.confirm()
    dealing.confirm()
    dealing.stage("sell", SYMBOL, 31_500)
    dealing.answered()
    assert dealing.ticket == Ticket().staged("sell", 31_500)


def shown(rows: list[Line]) -> str:
    return "\n".join("".join(piece for piece, _, _ in line) for line in rows)


LONG = "Refused: not enough money: the order needs 12.48 credits, 3.20 are available; " + "x" * 40


@pytest.mark.parametrize(("width", "height"), [(80, 3), (60, 3), (46, 6), (56, 6)])
def test_a_message_that_does_not_fit_ends_in_an_ellipsis(width: int, height: int) -> None:
    """Cutting with `fit` alone loses the ellipsis (tried)."""
    ticket = Ticket().staged("buy", 31_000)
    scene = TicketScene(
        ticket, instrument(), 4, 31_200, 31_300, None, Message(LONG, "warn", 0), "", 0
    )
    rows = lines(scene, width, height)
    assert [width_of(line) for line in rows] == [width] * height
    assert shown(rows).rstrip().endswith("…")
    assert "Enter arms" in shown(rows)


@pytest.mark.parametrize(("width", "height"), [(80, 3), (60, 3), (46, 6)])
def test_a_fault_stands_beside_what_was_typed(width: int, height: int) -> None:
    prompt = Prompt("price 0.03005▏", "Enter", "off the tick 0.0001: take 0.0300 or 0.0301")
    ticket = Ticket().staged("buy", 31_000)
    scene = TicketScene(ticket, instrument(), 4, 31_200, 31_300, prompt, None, "", 0)
    text = shown(lines(scene, width, height))
    assert "price 0.03005▏" in text
    assert "0.0300 or 0.0301" in text


ACTIONS = st.sampled_from(
    ["stage", "confirm", "back", "type", "1", "ask", "answered", "refused", "hold_fire", "edit"]
)


@settings(deadline=None)  # a busy machine is no broken law
@given(st.lists(ACTIONS, max_size=40))
def test_whatever_is_pressed_nothing_leaves_that_was_not_armed_just_before(keys: list[str]) -> None:
    dealing = Dealing("s")
    for key in keys:
        armed = dealing.armed
        shown = (dealing.ticket.side, dealing.ticket.qty, dealing.ticket.price_ucr)
        sent = None
        match key:
            case "stage":
                dealing.stage("buy", SYMBOL, 31_000)
            case "confirm":
                sent = dealing.confirm()
            case "type":
                dealing.type("quantity")
            case "1":
                dealing.typed("1")
            case "ask":
                dealing.ask("?", OrderMassCancel(req_id=1))
            case "edit":
                dealing.ticket = dealing.ticket.with_qty(dealing.ticket.qty + 1)
                assert dealing.ticket.stage != "armed"
            case _:
                getattr(dealing, key)()
        assert sent is None or (armed and key == "confirm")
        if isinstance(sent, OrderPlace):
            assert (sent.side, sent.qty, sent.price_ucr) == shown


@pytest.mark.parametrize("stage", ["idle", "staged", "armed", "sent"])
@pytest.mark.parametrize(("width", "height"), [(80, 3), (60, 3), (46, 5), (56, 5)])
def test_the_ticket_fills_its_pane_and_names_the_sum(stage: str, width: int, height: int) -> None:
    ticket = Ticket(qty=4).staged("buy", 31_200)
    ticket = {
        "idle": Ticket(),
        "staged": ticket,
        "armed": ticket.armed(),
        "sent": ticket.armed().sent(),
    }[stage]
    message = Message("Working", "text", 0)
    scene = TicketScene(ticket, instrument(), 4, 31_200, 31_300, None, message, "", 0)
    drawn = lines(scene, width, height)
    assert [width_of(line) for line in drawn] == [width] * height
    text = "\n".join("".join(piece for piece, _, _ in line) for line in drawn)
    assert ("holds 0.1248 for 1 h" in text) == (stage != "idle")
    assert ("Enter sends · Esc disarms" in text) == (stage == "armed")
    assert ("Enter arms · Esc drops" in text) == (stage == "staged")


RELEASE = "Release l-1328 (14 units)? Kills VMs web-1 and web-2, owed at least 1,248.0026 (5 min)."
SLIP = "28,471 % above the best ask 0.0315: up to 450,000.0000/h. Send it?"


@pytest.mark.parametrize(("width", "height"), [(60, 3), (80, 3), (80, 4), (46, 6), (56, 6)])
def test_a_question_keeps_its_sum_at_every_size(width: int, height: int) -> None:
    """(Seen to fail: at 60 cells the sum of a release was cut.)"""
    armed = Ticket(qty=4).staged("buy", 31_200).armed()
    for ticket, text, told in ((Ticket(), RELEASE, "1,248.0026"), (armed, SLIP, "450,000.0000/h")):
        prompt = Prompt(text, "Enter does it · Esc leaves it")
        scene = TicketScene(ticket, instrument(), 4, 31_200, 31_300, prompt, None, "", 0)
        rows = lines(scene, width, height)
        assert [width_of(line) for line in rows] == [width] * height
        assert told in shown(rows)
        assert ("BUY" in shown(rows)) == (ticket is armed)


@pytest.mark.parametrize("width", [55, 64, 79, 120])
def test_a_staged_ticket_with_room_names_every_key(width: int) -> None:
    ticket = Ticket().staged("buy", 31_200)
    scene = TicketScene(ticket, instrument(), 4, 31_200, 31_300, None, None, "", 0)
    told = shown(lines(scene, width, 6))
    for key in ("q q", "p price", "t type", "f ", "o post", "n min", "u until", "h hosts"):
        assert key in told


def test_a_lost_connection_says_all_of_why_where_there_is_room() -> None:
    trouble = "nothing heard for 9 s; orders are held back until it is live"
    scene = TicketScene(Ticket(), instrument(), 4, 31_200, 31_300, None, None, trouble, 0)
    told = " ".join(shown(lines(scene, 46, 6)).split())
    assert trouble[1:] in told and "…" not in told
