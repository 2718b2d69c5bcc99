"""Tape, depth curve, list of instruments, head line, connection."""

import pytest

from exchange.wire.frames import TradesSnapshot
from tests.tui.market import SYMBOL, WINDOW, book, instrument, trade
from tui.view import depth, instruments, tape
from tui.view.connection import Connection, Standing, badge, explanation
from tui.view.head import head_line
from tui.view.tape import TAPE_MAX, Tape
from tui.view.text import Line, width_of


def text_of(line: Line) -> str:
    return "".join(text for text, _, _ in line)


def test_the_tape_is_newest_first_whatever_order_the_snapshot_has() -> None:
    for trades in ([trade(1), trade(2), trade(3)], [trade(3), trade(2), trade(1)]):
        view = Tape()
        view.reset(TradesSnapshot(SYMBOL, trades))
        assert [one.trade_id for one in view.trades] == ["t-3", "t-2", "t-1"]


def test_the_tape_knows_each_move_and_is_bounded() -> None:
    view = Tape()
    for number, price in enumerate((31_000, 31_100, 31_100, 30_900)):
        view.add(trade(number, price))
    assert list(view.moves) == [-1, 0, 1, 0]
    for number in range(TAPE_MAX * 2):
        view.add(trade(number))
    assert len(view.trades) == TAPE_MAX


@pytest.mark.parametrize(
    ("side", "move", "mine", "part"),
    [("buy", 1, False, "0.0312 ▲"), ("sell", -1, False, "0.0312 ▼"), ("buy", 0, True, "● mine")],
)
def test_a_trade_shows_its_direction_and_whose_it_is(
    side: str, move: int, mine: bool, part: str
) -> None:
    line = tape.trade_line(tape.seen(trade(5, side="buy"), move, mine), 34, 4, 10)
    assert part in text_of(line)
    assert width_of(line) == 34


@pytest.mark.parametrize(("width", "height"), [(33, 17), (46, 10), (20, 3), (7, 4), (30, 1)])
def test_depth_fills_its_pane(width: int, height: int) -> None:
    lines = depth.lines(book({31_000: 5, 30_000: 9}, {31_200: 3}), width, height, 4)
    assert len(lines) == height
    assert {width_of(line) for line in lines} == {width}


def test_depth_grows_outward_and_names_the_best_prices() -> None:
    lines = depth.lines(book({31_000: 5, 30_500: 9}, {31_200: 20, 31_700: 13}), 40, 6, 4)
    axis = text_of(lines[-1])
    assert "0.0310 ┊ 0.0312" in axis
    grounds = [sum(len(t) for t, _, g in line if g == "ask_fill") for line in lines[:-1]]
    assert grounds == sorted(grounds)
    assert grounds[-1] > grounds[0]


def test_an_empty_book_says_so() -> None:
    assert "no orders yet" in text_of(depth.lines(book({}, {}), 40, 6, 4)[0])


def test_instruments_spot_first_then_windows_by_hour() -> None:
    later = WINDOW.replace("T18", "T19")
    given = [instrument(later), instrument(WINDOW), instrument()]
    ordered = sorted(given, key=instruments.sort_key)
    assert [item.symbol for item in ordered] == [SYMBOL, WINDOW, later]


@pytest.mark.parametrize(
    ("typed", "found"),
    [("", 2), ("small", 2), ("spot", 1), ("T18 flat", 1), ("SMALL Spot", 1), ("huge", 0)],
)
def test_search_matches_every_word(typed: str, found: int) -> None:
    assert len(instruments.matching([instrument(), instrument(WINDOW)], typed)) == found


def test_prices_of_different_ticks_keep_their_points_in_line() -> None:
    view = Tape()
    view.add(trade(1))
    fine = instruments.row(instrument(tick_ucr=1), book({31_000: 1}, {31_200: 1}), view)
    coarse = instruments.row(instrument(WINDOW), book({31_000: 1}, {}), view)
    cells = instruments.share((fine, coarse), 60, 6)
    rows = [text_of(instruments.row_line(row, 60, cells, False, False)) for row in (fine, coarse)]
    points = [
        [at for at, char in enumerate(row) if char == "." and at > cells.symbol] for row in rows
    ]
    assert points[0][0] == points[1][0]
    assert points[0][-1] == points[1][-1]


STANDINGS: list[tuple[list[tuple[str, int]], int, Standing]] = [
    ([], 0, "connecting"),
    ([("up", 0)], 2_900, "live"),
    ([("up", 0)], 3_100, "stale"),
    ([("up", 0), ("heard", 3_000)], 5_900, "live"),
    ([("up", 0), ("lost", 1_000)], 1_000, "reconnecting"),
    ([("up", 0), ("lost", 1_000), ("up", 2_000)], 2_500, "live"),
    ([("up", 0), ("lost", 1_000), ("over", 2_000)], 2_000, "over"),
]


@pytest.mark.parametrize(("events", "now_ms", "standing"), STANDINGS)
def test_what_may_be_believed(
    events: list[tuple[str, int]], now_ms: int, standing: Standing
) -> None:
    link = Connection()
    for what, at_ms in events:
        match what:
            case "up":
                link.connected(at_ms)
            case "lost":
                link.lost("reset by peer")
            case "over":
                link.lost("bad_signature", for_good=True)
            case _:
                link.heard(at_ms)
    assert link.standing(now_ms) == standing
    assert ("STALE" in text_of(badge(link, now_ms))) == (
        standing in ("stale", "reconnecting", "over")
    )
    assert (explanation(link, now_ms) == "") == (standing == "live")


@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_the_head_never_loses_the_connection(width: int) -> None:
    link = Connection()
    line = head_line(WINDOW, book({1: 1}, {2: 1}), Tape(), 6, "someone", link, width, 0)
    assert width_of(line) == width
    assert "connecting" in text_of(line)
