"""The past is asked for in pieces, newest first, and comes together whole."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.units import MS_PER_DAY, MS_PER_HOUR
from tui.view.history import PAGE_ROWS, ROWS_MAX, History, Sums
from tui.view.months import day_of, days_in, later, month_of, month_text

NOW_MS = 1_795_430_590_000
MONTH_MS = month_of(NOW_MS)


def test_months_and_days() -> None:
    assert month_text(MONTH_MS) == "2026-11"
    assert month_text(later(MONTH_MS, 2)) == "2027-01"
    assert month_text(later(MONTH_MS, -11)) == "2025-12"
    assert len(days_in(later(MONTH_MS, -9))) == 28
    assert day_of(NOW_MS) in days_in(MONTH_MS)


class Exchange:
    """Answers `account.statement` as the exchange does: oldest first, 200 rows a page."""

    def __init__(self, trades_ms: list[int], lines: list[dict[str, Any]]) -> None:
        self.trades = [_trade(number, ts_ms) for number, ts_ms in enumerate(sorted(trades_ms))]
        self.lines = lines
        self.asked = 0

    def answer(self, request: Any) -> Mapping[str, Any]:
        self.asked += 1
        rows = {"trades": self.trades, "invoices": self.lines}.get(request.kind, [])
        found = [row for row in rows if request.from_ms <= row["ts_ms"] < request.to_ms]
        page = found[request.offset : request.offset + PAGE_ROWS]
        more = len(found) > request.offset + PAGE_ROWS
        return {"rows": page, "next": request.offset + PAGE_ROWS if more else None}


def _trade(number: int, ts_ms: int) -> dict[str, Any]:
    return {"trade_id": f"t-{number}", "ts_ms": ts_ms, "seq": number}


def line(ts_ms: int, amount_ucr: int, fee_ucr: int = 0, side: str = "buyer") -> dict[str, Any]:
    return {"ts_ms": ts_ms, "as": side, "amount_ucr": amount_ucr, "fee_ucr": fee_ucr}


def read(history: History, exchange: Exchange, now_ms: int) -> None:
    while (job := history.next(now_ms)) is not None:
        history.took(job, exchange.answer(job.request))


@given(st.lists(st.integers(MONTH_MS, NOW_MS - 1), max_size=60), st.integers(0, 30))
def test_every_fill_of_the_month_is_read_once_also_those_that_come_later(
    times: list[int], later_count: int
) -> None:
    fresh = [NOW_MS + number * 100 for number in range(later_count)]
    exchange, history = Exchange(times, []), History()
    read(history, exchange, NOW_MS)
    assert set(history.rows["trades"]) == {row["trade_id"] for row in exchange.trades}
    exchange.trades += [_trade(len(times) + number, ts) for number, ts in enumerate(fresh)]
    history.changed()
    read(history, exchange, NOW_MS + 5_000)
    assert set(history.rows["trades"]) == {row["trade_id"] for row in exchange.trades}


def test_of_very_many_the_newest_are_read() -> None:
    exchange = Exchange([NOW_MS - MS_PER_DAY - number for number in range(3 * ROWS_MAX)], [])
    exchange.trades += [_trade(10**6 + number, NOW_MS - number - 1) for number in range(ROWS_MAX)]
    history = History()
    read(history, exchange, NOW_MS)
    assert len(history.rows["trades"]) == ROWS_MAX
    assert min(row["ts_ms"] for row in history.rows["trades"].values()) > NOW_MS - MS_PER_HOUR


def test_days_and_months_are_sums_and_the_past_is_asked_for_once() -> None:
    today, before = day_of(NOW_MS), later(MONTH_MS, -1)
    lines = [line(today + number, 10) for number in range(450)]
    lines += [line(today - MS_PER_DAY, 70, 1, "seller"), line(before, 5)]
    exchange, history = Exchange([], lines), History()
    read(history, exchange, NOW_MS)
    assert history.days[today] == Sums(4_500, 0, 450)
    assert history.days[today - MS_PER_DAY] == Sums(0, 69, 1)
    assert history.months[MONTH_MS] == Sums(4_500, 69, 451)
    assert history.months[before] == Sums(5, 0, 1)
    asked = exchange.asked
    history.changed()
    read(history, exchange, NOW_MS + 5_000)
    assert exchange.asked - asked == 2 + 3 + 3  # rows of both kinds, today, this month
    history.show(before)
    read(history, exchange, NOW_MS + 10_000)
    assert history.days[before] == Sums(5, 0, 1)
    assert len(history.days) == len(days_in(before)) + (today - MONTH_MS) // MS_PER_DAY + 1


@pytest.mark.parametrize("after", [0, 1, 7, 20])
def test_a_page_that_was_not_had_is_asked_for_again(after: int) -> None:
    exchange = Exchange([NOW_MS - 9 * MS_PER_DAY, NOW_MS - 1], [line(NOW_MS - 1, 3)])
    history, steps = History(), 0
    while (job := history.next(NOW_MS)) is not None:
        steps += 1
        if steps == after + 1:
            history.failed(job, "the connection was lost")
            assert history.trouble == "the connection was lost"
            continue
        history.took(job, exchange.answer(job.request))
        assert history.trouble == ""
    assert len(history.rows["trades"]) == 2
    assert history.months[MONTH_MS].paid_ucr == 3


@pytest.mark.parametrize("had", [True, False])
@pytest.mark.parametrize("after", range(4))
def test_an_answer_for_a_month_that_is_no_longer_shown_changes_nothing(
    had: bool, after: int
) -> None:
    before = later(MONTH_MS, -1)
    exchange, history = Exchange([NOW_MS - 1, before + 7], [line(before, 5)]), History()
    for _ in range(after):
        job = history.next(NOW_MS)
        assert job is not None
        history.took(job, exchange.answer(job.request))
    late = history.next(NOW_MS)
    assert late is not None
    history.show(before)
    if had:
        history.took(late, exchange.answer(late.request))
    else:
        history.failed(late, "the connection was lost")
    read(history, exchange, NOW_MS)
    assert [row["ts_ms"] for row in history.rows["trades"].values()] == [before + 7]
    assert history.months[before].paid_ucr == 5


def test_what_happens_while_pages_are_to_come_loses_none_of_them() -> None:
    exchange, history = Exchange([MONTH_MS, NOW_MS - 1], []), History()
    now_ms = NOW_MS
    for _ in range(200):
        history.changed()
        job = history.next(now_ms)
        now_ms += 700
        if job is not None:
            history.took(job, exchange.answer(job.request))
    assert set(history.rows["trades"]) == {"t-0", "t-1"}
    assert len(history.days) == len([day for day in days_in(MONTH_MS) if day <= NOW_MS])
