"""A page holds together as HTML, shows every figure that it was given, and loads nothing."""

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.page.chart import COLUMNS
from sim.page.figures import cell_text, figure, moment, ticks, time_ticks
from sim.page.model import (
    Band,
    Chart,
    Check,
    Heat,
    Ink,
    Line,
    Mark,
    Page,
    Panel,
    Point,
    Source,
    Table,
    Value,
)
from sim.page.page import render
from tests.sim.page.parsed import Parsed

POINTS = [
    Point("threshold", Value(2.25, 0.2), Value(0.31, 0.1), True, True, {"bill": Value(1.75)}),
    Point("cloud", Value(8.3, 0.4), Value(0.42)),
]
TABLE = Table("Metrics", ["metric", "a", "b"], [["cost", Value(2.5, 0.125), None], ["x", "y", ""]])
CHART = Chart(
    "threshold, seed 7",
    7200,
    [
        Panel("units", [Line("ready", "ready", [(0, 4.0), (3600, None), (5000, 6.0)])]),
        Panel("price", [], Heat("on offer", [[(0.01, 0.02, 4)], [(0.01, 0.02, 4)], []])),
    ],
    [Band(600, 1200, "host crash"), Band(1800, None, "restart")],
    [Mark(700, "buy", "burst: buy 4"), Mark(800, "release", "calm: release 2")],
)
PAGE = Page(
    "A peak",
    "2 runs",
    "threshold wins.",
    POINTS,
    checks=[Check(True, "cost <= 3"), Check(False, "peak <= 1")],
    tables=[TABLE],
    charts=[CHART],
    sources=[Source("Reproduce", "headroom sim run a.toml")],
)


def test_every_tag_is_closed_and_every_figure_is_there() -> None:
    found = Parsed(render(PAGE))
    cells = found.of("td", "th")
    values = [point.cost for point in POINTS] + [point.violated_pct for point in POINTS]
    values += [Value(1.75), Value(2.5, 0.125)]
    for value in values:
        assert cell_text(value) in cells
    assert "2.25 ±\N{NO-BREAK SPACE}0.2" in cells
    for text in ("threshold wins.", "headroom sim run a.toml", "cost <= 3", "FAILED"):
        assert text in found.words
    assert "00:10 to 00:20: host crash" in found.of("li")
    assert "▲ 00:11:40 burst: buy 4" in found.of("li")


def test_nothing_is_loaded_and_nothing_runs() -> None:
    text = render(PAGE)
    found = Parsed(text)
    assert {tag for tag, _ in found.tags}.isdisjoint({"script", "iframe", "img", "object", "base"})
    links = [
        value
        for _, attributes in found.tags
        for name, value in attributes.items()
        if name in ("href", "src", "xlink:href", "action", "srcset")
    ]
    assert links == ["data:,"]
    assert re.findall(r"url\(|@import|https?:", text) == []


def test_what_is_empty_is_left_out() -> None:
    found = Parsed(render(Page("Nothing")))
    assert found.of("h1", "h2") == ["Nothing"]


def test_a_step_function_is_drawn_as_steps_with_its_gap() -> None:
    paths = [attributes for tag, attributes in Parsed(render(PAGE)).tags if tag == "path"]
    drawn = [path["d"] for path in paths if path.get("class") == "ready"]
    # 4 of 6 units up to the half, a gap, then 6 of 6 from 5,000 s of 7,200 s on.
    assert drawn == ["M0 6H24", "M0 33.3H500M694.4 0H1000"]


def test_neighbours_in_the_heat_map_are_one_box() -> None:
    paths = [attributes for tag, attributes in Parsed(render(PAGE)).tags if tag == "path"]
    (drawn,) = [path["d"] or "" for path in paths if path.get("class") == "heat"]
    assert drawn.count("M") == 1
    assert "h666.7" in drawn


def test_intervals_of_both_figures_are_drawn() -> None:
    """Of 0.31 ± 0.1 on an axis to 0.5, whose root is drawn: 1 - sqrt(0.42) to 1 - sqrt(0.82)."""
    paths = [attributes for tag, attributes in Parsed(render(PAGE)).tags if tag == "path"]
    across, upright = [
        re.findall(r"[\d.]+", part)
        for part in (next(p for p in paths if p.get("class") == "interval")["d"] or "").split("M")
        if part
    ]
    assert upright[1:] == ["35.2", "9.4"]
    # 2.25 ± 0.2: as far to the left of it as to the right.
    left, right, middle = float(across[0]), float(across[2]), float(upright[0])
    assert (left + right) / 2 == pytest.approx(middle, abs=0.1)
    assert middle / (right - left) == pytest.approx(2.25 / 0.4, rel=0.01)


@pytest.mark.parametrize("points", [POINTS, POINTS[::-1], POINTS[1:]])
def test_the_winner_s_row_stands_out_wherever_it_is(points: list[Point]) -> None:
    rows = [of for tag, of in Parsed(render(Page("p", points=points))).tags if tag == "tr"]
    assert [row.get("class") == "winner" for row in rows[1:]] == [one.winner for one in points]


def test_little_is_seen_beside_much_in_the_heat_map() -> None:
    """A fourth of the most is half of the ink, not a fourth of it."""
    heat = Heat("on offer", [[(0, 1, 100), (1, 2, 25), (2, 3, 1)]])
    page = Page("p", charts=[Chart("p", 60, [Panel("price", [], heat)])])
    paths = [attributes for tag, attributes in Parsed(render(page)).tags if tag == "path"]
    inks = [path["fill-opacity"] for path in paths if path.get("class") == "heat"]
    assert inks == ["0.28", "0.53", "0.90"]


def test_a_fault_is_a_band_as_long_as_it_lasts_or_a_line() -> None:
    found = [
        (tag, attributes)
        for tag, attributes in Parsed(render(PAGE)).tags
        if attributes.get("class") == "fault"
    ]
    # Of 1,000 for 7,200 s: from 600 s for 600 s, and at 1,800 s.
    rect, line = dict(found)["rect"], dict(found)["path"]
    assert [round(float(rect[name] or 0), 1) for name in ("x", "width")] == [83.3, 83.3]
    assert line["d"] == "M250 0V100"
    assert len(found) == 2 * len(CHART.panels)


def test_faults_at_one_place_share_a_sign_and_a_few_are_listed_openly() -> None:
    bands = [Band(at_s, None, f"fault at {at_s}") for at_s in (600, 601, 5000, 700)]
    page = Parsed(render(Page("p", charts=[Chart("p", 7200, [], bands)])))
    signs = [of for tag, of in page.tags if tag == "i" and "fault" in (of.get("title") or "")]
    assert [text for text in page.of("i") if text[0] in "0123" and ":" not in text] == [
        "0,1,3",
        "2",
    ]
    assert [sign["title"] for sign in signs] == [
        "00:10 fault at 600; fault at 601; fault at 700",
        "01:23:20 fault at 5000",
    ]
    assert [of for tag, of in page.tags if tag == "details"] == [{"open": ""}]
    many = Parsed(render(Page("p", charts=[Chart("p", 7200, [], bands * 5)])))
    assert [of for tag, of in many.tags if tag == "details"] == [{}]


def test_a_week_of_steps_stays_small_and_keeps_its_extremes() -> None:
    steps: list[tuple[float, float | None]] = [(at * 10.0, 5.0) for at in range(60_480)]
    steps[30_000] = (300_000.0, 20.0)
    steps[40_000] = (400_000.0, 0.0)
    page = Page("w", charts=[Chart("w", 604_800, [Panel("load", [Line("l", "load", steps)])])])
    text = render(page)
    assert len(text) < 40 * COLUMNS
    assert "V0H" in text, "the highest of all is drawn"
    assert "V100H" in text, "and the lowest"


def test_a_week_of_six_restless_policies_is_two_megabytes_at_most() -> None:
    """Every line jumps at every step, and something is for sale at every price."""
    random = Random(1)
    times = [at * 10.0 for at in range(60_480)]

    def restless(ink: Ink) -> Line:
        return Line(ink, ink, [(at_s, random.uniform(0, 1000)) for at_s in times])

    heat = Heat(
        "for sale",
        [[(row, row + 1, random.randint(0, 40)) for row in range(32)] for _ in range(160)],
    )
    panels = [
        Panel("load", [restless("load"), restless("ready")]),
        Panel("units", [restless("need"), restless("ready")]),
        Panel("price", [restless("price"), restless("ask")], heat),
        Panel("cost", [restless("cost")]),
    ]
    marks = [Mark(at_s, "buy", "burst: util > 70 for 2m: buy 4") for at_s in times]
    one = render(Page("week", charts=[Chart("week", 604_800, panels, marks=marks)]))
    assert len(one.encode()) * 6 < 2_000_000


@given(st.text(), st.text())
def test_no_text_becomes_markup(title: str, other: str) -> None:
    """Titles, names and texts are whatever somebody wrote into a file."""
    hostile = f"</title></style><script>alert(1)</script><!-- {title} ' \" & {other}"
    page = Page(
        hostile,
        hostile,
        hostile,
        [Point(hostile, Value(1), Value(1), winner=True)],
        checks=[Check(True, hostile)],
        tables=[Table(hostile, [hostile], [[hostile, hostile]], hostile)],
        charts=[Chart(hostile, 9, [Panel(hostile, [])], [Band(1, 2, hostile)], note=hostile)],
        sources=[Source(hostile, hostile)],
    )
    text = render(page)
    text.encode("utf-8")
    found = Parsed(text)
    assert [tag for tag, _ in found.tags if tag == "script"] == []
    plain = Parsed(render(PAGE))
    assert {name for _, attributes in found.tags for name in attributes} <= {
        name for _, attributes in plain.tags for name in attributes
    }
    assert sum("alert(1)" in text for text in found.of("pre")) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (2.23292, "2.233"),
        (0.00524829, "0.005248"),
        (1234.5, "1,234"),
        (51.2196, "51.22"),
        (-6.07286, "-6.073"),
        (100, "100"),
    ],
)
def test_figures(value: float, text: str) -> None:
    assert figure(value) == text


@pytest.mark.parametrize(
    ("at_s", "text"), [(0, "00:00"), (11_105, "03:05:05"), (86_460, "1d 00:01")]
)
def test_moments(at_s: float, text: str) -> None:
    assert moment(at_s) == text


@given(st.floats(1e-6, 1e9))
def test_ticks_reach_the_top_and_are_few(top: float) -> None:
    found = ticks(top)
    assert found[0] == 0
    assert 2 <= len(found) <= 6
    assert top * (1 - 1e-6) <= found[-1] <= 3 * top


@given(st.integers(1, 366 * 86_400))
def test_times_are_few_and_within_the_run(duration_s: int) -> None:
    found = time_ticks(duration_s)
    assert found[0] == 0
    assert found[-1] <= duration_s
    assert len(found) <= 9
