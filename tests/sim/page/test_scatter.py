"""Cost against violations can be read whatever the costs are, and no label stands on another."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.page.labels import BADGE_WIDE, HIGH, LETTER_WIDE, Label, Spot, labels
from sim.page.model import Page, Point, Value
from sim.page.page import render
from sim.page.scale import Scale, scale
from tests.sim.page.parsed import Parsed

COSTS = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e9)), min_size=1, max_size=12)


def of(costs: list[float]) -> Scale:
    return scale(costs, max(costs))


@pytest.mark.parametrize(
    ("costs", "named", "low"),
    [
        ([1.0, 2.0, 3.0], [0, 0.5, 1, 1.5, 2, 2.5, 3], None),
        ([0.0, 0.0], [0, 1], None),
        ([0.01, 8.0, 9.0, 10.0], [0, 2, 4, 6, 8, 10], None),
        ([0.18, 0.2, 162.8], [0.1, 1, 10, 100], 0.1),
        ([0.0, 1.0, 2.0, 90.0], [0, 1, 2, 5, 10, 20, 50, 100], 1.0),
        ([1.0, 1.2, 1e9], [1, 100, 1e4, 1e6, 1e8], 1.0),
    ],
)
def test_one_cost_does_not_squash_the_others(
    costs: list[float], named: list[float], low: float | None
) -> None:
    found = of(costs)
    assert found.named == pytest.approx(named)
    assert (found.low is None) == (low is None)
    assert found.low == pytest.approx(low) if low is not None else found.words == ""


def test_an_axis_with_another_step_says_so_in_words() -> None:
    points = [Point(str(cost), Value(cost), Value(1.0)) for cost in (0.0, 0.1, 0.2, 162.8)]
    (told,) = [
        text
        for text in Parsed(render(Page("p", points=points))).of("p")
        if text.startswith("total cost, credits (")
    ]
    assert told == "total cost, credits (logarithmic scale; 0 at the left edge)"
    even = Parsed(render(Page("p", points=points[1:3])))
    assert "total cost, credits" in even.of("p")


@given(COSTS)
def test_costs_stand_in_their_order_within_the_axis(costs: list[float]) -> None:
    found = of(costs)
    places = [found.place(cost) for cost in sorted(costs)]
    assert places == sorted(places)
    assert all(0 <= place <= 1 + 1e-9 for place in places)
    assert 2 <= len(found.named) <= 10
    assert found.named == sorted(found.named)


def boxes(spots: list[Spot], found: list[Label]) -> list[tuple[float, float, float]]:
    half = BADGE_WIDE / 2
    made = []
    for spot, label in zip(spots, found, strict=True):
        long = LETTER_WIDE * len(label.name)
        left, right = (long, 0.0) if label.left else (0.0, long)
        made.append((spot.x - half - left, spot.x + half + right, label.y))
    return made


@given(
    st.lists(
        st.builds(
            Spot,
            st.floats(0, 100),
            st.floats(0, 100),
            st.text("a", max_size=30),
            st.integers(0, 2),
        ),
        max_size=7,  # one is in the way of two lines at most, and there are 14 or more
    )
)
def test_no_label_stands_on_another(spots: list[Spot]) -> None:
    found = labels(spots)
    for one, other in combinations(boxes(spots, found), 2):
        beside = one[0] >= other[1] or other[0] >= one[1]
        assert beside or abs(one[2] - other[2]) >= 0.98 * HIGH
    for box in boxes(spots, found):
        assert 0 <= box[2] <= 100
        assert box[0] >= -BADGE_WIDE / 2
        assert box[1] <= 100 + BADGE_WIDE / 2


def test_the_nearest_place_is_taken_and_a_name_left_out_before_it_is_cut() -> None:
    spots = [
        Spot(50, 50, "one", 1),
        Spot(51, 50, "two"),
        Spot(99, 10, "three"),
        Spot(3, 9, "x" * 99),
    ]
    one, two, three, four = labels(spots)
    assert (two.y, two.left, two.name) == (50, False, "two")
    assert (one.y, one.left) == (50 - HIGH, False), "the less important one makes room"
    assert (three.y, three.left, three.name) == (10, True, "three")
    assert four.name == ""


def test_a_number_that_had_to_move_has_a_line_to_its_point() -> None:
    points = [Point(name, Value(1.0), Value(50.0)) for name in ("one", "two")]
    page = Parsed(render(Page("p", points=points)))
    drawn = [of["d"] for tag, of in page.tags if tag == "path" and of.get("class") == "leader"]
    assert len(drawn) == 1
    assert drawn[0] is not None
    assert drawn[0].startswith("M1000 0V")
