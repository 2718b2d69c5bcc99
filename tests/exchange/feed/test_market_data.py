"""Tickers and candles as pure folds, against what one computes from the list of all trades."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exchange.feed.candles import CANDLES_KEPT, INTERVALS_MS, Candles
from exchange.feed.feed import Feed
from exchange.feed.ticker import BUCKET_MS, Day, Tickers
from exchange.session.outbox import Outbox
from exchange.units import MS_PER_DAY
from exchange.wire.codec import JSON
from exchange.wire.frames import Candle, Ticker, Trade
from tests.exchange.feed.test_feed import SYMBOL, Source, session

START_MS = 1_800_000_000_000
MINUTE_MS = 60_000


def trade(price: int, qty: int, at_ms: int) -> Trade:
    return Trade(SYMBOL, f"t-{at_ms}", price, qty, "buy", 1, START_MS + at_ms)


def sent(outbox: Outbox, number: int = 1) -> list[Any]:
    """Return the frames since the last call."""
    items = outbox.take().get(number, [])
    return [JSON.decode_frame(item) for item in items if isinstance(item, bytes) and item]


# --- ticker ---


def test_a_ticker_gives_the_best_prices_and_the_day() -> None:
    source, outbox = Source(), Outbox()
    tickers = Tickers(source, outbox)
    tickers.join(session(1), SYMBOL, START_MS)
    assert sent(outbox) == [Ticker(SYMBOL, 0, START_MS, 0)]
    source.change("buy", 10, 5)
    source.change("sell", 12, 3)
    tickers.touched(SYMBOL)
    for price, qty in ((12, 1), (11, 2)):
        tickers.trade(trade(price, qty, 0))
    tickers.flush(START_MS + 1)
    assert sent(outbox) == [
        Ticker(SYMBOL, 2, START_MS + 1, 3, 10, 5, 12, 3, last_ucr=11, open_24h_ucr=12)
    ]


def test_a_ticker_is_silent_while_nothing_changes() -> None:
    source, outbox = Source(), Outbox()
    tickers = Tickers(source, outbox)
    tickers.join(session(1), SYMBOL, START_MS)
    source.change("buy", 10, 5)
    tickers.touched(SYMBOL)
    tickers.flush(START_MS)
    assert len(sent(outbox)) == 2
    source.change("buy", 9, 5)  # not the best level
    tickers.touched(SYMBOL)
    tickers.flush(START_MS + 1)
    assert sent(outbox) == []


def test_time_alone_takes_trades_out_of_the_day() -> None:
    source, outbox = Source(), Outbox()
    tickers = Tickers(source, outbox)
    tickers.trade(trade(12, 1, 0))
    tickers.trade(trade(11, 2, BUCKET_MS))
    tickers.flush(START_MS)
    tickers.join(session(1), SYMBOL, START_MS)
    assert [frame.volume_24h for frame in sent(outbox)] == [3]
    for at_ms, expected in (
        (MS_PER_DAY, []),
        (MS_PER_DAY + BUCKET_MS, [(2, 11)]),
        (MS_PER_DAY + 2 * BUCKET_MS, [(0, None)]),
        (MS_PER_DAY + 3 * BUCKET_MS, []),
    ):
        tickers.tick(START_MS + at_ms)
        tickers.flush(START_MS + at_ms)
        frames = sent(outbox)
        assert [(frame.volume_24h, frame.open_24h_ucr) for frame in frames] == expected
        assert all(frame.last_ucr == 11 for frame in frames)


def test_without_a_symbol_every_ticker_is_heard_once() -> None:
    source, outbox = Source(), Outbox()
    tickers = Tickers(source, outbox)
    both = session(1)
    tickers.join(both, "", START_MS)
    tickers.join(both, SYMBOL, START_MS)
    assert len(sent(outbox)) == 2
    tickers.trade(trade(12, 1, 0))
    tickers.flush(START_MS)
    assert len(sent(outbox)) == 1
    tickers.leave(both, "")
    tickers.leave(both, SYMBOL)
    tickers.trade(trade(13, 1, 1))
    tickers.flush(START_MS)
    assert sent(outbox) == []


def by_time(rows: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    return sorted(rows, key=lambda row: row[0])


moments = st.lists(st.tuples(st.integers(0, 3 * MS_PER_DAY), st.integers(1, 9), st.integers(1, 5)))


@given(moments)
def test_the_day_holds_what_traded_in_24_hours(rows: list[tuple[int, int, int]]) -> None:
    """(Seen to fail with a `roll` that forgets one bucket at a time.)"""
    day = Day()
    trades: list[tuple[int, int, int]] = []
    for at_ms, price, qty in by_time(rows):
        trades.append((at_ms, price, qty))
        day.trade(price, qty, START_MS + at_ms)
        oldest_ms = at_ms - MS_PER_DAY
        day.roll(START_MS + at_ms)
        inside = [row for row in trades if bucket_end(row[0]) > START_MS + oldest_ms]
        assert day.volume == sum(row[2] for row in inside)
        assert day.open_ucr == inside[0][1]
        assert day.last_ucr == price


def bucket_end(at_ms: int) -> int:
    at_ms += START_MS
    return at_ms - at_ms % BUCKET_MS + BUCKET_MS


# --- candles ---


def grouped(trades: list[Trade], interval_ms: int) -> list[tuple[int, ...]]:
    """Return the candles of ``trades`` by the plain definition: the oracle."""
    groups: dict[int, list[Trade]] = {}
    for one in trades:
        groups.setdefault(one.ts_ms // interval_ms * interval_ms, []).append(one)
    rows: list[tuple[int, ...]] = []
    for open_ms, group in groups.items():
        prices = [one.price_ucr for one in group]
        volume = sum(one.qty for one in group)
        rows.append((open_ms, prices[0], max(prices), min(prices), prices[-1], volume))
    return rows


def row_of(candle: Candle) -> tuple[int, ...]:
    prices = candle.open_ucr, candle.high_ucr, candle.low_ucr, candle.close_ucr
    return (candle.open_ms, *prices, candle.volume)


@given(
    st.lists(st.tuples(st.integers(0, 400_000), st.integers(1, 9), st.integers(1, 5)), max_size=60),
    st.sampled_from(INTERVALS_MS[:3]),
    st.integers(0, 60),
    st.integers(1, 7),
)
def test_a_follower_holds_the_candles_of_all_trades(
    rows: list[tuple[int, int, int]], interval_ms: int, join_at: int, batch: int
) -> None:
    """(Seen to fail without the frame of a candle that closed in the middle of a batch.)"""
    outbox = Outbox()
    candles = Candles(outbox)
    chart: dict[int, Candle] = {}
    trades = [trade(price, qty, at_ms) for at_ms, price, qty in by_time(rows)]
    for number, one in enumerate(trades):
        if number == join_at:
            candles.join(session(1), SYMBOL, interval_ms, one.ts_ms)
        candles.trade(one)
        if number % batch == 0:
            candles.flush()
    if join_at >= len(trades):
        candles.join(session(1), SYMBOL, interval_ms, START_MS)
    candles.flush()
    for frame in sent(outbox):
        before = chart.get(frame.open_ms)
        assert before is None or not before.closed, "a closed candle never changes"
        chart[frame.open_ms] = frame
    assert [row_of(chart[key]) for key in sorted(chart)] == grouped(trades, interval_ms)
    assert all(chart[key].closed for key in sorted(chart)[:-1])


def test_the_clock_closes_a_candle() -> None:
    outbox = Outbox()
    candles = Candles(outbox)
    candles.join(session(1), SYMBOL, MINUTE_MS, START_MS)
    candles.trade(trade(10, 1, 0))
    candles.flush()
    assert [frame.closed for frame in sent(outbox)] == [False]
    for at_ms, expected in ((MINUTE_MS - 1, []), (MINUTE_MS, [True]), (2 * MINUTE_MS, [])):
        candles.tick(START_MS + at_ms)
        candles.flush()
        assert [frame.closed for frame in sent(outbox)] == expected


def test_the_history_is_bounded_and_encoded_once() -> None:
    outbox = Outbox()
    candles = Candles(outbox)
    for number in range(CANDLES_KEPT + 100):
        candles.trade(trade(10, 1, number * MINUTE_MS))
    for number in (1, 2):
        candles.join(session(number), SYMBOL, MINUTE_MS, START_MS)
    first, second = (items for items in outbox.take().values())
    assert len(first) == CANDLES_KEPT + 1
    assert all(mine is yours for mine, yours in zip(first[:-1], second[:-1], strict=True))


def test_leaving_ends_all_intervals_of_a_symbol() -> None:
    outbox = Outbox()
    candles, reader = Candles(outbox), session(1)
    for interval_ms in INTERVALS_MS:
        candles.join(reader, SYMBOL, interval_ms, START_MS)
    candles.trade(trade(10, 1, 0))
    candles.flush()
    assert [frame.interval_ms for frame in sent(outbox)] == list(INTERVALS_MS)
    candles.leave(reader, SYMBOL)
    candles.trade(trade(10, 1, 1))
    candles.flush()
    assert sent(outbox) == []


# --- both, in the feed ---


def test_a_feed_recalls_what_another_remembered() -> None:
    """A snapshot of the exchange carries the feed's memory: a restart shows the same."""
    source, outbox = Source(), Outbox()
    feed, again = Feed(source, outbox), Feed(source, outbox)
    for number in range(130):
        feed.remember(trade(10 + number % 7, 1, number * 20_000))
    again.recall(feed.memory())
    shown = []
    for one in (feed, again):
        reader = session(1)
        one.tickers.join(reader, SYMBOL, START_MS)
        one.join_trades(reader, SYMBOL)
        for interval_ms in INTERVALS_MS:
            one.candles.join(reader, SYMBOL, interval_ms, START_MS)
        one.remember(trade(99, 1, 130 * 20_000))
        one.flush(START_MS)
        shown.append(sent(outbox))
    assert shown[0] == shown[1]
    assert len(shown[0]) > 50


def test_a_symbol_that_is_gone_is_forgotten() -> None:
    source, outbox = Source(), Outbox()
    feed = Feed(source, outbox)
    gone = Trade("small.eu-de.flat.2020-01-01T00", "t-1", 5, 1, "buy", 1, START_MS)
    feed.remember(gone)
    feed.forget(gone.symbol, START_MS)
    feed.tickers.join(session(1), gone.symbol, START_MS)
    assert [frame.last_ucr for frame in sent(outbox)] == [None]
