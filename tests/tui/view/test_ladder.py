"""The ladder: which prices stand where, what is gathered, when the grid moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.market import book
from tui.view.ladder import (
    Grid,
    Rung,
    centred,
    moved,
    natural_step,
    nice_steps,
    place,
    rungs,
    zoomed,
)
from tui.view.ladder_lines import columns, heading, rung_line
from tui.view.text import width_of

ROWS = 10
BOOK = book({31_000: 5, 30_900: 7}, {31_200: 3, 31_400: 2})


def by_price(rows: list[Rung]) -> dict[int, Rung]:
    return {rung.price_ucr: rung for rung in rows}


def test_rows_go_down_by_the_step_with_the_book_on_them() -> None:
    grid = Grid(100, 31_600, 31_000)
    rows = rungs(grid, BOOK, {(30_900, "buy"): 2}, (31_200, "buy"), ROWS)
    assert [rung.price_ucr for rung in rows] == list(range(31_600, 30_600, -100))
    at = by_price(rows)
    assert (at[31_000].bid_qty, at[31_000].best, at[31_000].cursor) == (5, "bid", True)
    assert (at[31_200].ask_qty, at[31_200].best, at[31_200].last) == (3, "ask", "buy")
    assert (at[30_900].own.bid, at[30_900].own.ask) == (2, 0)


def test_a_coarse_row_gathers_on_the_worse_side() -> None:
    """An order at the row's price must reach all that the row shows."""
    rows = by_price(rungs(Grid(1_000, 35_000, 31_000), BOOK, {}, None, ROWS))
    assert (rows[31_000].bid_qty, rows[30_000].bid_qty) == (5, 7)
    assert rows[32_000].ask_qty == 5


@given(
    st.dictionaries(st.integers(1, 400), st.integers(1, 99), max_size=30),
    st.dictionaries(st.integers(401, 800), st.integers(1, 99), max_size=30),
    st.sampled_from([1, 2, 5, 10, 50]),
)
def test_gathering_loses_nothing_and_never_flatters(
    bids: dict[int, int], asks: dict[int, int], step: int
) -> None:
    rows = rungs(Grid(step, 1_000, step), book(bids, asks), {}, None, 1_000 // step + 1)
    assert sum(rung.bid_qty for rung in rows) == sum(bids.values())
    assert sum(rung.ask_qty for rung in rows) == sum(asks.values())
    for rung in rows:
        assert rung.bid_qty <= sum(q for p, q in bids.items() if p >= rung.price_ucr)
        assert rung.ask_qty <= sum(q for p, q in asks.items() if p <= rung.price_ucr)


def test_the_natural_step_shows_the_best_levels() -> None:
    far = book({30_000: 1, 20_000: 1}, {40_000: 1, 50_000: 1})
    step = natural_step(far, 100, ROWS)
    assert step in nice_steps(100)
    assert 30_000 // step + 1 <= ROWS


def test_an_untouched_grid_follows_the_market_and_a_held_one_does_not() -> None:
    grid = centred(book({10_000: 1}, {10_100: 1}), 100, ROWS)
    assert grid is not None
    followed = place(grid, BOOK, 100, ROWS)
    assert followed is not None
    assert followed.cursor_ucr == 31_000
    nearby = book({10_400: 1}, {10_600: 1})
    held = grid._replace(held=True)
    assert place(grid, nearby, 100, ROWS) != grid
    assert place(held, nearby, 100, ROWS) == held


def test_a_held_grid_lets_go_when_the_whole_market_has_left() -> None:
    grid = centred(book({10_000: 1}, {10_100: 1}), 100, ROWS)
    assert grid is not None
    placed = place(grid._replace(held=True), BOOK, 100, ROWS)
    assert placed is not None
    assert placed.cursor_ucr == 31_000


def test_no_book_no_grid() -> None:
    assert place(None, book({}, {}), 100, ROWS) is None


@given(st.integers(-40, 40), st.integers(1, 40_000))
def test_the_cursor_stays_on_the_grid_in_sight_and_above_zero(by: int, price: int) -> None:
    start = centred(book({price * 100: 1}, {}), 100, ROWS)
    assert start is not None
    grid = moved(start, by, ROWS)
    lowest = grid.top_ucr - (ROWS - 1) * grid.step_ucr
    assert lowest <= grid.cursor_ucr <= grid.top_ucr
    assert grid.cursor_ucr >= 100
    assert (grid.top_ucr - grid.cursor_ucr) % grid.step_ucr == 0
    assert grid.held


@pytest.mark.parametrize("direction", [1, -1])
def test_zoom_keeps_the_cursor_in_sight(direction: int) -> None:
    grid = zoomed(Grid(500, 33_000, 31_000), 100, direction, ROWS)
    assert grid.step_ucr == {1: 1_000, -1: 200}[direction]
    assert grid.top_ucr - (ROWS - 1) * grid.step_ucr <= grid.cursor_ucr <= grid.top_ucr


@pytest.mark.parametrize("width", [44, 45, 46, 53, 64])
@pytest.mark.parametrize("places", [2, 4, 6])
def test_rows_and_heading_fill_the_width(width: int, places: int) -> None:
    shares = columns(width, places)
    for rung in rungs(Grid(100, 31_600, 31_000), BOOK, {}, None, ROWS):
        assert width_of(rung_line(rung, shares, places, 9, focused=True)) == width
    assert width_of(heading(width, shares)) == width


def test_a_bid_below_the_first_step_is_never_said_to_be_at_nothing() -> None:
    """A bid of 0.001 at a step of 0.002. (Seen to fail: its row said 0.000000.)"""
    grid = Grid(2_000, 10_000, 2_000)
    rows = rungs(grid, book({1_000: 3}, {9_000: 1}), {}, None, 6)
    assert (rows[-1].bid_qty, rows[-1].price_ucr) == (3, 0)
    drawn = [rung_line(rung, columns(60, 6, grid), 6, 3, False) for rung in rows]
    said = ["".join(text for text, _, _ in line) for line in drawn]
    assert "<0.002000" in said[-1] and "0.000000" not in "".join(said)
    assert {len(line) for line in said} == {60}
    assert "<" not in "".join(said[:-1])
