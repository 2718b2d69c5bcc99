"""At any size every row fits, and no number loses a digit: columns go instead."""

import re
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exchange.wire.frames import InstrumentsSnapshot, OrderUpdate, ServerMessage, TradesSnapshot
from tests.tui.market import SYMBOL, instrument, lease, order, snapshot, trade
from tui.view.account import Row
from tui.view.desk import Desk
from tui.view.layout import SIDE_PANES, Pane, arrange
from tui.view.model import Model
from tui.view.panes import Scene, lines
from tui.view.text import Line, exact_price_text, qty_text, width_of
from tui.view.words import REFUSALS, Message, Refusal, refusal

QTY: Final = 54_321
NUMBER: Final = re.compile(r"\d[\d.,:]*[kMG]?")
FORMS: Final = re.compile(
    r"\d\d:\d\d(:\d\d)?|\d{1,3}(,\d{3})*\.\d{4,6}|[\d,]*\d[kM]|\d\.\d|\d{1,2}"
)
"""A time, a price or an amount, many units, a percentage, a count or an hour."""
WHOLE: Final = {f"{QTY:,}", f"{QTY}", "54k", "543k", "1,086k", "108k"}


def scene(price_ucr: int, now_ms: int = 3_600_000, message: Message | None = None) -> Scene:
    """Return a market whose every quantity is `QTY` and whose prices are about ``price_ucr``."""
    model = Model()
    model.connection.connected(now_ms)
    frames: list[ServerMessage] = [
        InstrumentsSnapshot([instrument()]),
        snapshot({price_ucr: QTY}, {price_ucr + 300: QTY}),
        TradesSnapshot(SYMBOL, [trade(n, price_ucr + 100 * (n % 3), QTY) for n in range(1, 40)]),
    ]
    for frame in frames:
        model.apply(frame, now_ms)
    rows: list[Row] = [order(1, "buy", price_ucr, QTY), order(2, "sell", price_ucr + 300, QTY)]
    rows += [lease(1, "buy", QTY, price_ucr), lease(2, "sell", QTY, price_ucr)]
    model.account.reset(10**13, 10**12, rows)
    model.message = message
    desk = Desk(model, "test")
    desk.select(SYMBOL)
    return Scene(desk, "acme", now_ms, now_ms)


def drawn(scene: Scene, width: int, height: int, side: Pane) -> dict[Pane, list[Line]]:
    boxes = arrange(width, height - 1, side)
    return {pane: lines(pane, scene, box.width, box.height) for pane, box in boxes.items()}


def texts(rows: list[Line]) -> list[str]:
    return ["".join(text for text, _, _ in row) for row in rows]


@settings(deadline=None, max_examples=60)
@given(
    st.integers(40, 250),
    st.integers(12, 80),
    st.sampled_from(SIDE_PANES),
    st.sampled_from([31_200, 9_876_500, 987_654_300]),
)
@example(60, 17, "tape", 31_200)
@example(60, 17, "orders", 987_654_300)
def test_rows_fit_and_numbers_are_whole(width: int, height: int, side: Pane, price: int) -> None:
    moment = scene(price)
    for pane, rows in drawn(moment, width, height, side).items():
        assert len({width_of(row) for row in rows}) == 1
        if pane == "small":
            continue
        said = " ".join(texts(rows)).replace(SYMBOL, "").replace("o-", "").replace("l-", "")
        odd = [n for n in NUMBER.findall(said) if n not in WHOLE and not FORMS.fullmatch(n)]
        assert odd == [], (pane, texts(rows))


@pytest.mark.parametrize(("width", "height"), [(60, 17), (80, 24), (100, 30), (120, 35)])
def test_the_narrow_lists_keep_what_matters(width: int, height: int) -> None:
    moment = scene(31_200)
    orders = "\n".join(texts(drawn(moment, width, height, "orders")["orders"]))
    assert "buy" in orders
    assert "0.0312" in orders
    assert f"{QTY:,}" in orders
    leases = "\n".join(texts(drawn(moment, width, height, "leases")["leases"]))
    assert "small.eu-de" in leases
    assert "active" in leases


@pytest.mark.parametrize("reason", sorted(REFUSALS))
def test_a_refusal_keeps_its_reason(reason: str) -> None:
    """The whole of our words also at 60 columns; at 80 what the exchange adds as well."""
    why = Refusal(reason, "the order needs 12.4800 and 3.2500 are available to it")
    for size, least in (((60, 17), len(refusal(Refusal(reason, "")))), ((80, 24), 999)):
        moment = scene(31_200, message=Message(refusal(why), "warn", 0))
        moment.desk.dealing.stage("buy", SYMBOL, 31_200)
        said = " ".join(" ".join(texts(drawn(moment, *size, "tape")["ticket"])).split())
        assert refusal(why)[:least] in said


def test_a_wide_list_shows_every_column() -> None:
    done = order(3, "buy", 31_200, QTY, "trade", "partially_filled", 7)
    assert isinstance(done, OrderUpdate)
    moment = scene(31_200)
    moment.desk.model.account.apply(done)
    said = "\n".join(texts(drawn(moment, 160, 50, "tape")["orders"]))
    assert SYMBOL in said
    assert exact_price_text(31_200, 4) in said
    assert qty_text(QTY - 7) in said
    assert "done" in said
