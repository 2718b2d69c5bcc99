"""The chart says what the candles say; the strip of hours what the windows cost."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.wire.frames import Candle, InstrumentsSnapshot, TradesSnapshot
from tests.tui.market import SYMBOL, WINDOW, instrument, lease, trade
from tui.view import chart, hours
from tui.view.bars import sparkline
from tui.view.candles import KEPT, VWAP_MS, Candles
from tui.view.model import Model
from tui.view.text import Line, width_of

MINUTE_MS = 60_000
NOW_MS = 100 * MINUTE_MS


def candle(at: int, prices: tuple[int, int, int, int], volume: int = 1) -> Candle:
    return Candle(SYMBOL, MINUTE_MS, at * MINUTE_MS, *prices, volume, closed=True)


def drawn(candles: list[Candle], width: int, height: int, vwap: int | None = None) -> list[Line]:
    shown = {each.open_ms: each for each in candles}
    return chart.lines(shown, MINUTE_MS, NOW_MS, vwap, (width, height), 4)


def texts(rows: list[Line]) -> list[str]:
    return ["".join(text for text, _, _ in row) for row in rows]


def test_a_rising_candle_is_hollow_and_a_falling_one_filled() -> None:
    rising = candle(99, (31_000, 31_400, 30_900, 31_300))
    falling = candle(100, (31_300, 31_400, 30_900, 31_000))
    rows = texts(drawn([rising, falling], 30, 7))
    last = [row[22] for row in rows[:-1]]
    before = [row[21] for row in rows[:-1]]
    assert set("".join(before)) <= set("┃╹╻╿╽│╵╷ ")
    assert "┃" in before
    assert "█" in last
    assert rows[0].endswith(" 0.0314")
    assert rows[5].endswith(" 0.0309") or rows[5].endswith(" 0.0310")


def test_time_without_trades_stays_empty_and_the_average_is_ruled() -> None:
    few = [
        candle(90, (31_000, 31_400, 30_900, 31_300)),
        candle(100, (31_000, 31_400, 30_900, 31_300)),
    ]
    rows = texts(drawn(few, 30, 7, vwap=31_200))
    between = {row[13:22] for row in rows[:-1]}
    assert between == {" " * 9, "┈" * 9}
    assert rows[-1].split() == ["01:20", "01:30"]


def test_no_trades_at_all_says_so() -> None:
    assert "no trades" in texts(drawn([], 30, 7))[0]


prices = st.tuples(*[st.integers(1, 10**9)] * 4).map(sorted)


@given(
    st.dictionaries(st.integers(1, 100), prices, max_size=60),
    st.integers(1, 120),
    st.integers(1, 40),
    st.one_of(st.none(), st.integers(1, 10**9)),
)
def test_every_size_is_filled(
    found: dict[int, list[int]], width: int, height: int, vwap: int | None
) -> None:
    """Candles of any price: never too long a row, and each candle leaves a mark."""
    made = [candle(at, (p[1], p[3], p[0], p[2])) for at, p in found.items()]
    rows = drawn(made, width, height, vwap)
    assert [width_of(row) for row in rows] == [width] * height


def test_the_average_weighs_by_volume_and_begins_at_midnight() -> None:
    kept = Candles()
    day_ms = 86_400_000
    for at_ms, price, volume in ((day_ms - VWAP_MS, 99, 50), (day_ms, 10, 1), (day_ms + 1, 20, 3)):
        kept.add(Candle(SYMBOL, VWAP_MS, at_ms, price, price, price, price, volume, closed=True))
    assert kept.vwap(SYMBOL, day_ms + 60_000) == 17
    assert kept.vwap("other", day_ms) is None


def test_a_growing_candle_is_replaced_and_old_ones_go() -> None:
    kept = Candles()
    for at in range(KEPT + 5):
        kept.add(candle(at, (1, 1, 1, 1)))
    kept.add(candle(KEPT + 4, (1, 9, 1, 9)))
    found = kept.since(SYMBOL, MINUTE_MS, 0)
    assert len(found) == KEPT
    assert found[(KEPT + 4) * MINUTE_MS].close_ucr == 9


def test_a_sparkline_runs_from_the_lowest_to_the_highest() -> None:
    assert sparkline((1, 2, 3, 4, 5, 6, 7, 8), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline((5, 5), 4) == "▁▁▁▁"
    assert sparkline((), 4) == "    "


def market_of_windows(count: int) -> Model:
    """Return a market with hours 0 to ``count``, each a tick dearer, the third one ours."""
    model = Model()
    symbols = [WINDOW[:-2] + f"{hour:02}" for hour in range(count)]
    windows = [instrument(symbol) for symbol in symbols]
    for hour, item in enumerate(windows):
        item.start_ms = hour * 3_600_000
    model.apply(InstrumentsSnapshot([instrument(), *windows]), 0)
    for hour, symbol in enumerate(symbols):
        deal = trade(hour + 1, 31_000 + 100 * hour)
        deal.symbol = symbol
        model.apply(TradesSnapshot(symbol, [deal]), 0)
    ours = lease(1)
    ours.symbol = WINDOW[:-2] + "02"
    model.account.reset(0, 0, [ours])
    return model


def test_hours_tell_their_price_and_which_are_ours() -> None:
    strip = hours.hours(market_of_windows(12), SYMBOL)
    names, figures, *bars = texts(hours.lines(strip, 120, 6, 4))
    assert names.split()[:4] == ["00", "01", "02●", "03"]
    assert figures.split()[2] == "0.0312"
    assert bars[0].count("█") + bars[0].count("▇") < bars[-1].count("█")
    assert hours.note(strip, 4) == "● 1 yours, 0.0310 to 0.0321, UTC"
    assert hours.at_cell(strip, 10 * 2, 120, 4).endswith("T02")
    assert hours.at_cell(strip, 125, 130, 4) == ""


@given(st.integers(0, 30), st.integers(12, 250), st.integers(1, 12))
def test_the_strip_fits_and_its_prices_are_whole(count: int, width: int, height: int) -> None:
    strip = hours.hours(market_of_windows(count), SYMBOL)
    rows = hours.lines(strip, width, height, 4)
    assert {width_of(row) for row in rows} <= {width}
    figures = [part for row in texts(rows) for part in row.split() if "." in part]
    assert all(len(part) in (5, 6) for part in figures)
