"""The pictures of the docs show what the terminal draws today."""

import asyncio

import pytest

from tui.pictures import PICTURES, draw_all, tidy_svg


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return asyncio.run(draw_all())


def test_the_docs_show_what_is_drawn(drawn: dict[str, str]) -> None:
    """After a change of the screen: ``make docs-pictures``, and look at what comes out."""
    for name, svg in drawn.items():
        shown = (PICTURES / f"{name}.svg").read_text("utf-8")
        assert shown == tidy_svg(svg), f"docs/pictures/{name}.svg is old: make docs-pictures"
        assert (PICTURES / f"{name}.png").exists()


def test_a_picture_loads_nothing_from_the_network(drawn: dict[str, str]) -> None:
    for svg in drawn.values():
        assert "url(http" not in tidy_svg(svg)
        assert "@font-face" not in tidy_svg(svg)


def test_blanks_around_a_text_become_its_position() -> None:
    text = '<text x="10" y="5" textLength="60" clip="c">&#160;&#160;a&#160;b&#160;</text>'
    assert tidy_svg(text) == '<text x="30.0" y="5" textLength="30.0" clip="c">a&#160;b</text>'
