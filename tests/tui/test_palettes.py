"""Every meaning is readable and its own, in every theme, at every depth, as it is shown."""

from typing import Final

import pytest

from tests.tui.colours import SCHEMES, contrast, distance, name_of, shown
from tui.palettes import DARK, INKS, PALETTES, Depth, depth_of, palette_of
from tui.themes import REVERSED, paint_of

TEXT: Final = ("text", "label", "own", "accent", "warn", "bid", "ask")
READ: Final = [
    *((ink, ground, 4.5) for ink in TEXT for ground in ("back", "head", "arm")),
    *((ink, "cursor", 4.5 if ink in ("text", "own", "bid", "ask") else 3.0) for ink in TEXT),
    *((ink, bar, 4.5) for ink in ("text", "own") for bar in ("bid_bar", "ask_bar")),
    *(("dim", ground, 3.0) for ground in ("back", "head", "arm", "cursor")),
    ("warn_ink", "warn", 4.5),
    ("pick_ink", "pick", 4.5),
]
"""Ink, ground, the least contrast. WCAG's bound for text is 4.5, for what is secondary 3."""
APART: Final = [
    ("bid", "ask", 30),
    ("bid", "text", 20),
    ("ask", "text", 20),
    ("own", "text", 15),
    ("own", "bid", 20),
    ("own", "ask", 20),
    ("warn", "text", 15),
    ("warn", "bid", 20),
    ("warn", "ask", 20),
    ("bid_bar", "ask_bar", 15),
    ("bid_bar", "back", 8),
    ("ask_bar", "back", 8),
    ("cursor", "back", 8),
    ("cursor", "bid_bar", 8),
    ("cursor", "ask_bar", 8),
    ("arm", "back", 8),
    ("arm", "cursor", 8),
    ("pick", "cursor", 20),
    ("bid_fill", "ask_fill", 30),
    ("bid_fill", "back", 20),
    ("ask_fill", "back", 20),
]
LOOKS: Final[list[tuple[str, Depth, str]]] = [
    (theme, depth, scheme)
    for theme, depths in PALETTES.items()
    for depth in depths
    for scheme in (SCHEMES if depth == "16" else ("vga",))
]


@pytest.mark.parametrize(("theme", "depth", "scheme"), LOOKS)
def test_every_meaning_is_readable(theme: str, depth: Depth, scheme: str) -> None:
    palette = palette_of(theme, depth)
    found = {
        (ink, ground): contrast(
            shown(name_of(palette, ink, ground), depth, scheme),
            shown(palette[ground], depth, scheme),
        )
        for ink, ground, _ in READ
    }
    poor = [(i, g, round(found[i, g], 2)) for i, g, least in READ if found[i, g] < least]
    assert poor == []


@pytest.mark.parametrize(("theme", "depth", "scheme"), LOOKS)
def test_different_meanings_differ(theme: str, depth: Depth, scheme: str) -> None:
    palette = palette_of(theme, depth)
    seen = {name: shown(palette[name], depth, scheme) for name in DARK}
    alike = [
        (one, other, round(far))
        for one, other, least in APART
        if (far := distance(seen[one], seen[other])) < least
    ]
    assert alike == []


@pytest.mark.parametrize(("theme", "depth", "scheme"), LOOKS)
def test_an_armed_order_has_its_own_sides_colour(theme: str, depth: Depth, scheme: str) -> None:
    palette = palette_of(theme, depth)
    buy, sell = (shown(name_of(palette, side, "arm"), depth, scheme) for side in ("bid", "ask"))
    bid, ask = (shown(palette[side], depth, scheme) for side in ("bid", "ask"))
    assert distance(buy, sell) >= 30
    assert distance(sell, ask) < distance(sell, bid)
    assert distance(buy, bid) < distance(buy, ask) or depth == "16"


@pytest.mark.parametrize("depth", PALETTES["cb-safe"])
@pytest.mark.parametrize("eyes", ["deuteranopia", "protanopia"])
@pytest.mark.parametrize(
    "pair", [("bid", "ask"), ("bid_bar", "ask_bar"), ("bid_fill", "ask_fill"), ("own", "ask")]
)
def test_cb_safe_is_told_apart_without_red_or_green(
    depth: Depth, eyes: str, pair: tuple[str, str]
) -> None:
    palette = palette_of("cb-safe", depth)
    one, other = (shown(palette[name], depth) for name in pair)
    assert distance(one, other, eyes) >= 15


@pytest.mark.parametrize(("theme", "depth", "scheme"), LOOKS)
def test_every_palette_knows_every_colour(theme: str, depth: Depth, scheme: str) -> None:
    palette = palette_of(theme, depth)
    assert {name for name in palette if " on " not in name} == set(DARK)
    assert {name.partition(" on ")[0] for name in palette if " on " in name} <= set(INKS)


def test_without_colours_grounds_are_reversed_and_inks_have_none() -> None:
    paint = paint_of("headroom-dark", "none")
    for ground in ("", *REVERSED):
        style = paint.style("bid!", ground)
        assert (style.color, style.bgcolor, style.reverse) == (None, None, bool(ground))


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({"TERM": "tmux-256color", "COLORTERM": "truecolor"}, "truecolor"),
        ({"TERM": "tmux-256color"}, "256"),
        ({"TERM": "screen"}, "16"),
        ({"TERM": "linux"}, "16"),
        ({"TERM": "screen", "TEXTUAL_COLOR_SYSTEM": "256"}, "256"),
        ({"TERM": "tmux-256color", "NO_COLOR": "1"}, "none"),
    ],
)
def test_the_depth_of_a_terminal(environ: dict[str, str], depth: Depth) -> None:
    assert depth_of(environ) == depth
