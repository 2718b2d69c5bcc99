"""The pictures of the docs show what the terminal draws today."""

import asyncio

import pytest

from tui.demo.pictures import PICTURES, draw_all, tidy_svg


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return asyncio.run(draw_all())


def test_the_docs_show_what_is_drawn(drawn: dict[str, str]) -> None:
    """After a change of the screen: ``make docs``, and look at what comes out."""
    for name, svg in drawn.items():
        shown = (PICTURES / f"{name}.svg").read_text("utf-8")
        assert shown == tidy_svg(svg), f"docs/pictures/{name}.svg is old: make docs"


def test_a_picture_loads_nothing_from_the_network(drawn: dict[str, str]) -> None:
    for svg in drawn.values():
        assert "url(http" not in tidy_svg(svg)
        assert "@font-face" not in tidy_svg(svg)


def test_a_picture_is_small_enough_for_a_page(drawn: dict[str, str]) -> None:
    for name, svg in drawn.items():
        assert len(tidy_svg(svg)) < (50_000 if "80x24" in name else 100_000), name


def test_rectangles_of_one_colour_become_one() -> None:
    rect = (
        '<rect fill="#{}" x="{}" y="1.5" width="{}" height="24.65" shape-rendering="crispEdges"/>'
    )
    svg = rect.format("aaaaaa", "0", "12.2") + rect.format("aaaaaa", "12.2", "24.4")
    svg += rect.format("bbbbbb", "36.6", "12.2")
    one = '<rect fill="#aaaaaa" x="0" y="1.5" width="36.6" height="24.65"/>'
    two = '<rect fill="#bbbbbb" x="36.6" y="1.5" width="12.2" height="24.65"/>'
    assert tidy_svg(svg) == one + two


def test_blanks_around_a_text_become_its_position() -> None:
    text = '<text x="10" y="5" textLength="60" clip="c">&#160;&#160;a&#160;b&#160;</text>'
    assert tidy_svg(text) == '<text x="30.0" y="5" textLength="30.0" clip="c">a&#160;b</text>'
