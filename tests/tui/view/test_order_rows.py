"""The rows of the Orders screen, its questions, and what is written to a file."""

from typing import Any

import pytest
from msgspec.structs import replace

from exchange.wire.frames import BookSnapshot
from exchange.wire.requests import OrderMassCancel, OrderReplace
from tests.tui.market import SYMBOL, instrument, order
from tui.view.exporting import Export, export_fields, export_of
from tui.view.form import Checked, FormField, chosen
from tui.view.history import History, Sums
from tui.view.model import Model
from tui.view.months import month_of
from tui.view.order_acts import cancel_all_text, cancel_some, replace_form, replaced, unchanged
from tui.view.order_rows import (
    BAR_CELLS,
    DAY_COLUMNS,
    FILL_COLUMNS,
    MONTH_COLUMNS,
    ORDER_COLUMNS,
    POSTING_COLUMNS,
    bar_text,
    day_rows,
    fill_rows,
    month_rows,
    order_rows,
    posting_rows,
)
from tui.view.table import ListView, Row

NOW_MS = 1_795_430_590_000


def texts(row: Row) -> list[str]:
    return [cell.text for cell in row.cells]


def model(*orders: Any) -> Model:
    found = Model()
    found.instruments[SYMBOL] = instrument()
    for one in orders:
        found.account.apply(one)
    return found


def history() -> History:
    past = History()
    past.show(month_of(NOW_MS))
    trade = {"trade_id": "t-1", "ts_ms": NOW_MS, "seq": 9, "symbol": SYMBOL, "side": "sell"}
    past.rows["trades"]["t-1"] = trade | {"qty": 1_200, "price_ucr": 31_200, "liquidity": "maker"}
    posting = {"account_seq": 4, "ts_ms": NOW_MS, "why": "kill_switch", "change_ucr": -1_500_000}
    past.rows["postings"][4] = posting | {"available_ucr": 2_000_000_000, "held_ucr": 0}
    past.days[NOW_MS - NOW_MS % 86_400_000] = Sums(4_000_000, 1_000_000, 3)
    past.months[month_of(NOW_MS)] = Sums(0, 1_000_000, 2, whole=False)
    return past


def test_an_open_order_its_hold_and_how_far_it_is_from_the_best() -> None:
    known = model(order(1, "buy", 31_000, 5, filled=2, status="partially_filled"))
    known.apply(BookSnapshot(SYMBOL, 1, 0, [(31_200, 4, 1)], [], 0), 0)
    (row,) = order_rows(known, 65_000)
    assert texts(row) == [
        "o-1", "buy", SYMBOL, "0.0310", "3", "2", "0.0930", "0.0002", "1m 05s", "c-1",
    ]  # fmt: skip
    known.apply(BookSnapshot(SYMBOL, 2, 0, [(31_000, 3, 1)], [], 0), 0)
    assert texts(order_rows(known, 0)[0])[7] == "best"


def test_fills_balance_days_and_months() -> None:
    past = history()
    assert texts(fill_rows(past, model())[0])[1:] == [
        "sell", SYMBOL, "1,200", "0.0312", "37.4400", "maker", "t-1",
    ]  # fmt: skip
    said = texts(posting_rows(past)[0])
    assert said[1:] == ["the operator stopped trading", "−1.5000", "2,000.0000", "0.0000", "4"]
    day = texts(day_rows(past)[0])
    assert day == ["2026-11-23", "4.0000", "█" * 14, "1.0000", "███▌".ljust(14), "−3.0000", ""]
    assert texts(month_rows(past)[0]) == ["2026-11", "–", "1.0000", "+1.0000", "2", "not whole"]


@pytest.mark.parametrize(("value", "cells"), [(0, 0), (1, 1), (500, 7), (1_000, 14)])
def test_a_bar_is_as_long_as_its_value_and_always_as_wide(value: int, cells: int) -> None:
    text = bar_text(value, 1_000)
    assert len(text) == BAR_CELLS
    assert len(text.strip()) == cells


LISTS = [
    (ORDER_COLUMNS, order_rows(model(order(1, qty=999_999)), NOW_MS)),
    (FILL_COLUMNS, fill_rows(history(), model())),
    (POSTING_COLUMNS, posting_rows(history())),
    (MONTH_COLUMNS, month_rows(history())),
    (DAY_COLUMNS, day_rows(history())),
]


@pytest.mark.parametrize(("columns", "rows"), LISTS)
@pytest.mark.parametrize("width", [58, 78, 118, 158])
def test_numbers_are_whole_at_every_width(columns: Any, rows: list[Row], width: int) -> None:
    view = ListView("x", columns)
    view.take(rows)
    lines = ["".join(text for text, _, _ in line) for line in view.lines(width, 8)]
    assert all(len(line) == width for line in lines)
    for column, cell in zip(columns, rows[0].cells, strict=True):
        shown = column.title and column.title in lines[1]
        if column.number and (column.rank == 0 or shown):
            assert cell.text.strip() in lines[2]


REPLACED = [
    ("0.0310", "5", None, "nothing changes yet"),
    ("0.0310", "8", OrderReplace(req_id=1, order_id="o-1", qty=8), "Back of the queue"),
    ("0.0310", "4", OrderReplace(req_id=1, order_id="o-1", qty=4), "Keeps its place"),
    ("0.0300", "5", OrderReplace(req_id=1, order_id="o-1", price_ucr=30_000), "Back of the"),
    ("0,0300", "5", None, "',' is in no number"),
    ("0.03005", "5", None, "off the tick"),
    ("0.03", "1 0", None, "a space is in no number"),
    ("", "5", None, "a price has digits"),
]


@pytest.mark.parametrize(("price", "total", "request_", "said"), REPLACED)
def test_a_replace_is_checked_while_it_is_typed(
    price: str, total: str, request_: OrderReplace | None, said: str
) -> None:
    one = order(1, filled=2, status="partially_filled")
    values = {"price": price, "total": total}
    checked = replace_form(one, model(one)).check(values)
    assert said in checked.text
    assert checked.ok == (request_ is not None)
    asked = replaced(one, model(one), values, 20)
    assert (asked.request if asked else None) == request_


def test_a_replace_far_through_the_market_says_so_with_the_sum() -> None:
    one = order(1)
    known = model(one)
    known.apply(BookSnapshot(SYMBOL, 1, 0, [(31_000, 5, 1)], [(31_200, 4, 1)], 0), 0)
    asked = replaced(one, known, {"price": "3.1", "total": "5"}, 20)
    assert asked is not None
    assert "above the best ask 0.0312: up to 15.5000/h" in asked.more
    never = replaced(one, known, {"price": "3.1", "total": "5"}, 0)
    assert never is not None
    assert "slip" not in never.more


def test_an_order_that_filled_meanwhile_has_changed() -> None:
    one = order(1)
    known = model(one)
    assert unchanged(one, known)
    known.account.apply(replace(one, filled_qty=1, status="partially_filled"))
    assert not unchanged(one, known)
    known.account.apply(replace(one, status="canceled"))
    assert not unchanged(one, known)


def test_canceling_by_symbol_and_by_side_says_what_leaves() -> None:
    orders = [order(1), order(2, "sell", qty=2), replace(order(3), symbol="nano.eu-de.flat.spot")]
    asked = cancel_some(orders, SYMBOL, None)
    assert asked is not None
    assert asked.question == f"Cancel 2 orders of {SYMBOL}?"
    assert asked.more == "7 units leave the book of 1 instrument."
    assert asked.request == OrderMassCancel(req_id=1, symbol=SYMBOL)
    asked = cancel_some(orders, None, "buy")
    assert asked is not None
    assert asked.question == "Cancel 2 buys?"
    assert asked.more == "10 units leave the book of 2 instruments."
    assert cancel_some(orders[:1], None, "sell") is None


EXPORTS = [
    ("trades", "all", "a.csv", Export("trades", 0, None, "a.csv")),
    ("usage", "2026-11", "a.csv", Export("usage", 1_793_491_200_000, 1_796_083_200_000, "a.csv")),
    ("fills", "all", "a.csv", "what: one of"),
    ("trades", "2026-13", "a.csv", "month: such as"),
    ("trades", "1969-12", "a.csv", "month: such as"),
    ("trades", "all", "", "file: a name"),
]


@pytest.mark.parametrize(("kind", "month", "path", "wanted"), EXPORTS)
def test_what_is_written(kind: str, month: str, path: str, wanted: Export | str) -> None:
    found = export_of({"kind": kind, "month": month, "path": path})
    if isinstance(wanted, str):
        assert isinstance(found, Checked)
        assert wanted in found.text
    else:
        assert found == wanted


def test_the_file_is_named_after_what_is_in_it() -> None:
    month = month_of(NOW_MS)
    fields = export_fields("trades", month, month)
    assert fields[2].value == "headroom-trades-2026-11.csv"
    assert fields[1].choices[:2] == ("2026-11", "2026-10")


def test_choices_go_round() -> None:
    field = FormField("kind", "what", "a", ("a", "b"))
    assert [chosen(field, "a", 1), chosen(field, "b", 1), chosen(field, "x", 1)] == ["b", "a", "a"]
    assert chosen(field, "x", -1) == "b"
    assert chosen(FormField("n", "n"), "typed", 1) == "typed"


@pytest.mark.parametrize(
    ("names", "question"),
    [
        (["tui/1"], "Cancel your one open order?"),
        (["tui/1", ""], "Cancel all 2 open orders?"),
        (
            ["tui/1", "group/a/h-1/1", "rule/up/1"],
            "Cancel all 3 open orders? The Manager places its 2 again.",
        ),
    ],
)
def test_cancel_all_tells_what_a_manager_places_again(names: list[str], question: str) -> None:
    orders = [order(number, "buy", 31_000) for number in range(len(names))]
    named = [replace(one, client_order_id=name) for one, name in zip(orders, names, strict=True)]
    assert cancel_all_text(named) == question
