"""The Automation screen's pure part: what is kept, the axis, rows, budgets, forms."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.control.frames import (
    AlertRow,
    BurstRow,
    Change,
    LoadRow,
    OrderRow,
    RuleRow,
    Snapshot,
    SpendRow,
    UnitRow,
)
from manager.core.unit import UnitState
from tui.view import axis, farm_past
from tui.view.automation import (
    burst_rows,
    fired_ms,
    load_text,
    resumes,
    rule_rows,
    steps_text,
    why,
)
from tui.view.automation_layout import FARM_ROWS, heights
from tui.view.farm import Farm
from tui.view.farm_past import LoadPast, Point, StepPast
from tui.view.rule_detail import ROWS, rule_lines, status_line
from tui.view.text import Line, width_of
from tui.view.threshold import Threshold, threshold

RULE = RuleRow(
    "burst",
    "util > 70 for 2m",
    "buy 4",
    "holding",
    since_ms=10_000,
    needs=["util > 70 for 2m: 85 s more"],
    fired_ms=5_000,
    units=2,
    spent_ucr=2_100_000,
    held_ucr=124_000,
    budget_day_ucr=50_000_000,
)


def unit(state: UnitState, joined_ms: int = 0) -> UnitRow:
    return UnitRow("l-1-0", "l-1", "h-1", 31_000, state, joined_ms=joined_ms)


def burst(*units: UnitRow, orders: list[OrderRow] | None = None) -> BurstRow:
    return BurstRow("burst", "web", hour_ucr=31_000, units=list(units), orders=orders or [])


def load(rps: float | None, ready: int = 1, stale: bool = False) -> LoadRow:
    return LoadRow(100.0, 1, rps, ready=ready, stale=stale, online=True)


def farm(**rows: Any) -> Farm:
    made = Farm()
    made.apply(Snapshot(20_000, **{"load": load(45.0), "rules": [RULE], **rows}))
    return made


def text(lines: list[Line] | Line) -> str:
    each = lines if isinstance(lines, list) else [lines]
    return "\n".join("".join(part for part, _, _ in line) for line in each)


# --- what is kept ---


def test_the_load_is_kept_by_the_second_then_by_the_minute_with_its_peaks() -> None:
    past = LoadPast()
    for second in range(3 * farm_past.FINE_MAX):
        past.add(1_000 * second, load(900.0 if second == 30 else 1.0))
        past.add(1_000 * second + 500, load(2.0))
    points = past.points()
    assert [one.at_ms for one in points] == sorted({one.at_ms for one in points})
    assert points[0] == Point(0, 900.0, 100.0)
    assert points[-1] == Point(1_000 * (3 * farm_past.FINE_MAX - 1), 2.0, 100.0)
    assert len(points) == farm_past.FINE_MAX + 60


@given(st.lists(st.tuples(st.integers(0, 10**9), st.floats(0, 1e6)), max_size=60))
def test_what_is_kept_is_bounded_and_in_order(seen: list[tuple[int, float]]) -> None:
    past = LoadPast()
    for at_ms, rps in seen:
        past.add(at_ms, load(rps))
    times = [one.at_ms for one in past.points()]
    assert times == sorted(times)


def test_what_the_manager_read_before_comes_first_and_a_lost_manager_leaves_a_gap() -> None:
    seen = farm()
    seen.past.read([[1_000, 7.0], [30_000, 8.0]])
    assert [one.load_rps for one in seen.past.points()] == [7.0, 45.0]
    seen.lost("gone")
    assert seen.past.points()[-1] == Point(21_000, None)
    stale = LoadPast()
    stale.add(1, load(5.0, stale=True))
    assert stale.points() == [Point(1, None, 100.0)]


def test_the_steps_of_a_unit_until_it_is_gone() -> None:
    past = StepPast()
    states: list[UnitState] = ["leased", "requested", "starting", "joining", "ready", "draining"]
    for second, state in enumerate(states):
        past.add(1_000 * second, [burst(unit(state))])
    past.add(9_000, [])
    past.add(10_000, [])
    [seen] = past.between(0)
    assert seen.steps == [
        (0, "bought"),
        (1_000, "starting"),
        (3_000, "ready"),
        (4_000, "in service"),
        (5_000, "draining"),
        (9_000, "gone"),
    ]
    assert past.between(9_001) == []


def test_a_unit_found_in_service_says_since_when_and_units_are_bounded() -> None:
    past = StepPast()
    past.add(9_000, [burst(unit("ready", joined_ms=4_000))])
    assert past.since_ms("l-1-0") == 4_000
    for number in range(2 * farm_past.UNITS_MAX):
        past.add(9_000 + number, [burst(UnitRow(f"u{number}", "l", "h", 1, "leased"))])
    assert len(past.between(0)) == farm_past.UNITS_MAX


# --- the axis ---


@pytest.mark.parametrize(
    ("when", "wanted"),
    [
        ("util > 70 for 2m", Threshold("util > 70 for 2m", 70.0, True)),
        ("units < 3 and load >= 120", Threshold("load >= 120", 120.0, False)),
        ("track util 70", Threshold("track util 70", 70.0, True)),
        ("track load 30", None),
        ("at Fri 18:00-23:00", None),
        ("of a newer Manager", None),
    ],
)
def test_the_threshold_of_a_rule(when: str, wanted: Threshold | None) -> None:
    assert threshold(when) == wanted


def test_the_threshold_follows_what_is_in_service() -> None:
    limit = Threshold("util > 70", 70.0, True)
    assert limit.rps(Point(0, 1.0, 200.0)) == pytest.approx(140.0)
    assert limit.rps(Point(0, 1.0)) is None
    assert Threshold("load > 5", 5.0, False).rps(Point(0, 1.0)) == 5.0


def test_load_threshold_and_units_stand_on_one_axis() -> None:
    points = [Point(0, 20.0, 100.0), Point(150_000, 100.0, 100.0), Point(200_000, None)]
    past = StepPast()
    for at_ms, state in ((160_000, "leased"), (180_000, "ready")):
        past.add(at_ms, [burst(unit(state))])  # type: ignore[arg-type]
    past.add(240_000, [])
    shown = axis.Shown(points, past.between(0), [150_000], threshold("util > 70"))
    lines = axis.lines(shown, 299_000, 300_000, (69, 14))
    assert {width_of(line) for line in lines} == {69} and len(lines) == 14
    rows = text(lines).split("\n")
    assert "┈ util > 70" in rows[0] and rows[0].rstrip().endswith("last 5 min")
    assert rows[1].startswith("   100/s") and rows[1].count("█") == 10
    # The line goes through the bars above it, and ends where nothing is known.
    [line] = [row for row in rows if "┈┈┈┈" in row[9:]]
    assert line[9:] == "┈" * 30 + "╌" * 10 + " " * 20
    [fired] = [row for row in rows if "fired" in row]
    assert fired.index("▼") == 9 + 30
    [track] = [row for row in rows if row.startswith("   l-1-0")]
    assert track[9:] == " " * 32 + "····" + "━" * 12 + "×" + " " * 11
    assert rows[-2].split() == ["00:00:00", "00:01:20", "00:02:40", "00:04:00"]
    assert "in the balancer" in rows[-1]


@given(st.integers(0, 200), st.integers(0, 60), st.integers(0, 9))
def test_the_axis_fills_its_place(width: int, height: int, units: int) -> None:
    past = StepPast()
    past.add(5_000, [burst(*(UnitRow(f"u{n}", "l", "h", 1, "leased") for n in range(units)))])
    shown = axis.Shown([Point(1_000, 5.0, 100.0)], past.between(0), [2_000], threshold("util > 7"))
    lines = axis.lines(shown, 9_000, axis.SPANS[0], (width, max(1, height)))
    assert len(lines) == max(1, height)
    assert {width_of(line) for line in lines} <= {width}


def test_without_a_figure_it_says_so() -> None:
    shown = axis.Shown([], [], [], None)
    assert "no load figure in this time" in text(axis.lines(shown, 9_000, 300_000, (60, 12)))


# --- rows ---


def test_a_rule_says_what_it_needs_or_what_stops_it() -> None:
    [row] = rule_rows(farm(), 45_000)
    assert [cell.text for cell in row.cells] == [
        "burst",
        "holding",
        "buy 4",
        "util > 70 for 2m",
        "2",
        "35 s",
        "00:00:05",
        "2.1000",
        "50.00",
        "util > 70 for 2m: 85 s more",
    ]
    held = RuleRow("b", "w", "d", "blocked", needs=["x"], blocked_by=["no connection", "y"])
    assert why(held) == "no connection; y"
    assert why(RuleRow("b", "w", "d", "ready")) == "–"


def test_pause_becomes_resume() -> None:
    assert resumes(RuleRow("b", "w", "d", "stopped", blocked_by=["failed too often"]))
    assert resumes(RuleRow("b", "w", "d", "paused", blocked_by=["paused by the administrator"]))
    stopped = RuleRow(
        "b", "w", "d", "paused", blocked_by=["buying is stopped by the administrator"]
    )
    assert not resumes(stopped) and not resumes(RULE)


def test_a_burst_with_its_units_and_orders_below_it() -> None:
    order = OrderRow("rule/burst/1", "small.eu-de.flat.spot", 30_000, 2, rests=True)
    silent = UnitRow("l-1-1", "l-1", "h-1", 31_000, "ready", "web-1", "10.0.0.1", 80, silent=True)
    made = burst(unit("starting"), silent, orders=[order])
    rows = burst_rows(farm(bursts=[made]), 25_000)
    assert [(row.key, row.depth, row.cells[1].text) for row in rows] == [
        ("burst", 0, "2 ordered, 1 starting, 1 in the balancer"),
        ("rule/burst/1", 1, "bid rests"),
        ("l-1-0", 1, "╌ starting"),
        ("l-1-1", 1, "━ in the balancer (host silent)"),
    ]
    assert [rows[2].cells[at].text for at in (2, 4, 5)] == ["5 s", "0.0310", "h-1"]
    assert rows[3].cells[7].text == "10.0.0.1:80"
    assert steps_text(burst()) == "–"


def test_when_a_rule_fired() -> None:
    told = [
        AlertRow(1, 1_000, "fired", "rule burst: util > 70: buy 4"),
        AlertRow(2, 2_000, "fired", "rule burst-2: util > 70: buy 4"),
        AlertRow(3, 3_000, "bought", "rule burst: l-1"),
    ]
    assert fired_ms(farm(alerts=told), "burst") == [1_000, 5_000]


# --- the rule in full, budgets, the farm ---


@pytest.mark.parametrize("width", [60, 78, 158])
def test_a_rule_in_full_never_cuts_a_number(width: int) -> None:
    spend = SpendRow(19_000_000, 30_000_000, 20_000_000, 200_000_000)
    lines = rule_lines(RULE, farm(spend=spend), 45_000, width)
    assert len(lines) == ROWS and {width_of(line) for line in lines} == {width}
    shown = text(lines)
    assert "since 00:00:10, 35 s" in shown and "last fired 00:00:05" in shown
    assert "2 units, 0.1240 an hour" in shown
    assert "19.00 of 20.00 today" in shown and "95 %" in shown
    assert ("30.00 " in shown) == ("15 %" in shown)
    assert ("▰▰▰▰▰▰▰▰▰▱" in shown) == (width >= 100)


def test_no_rule_leaves_the_budget() -> None:
    lines = rule_lines(None, farm(), 1, 78)
    assert len(lines) == ROWS and "0.0000 today, no limit" in text(lines)


def test_the_farm_in_one_row_and_what_is_wrong_with_it() -> None:
    made = farm()
    assert text(status_line(made, 78)).startswith(" ● live  load 45/s, 1 in service")
    made.apply(Change(2, load=LoadRow(1.0, 1, 3.0, online=False, buying=False)))
    assert "its exchange is gone" in text(status_line(made, 78))
    assert "BUYING STOPPED" in text(status_line(made, 78))
    made.lost("gone")
    assert "STALE: the Manager is gone" in text(status_line(made, 78))
    assert load_text(LoadRow(1.0, 1, None)) == "no load figure, 0 in service, 0 paid for"
    full = LoadRow(100.0, 1, 45.0, 22.5, 2, 1, 1)
    assert load_text(full) == "load 45/s, 22.5 % of 2 in service, 1 coming, 1 paid for"


@pytest.mark.parametrize("size", [(80, 22), (120, 33), (160, 48), (200, 58)])
@pytest.mark.parametrize("focus", ["rules", "units"])
def test_the_parts_fill_the_screen(size: tuple[int, int], focus: str) -> None:
    for rules, units in ((0, 0), (2, 3), (40, 200)):
        shown = heights(*size, focus, rules, units)
        assert sum(shown) + FARM_ROWS == size[1]
        assert shown.axis >= 8
        assert (shown.units > 0) == (focus == "units" or size[1] > 24)
