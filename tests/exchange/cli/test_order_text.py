"""What the order commands print, without an exchange."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.cli.order_text import average_ucr, order_lines, placed_lines, replaced_lines

WIDTH = 80
ORDER = {"symbol": "small.eu-de.flat.spot", "side": "buy", "qty": 5, "price_ucr": 26_000}
FILLS = [
    {"trade_id": "t-1", "qty": 1, "price_ucr": 25_000},
    {"trade_id": "t-2", "qty": 2, "price_ucr": 26_000},
]
LEASES = [
    {"trade_id": "t-2", "lease_id": "l-2"},
    {"trade_id": "t-2", "lease_id": "l-3"},
    {"trade_id": "t-1", "lease_id": "l-1"},
]


def result(filled: int, left: int, **more: Any) -> dict[str, Any]:
    about = {"order_id": "o-7", "status": "new", "duplicate": False, "fills": []}
    return about | {"filled_qty": filled, "leaves_qty": left} | more


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (
            result(3, 2, fills=FILLS),
            "o-7: bought 3 of 5 small.eu-de.flat.spot at 0.025667 on average, 2 rest at 0.026000",
        ),
        (result(0, 5), "o-7: bought 0 of 5 small.eu-de.flat.spot, 5 rest at 0.026000"),
        (
            result(0, 0, status="canceled", reason="fok_not_filled"),
            "o-7: bought 0 of 5 small.eu-de.flat.spot, canceled: fok_not_filled",
        ),
        (
            result(5, 0, duplicate=True),
            "o-7: was placed before: bought 5 of 5 small.eu-de.flat.spot",
        ),
        (
            result(3, 0, fills=FILLS[:1], more_fills=1),
            "o-7: bought 3 of 5 small.eu-de.flat.spot at 0.025000 on average of the first 1 trades",
        ),
    ],
)
def test_what_became_of_an_order(outcome: dict[str, Any], line: str) -> None:
    assert next(iter(placed_lines(ORDER, outcome, LEASES, WIDTH))) == line


def test_each_fill_has_its_leases() -> None:
    _, *table = placed_lines(ORDER, result(3, 0, fills=FILLS), LEASES, WIDTH)
    assert table == [
        "TRADE  UNITS   PRICE/H  LEASES",
        "t-1        1  0.025000  l-1",
        "t-2        2  0.026000  l-2, l-3",
    ]


def test_a_replaced_order_tells_what_traded_now() -> None:
    told = list(replaced_lines({"qty": 9}, result(4, 5, fills=FILLS), [], WIDTH))
    assert told[0] == "o-7: replaced, traded 3 now at 0.025667 on average, 4 traded in all, 5 rest"
    assert told[-1].endswith("-"), "no lease could be read"


def test_orders_fit_a_terminal() -> None:
    row = {
        "order_id": "o-1234",
        "side": "sell",
        "symbol": "medium.eu-de.metered.2026-11-23T18",
        "leaves_qty": 1_000_000,
        "order_qty": 1_000_000,
        "price_ucr": 10**9,
        "status": "partially_filled",
        "client_order_id": "x" * 64,
    }
    lines = list(order_lines([row, row | {"price_ucr": None}], WIDTH))
    assert max(map(len, lines)) <= WIDTH
    assert all("1000000" in line for line in lines[1:3])
    assert ("1000.000000" in lines[1], "market" in lines[2]) == (True, True)
    assert lines[-1] == "2 open orders"
    assert list(order_lines([], WIDTH)) == ["0 open orders"]


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**9)), min_size=1))
def test_the_average_is_the_nearest_integer(pairs: list[tuple[int, int]]) -> None:
    fills = [{"qty": qty, "price_ucr": price} for qty, price in pairs]
    total, units = sum(qty * price for qty, price in pairs), sum(qty for qty, _ in pairs)
    assert abs(average_ucr(fills) * units - total) * 2 <= units
