"""Numbers and rows as a person reads them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.units import MAX_PRICE_UCR
from tui.view.bars import bar_eighths, bar_left, bar_right, column
from tui.view.text import (
    clock_text,
    exact_price_text,
    fit,
    join_ends,
    money_text,
    parse_price_ucr,
    places_of,
    price_text,
    qty_text,
    short_symbol,
    span,
    span_text,
    title_line,
    width_of,
)


@pytest.mark.parametrize(
    ("tick_ucr", "places"), [(1, 6), (10, 5), (100, 4), (250, 5), (1_000, 3), (1_000_000, 2)]
)
def test_places_follow_the_tick(tick_ucr: int, places: int) -> None:
    assert places_of(tick_ucr) == places


@pytest.mark.parametrize(
    ("price_ucr", "places", "text"),
    [(31_200, 4, "0.0312"), (31_250, 4, "0.0313"), (1, 6, "0.000001"), (12_345_678, 2, "12.35")],
)
def test_price(price_ucr: int, places: int, text: str) -> None:
    assert price_text(price_ucr, places) == text


@pytest.mark.parametrize(
    ("amount_ucr", "text"),
    [(0, "0.0000"), (-99, "0.0000"), (-31_200, "−0.0312"), (1_234_567_890_000, "1,234,567.8900")],
)
def test_money(amount_ucr: int, text: str) -> None:
    assert money_text(amount_ucr) == text


@pytest.mark.parametrize(
    ("typed", "price_ucr"),
    [
        ("0.0312", 31_200),
        (".5", 500_000),
        ("3.", 3_000_000),
        ("", None),
        (".", None),
        ("1.2345678", None),
        ("1e3", None),
        ("-1", None),
        ("٣", None),
    ],
)
def test_typed_price(typed: str, price_ucr: int | None) -> None:
    assert parse_price_ucr(typed) == price_ucr


@given(st.integers(1, MAX_PRICE_UCR))
def test_a_price_shown_in_full_reads_back_as_itself(price_ucr: int) -> None:
    assert parse_price_ucr(price_text(price_ucr, 6)) == price_ucr


@pytest.mark.parametrize(
    ("qty", "text"), [(1, "1"), (12_345, "12,345"), (100_000, "100k"), (1_000_000, "1,000k")]
)
def test_qty_fits_six_cells(qty: int, text: str) -> None:
    assert qty_text(qty) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 s"),
        (59_999, "59 s"),
        (61_000, "1m 01s"),
        (3_600_000, "1h 00m"),
        (90_000_000, "1d 01h"),
    ],
)
def test_durations(ms: int, text: str) -> None:
    assert span_text(ms) == text


def test_clock() -> None:
    assert clock_text(1_795_430_590_000) == "10:43:10"


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (30, "small.eu-de.flat.2026-11-23T18"),
        (29, "small.eu-de.flat.11-23T18"),
        (22, "small.eu-de.f.11-23T18"),
        (20, "small.eu-de…11-23T18"),
        (16, "small.eu-de…T18"),
        (5, "smal…"),
    ],
)
def test_a_window_gives_up_its_year_first(width: int, text: str) -> None:
    assert short_symbol("small.eu-de.flat.2026-11-23T18", width) == text


SPOTS = [f"{name}.eu-de.{how}.spot" for name in ("nano", "medium") for how in ("flat", "metered")]


@pytest.mark.parametrize("width", [15, 16, 19, 25])
def test_a_short_symbol_still_shows_class_zone_and_pricing(width: int) -> None:
    """Keeping the head and the tail of the symbol, as before, fails at 15 and 16."""
    shown = [short_symbol(symbol, width) for symbol in SPOTS]
    assert len(set(shown)) == len(SPOTS)
    assert all(".eu-de." in text and len(text) <= width for text in shown)


def test_a_price_is_shown_exactly_where_it_matters() -> None:
    shown = [exact_price_text(ucr, 4) for ucr in (30_050, 30_100, 1, 9_999_000_000)]
    assert shown == ["0.03005", "0.0301", "0.000001", "9999.0000"]


@given(st.lists(st.text(min_size=1, max_size=9), max_size=5), st.integers(0, 30))
def test_fit_is_exact(texts: list[str], width: int) -> None:
    assert width_of(fit(tuple(span(text) for text in texts), width)) == width


@given(st.text(max_size=20), st.text(max_size=10), st.integers(20, 60))
def test_ends_and_titles_fill_their_width(left: str, right: str, width: int) -> None:
    assert width_of(join_ends((span(left),), (span(right),), width)) == width
    assert width_of(title_line("TAPE", (span(right),), width)) == width


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 40))
def test_bars_stay_in_their_cells_and_never_hide_a_digit(
    value: int, largest: int, cells: int
) -> None:
    eighths = bar_eighths(value, largest, cells)
    assert 0 <= eighths <= cells * 8
    assert (eighths > 0) == (value > 0 and largest > 0)
    text = f"{'12':>{cells}}"[:cells]
    for draw in (bar_left, bar_right):
        line = draw(text, eighths, "text", "bid_bar", "back")
        assert width_of(line) == cells
        shown = "".join(piece for piece, _, _ in line)
        assert all(b == a for a, b in zip(text, shown, strict=True) if a != " ")
    assert len(column(value, largest, cells)) == cells


def test_the_page_on_the_terminal_explains_the_short_forms() -> None:
    page = (Path(__file__).parents[3] / "docs" / "terminal.md").read_text("utf-8")
    whole = "small.eu-de.flat.2026-11-22T18"
    assert all(f"`{short_symbol(whole, width)}`" in page for width in (30, 22, 16))
