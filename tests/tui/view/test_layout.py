"""Panes tile the screen at every size: inside, apart, and big enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.view.layout import SIDE_PANES, SMALLEST, Pane, arrange, is_wide


@given(
    st.integers(SMALLEST[0], 300),
    st.integers(SMALLEST[1], 120),
    st.sampled_from(SIDE_PANES),
    st.booleans(),
)
def test_panes_lie_inside_apart_and_bear_their_size(
    width: int, height: int, side: Pane, windows: bool
) -> None:
    boxes = list(arrange(width, height, side, windows).items())
    for at, (pane, box) in enumerate(boxes):
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= width
        assert box.y + box.height <= height
        assert box.width >= (40 if pane == "ladder" else 12)
        assert box.height >= (1 if pane in ("head", "money") else 3)
        for _, other in boxes[at + 1 :]:
            beside = box.x + box.width <= other.x or other.x + other.width <= box.x
            above = box.y + box.height <= other.y or other.y + other.height <= box.y
            assert beside or above


@pytest.mark.parametrize(
    ("size", "wide"), [((80, 23), False), ((160, 49), True), ((132, 36), True)]
)
def test_which_layout(size: tuple[int, int], wide: bool) -> None:
    assert is_wide(*size) is wide


def test_compact_shows_the_chosen_pane_and_wide_shows_all() -> None:
    assert "depth" in arrange(80, 23, "depth")
    assert "tape" not in arrange(80, 23, "depth")
    assert set(SIDE_PANES) < set(arrange(160, 49, "tape"))


def test_too_small_says_so() -> None:
    assert list(arrange(59, 23, "tape")) == ["small"]


def test_larger_screens_show_more_panes() -> None:
    """Six at 80 x 24, two more at 120 x 35, all of them at 200 x 60."""
    small, medium = arrange(80, 22, "orders"), arrange(120, 33, "orders")
    assert set(medium) - set(small) == {"chart", "tape"}
    assert "depth" in arrange(120, 33, "tape")
    assert len(arrange(200, 58, "tape", windows=True)) == 11
    assert "windows" not in arrange(200, 58, "tape", windows=False)


def test_large_screens_are_used() -> None:
    """The rest is gutters, so that panes stand apart."""
    for width, height, most in ((120, 33, 0.95), (160, 48, 0.85), (200, 58, 0.85)):
        boxes = arrange(width, height, "tape", windows=True).values()
        assert sum(box.width * box.height for box in boxes) >= most * width * height
