"""The colours of every theme at every colour depth a terminal may have.

A palette gives each ink and ground name of ``tui/view`` a colour. ``ink on ground`` as a name is
that ink's colour on that ground, where its usual one could not be read. Tables of 256 and 16
colours name what the terminal can show: rounding a true colour makes a dark green bar grey and the
cursor vanish. Of 16 colours the user's terminal decides the looks, so only pairs that are far apart
in every usual scheme stand together. Tests hold readability and distance as they are shown.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from rich.console import Console

Depth: TypeAlias = Literal["truecolor", "256", "16", "none"]
Palette: TypeAlias = dict[str, str]

DEPTHS: Final[tuple[Depth, ...]] = ("truecolor", "256", "16", "none")
INKS: Final = ("text", "label", "dim", "accent", "own", "warn", "bid", "ask")
"""Inks that texts are written in on more than one ground."""
SYSTEMS: Final[dict[str | None, Depth]] = {"truecolor": "truecolor", "256": "256", "standard": "16"}


def depth_of(environ: Mapping[str, str]) -> Depth:
    """Return how many colours the terminal shows, as Textual will take it to be."""
    if "NO_COLOR" in environ:
        return "none"
    system = environ.get("TEXTUAL_COLOR_SYSTEM", "auto")
    if system not in ("standard", "256", "truecolor"):
        console = Console(force_terminal=True, legacy_windows=False, _environ=environ)
        return SYSTEMS.get(console.color_system, "truecolor")
    return SYSTEMS[system]


def _on(ground: str, colour: str, *inks: str) -> Palette:
    """Return the entries that write ``inks`` (all of them when none is named) on ``ground``."""
    return {f"{ink} on {ground}": colour for ink in inks or INKS}


DARK: Final[Palette] = {
    "back": "#0f1317",
    "head": "#171d23",
    "text": "#c9d1d9",
    "label": "#8b98a5",
    "dim": "#6c7985",
    "rule": "#27303a",
    "accent": "#d9b36c",
    "own": "#e8c47f",
    "cursor": "#202a34",
    "pick": "#d9b36c",
    "pick_ink": "#0f1317",
    "arm": "#362d15",
    "warn": "#e0a84f",
    "warn_ink": "#14110a",
    "bid": "#56b48c",
    "ask": "#e07a84",
    "bid_bar": "#17392f",
    "ask_bar": "#43222a",
    "bid_fill": "#2b6b56",
    "ask_fill": "#7d3c47",
}
DARK_256: Final[Palette] = {
    "back": "#121212",
    "head": "#1c1c1c",
    "text": "#d7d7d7",
    "label": "#949494",
    "dim": "#767676",
    "rule": "#3a3a3a",
    "accent": "#d7af5f",
    "own": "#ffd787",
    "cursor": "#303030",
    "pick": "#d7af5f",
    "pick_ink": "#121212",
    "arm": "#00005f",
    "warn": "#ffaf00",
    "warn_ink": "#121212",
    "bid": "#5faf87",
    "ask": "#ff8787",
    "bid_bar": "#005f00",
    "ask_bar": "#5f0000",
    "bid_fill": "#00875f",
    "ask_fill": "#af5f5f",
    **_on("cursor", "#949494", "dim"),
}
DARK_16: Final[Palette] = {
    "back": "#000000",
    "head": "#000000",
    "text": "#ffffff",
    "label": "#aaaaaa",
    "dim": "#aaaaaa",
    "rule": "#555555",
    "accent": "#ffff55",
    "own": "#ffff55",
    "cursor": "#aaaaaa",
    "pick": "#ffff55",
    "pick_ink": "#000000",
    "arm": "#ffff55",
    "warn": "#ffff55",
    "warn_ink": "#000000",
    "bid": "#55ff55",
    "ask": "#ff5555",
    "bid_bar": "#00aa00",
    "ask_bar": "#aa0000",
    "bid_fill": "#00aa00",
    "ask_fill": "#aa0000",
    **_on("cursor", "#000000"),
    **_on("arm", "#000000"),
    **_on("arm", "#0000aa", "bid"),
    **_on("arm", "#aa0000", "ask"),
    **_on("bid_bar", "#000000"),
    **_on("ask_bar", "#ffffff"),
}
LIGHT: Final[Palette] = {
    "back": "#fbfaf7",
    "head": "#efede7",
    "text": "#22282e",
    "label": "#57616b",
    "dim": "#727b84",
    "rule": "#d9d6cd",
    "accent": "#85560f",
    "own": "#7d500b",
    "cursor": "#e6e1d4",
    "pick": "#96651a",
    "pick_ink": "#fbfaf7",
    "arm": "#f6e7c3",
    "warn": "#864c00",
    "warn_ink": "#fffaf0",
    "bid": "#196a49",
    "ask": "#a83340",
    "bid_bar": "#cfe8dc",
    "ask_bar": "#f3d3d5",
    "bid_fill": "#7dbba0",
    "ask_fill": "#dc9199",
}
LIGHT_256: Final[Palette] = {
    "back": "#ffffff",
    "head": "#f2f2f2",
    "text": "#262626",
    "label": "#585858",
    "dim": "#6c6c6c",
    "rule": "#d0d0d0",
    "accent": "#875f00",
    "own": "#875f00",
    "cursor": "#e4e4e4",
    "pick": "#875f00",
    "pick_ink": "#ffffff",
    "arm": "#ffffaf",
    "warn": "#875f00",
    "warn_ink": "#ffffff",
    "bid": "#005f00",
    "ask": "#af0000",
    "bid_bar": "#d7ffd7",
    "ask_bar": "#ffd7d7",
    "bid_fill": "#87d7af",
    "ask_fill": "#ff8787",
    **_on("cursor", "#5f5f00", "accent", "own", "warn"),
    **_on("ask_bar", "#5f5f00", "own"),
}
LIGHT_16: Final[Palette] = {
    "back": "#ffffff",
    "head": "#ffffff",
    "text": "#000000",
    "label": "#000000",
    "dim": "#555555",
    "rule": "#aaaaaa",
    "accent": "#aa00aa",
    "own": "#aa00aa",
    "cursor": "#aaaaaa",
    "pick": "#aa00aa",
    "pick_ink": "#ffffff",
    "arm": "#ffff55",
    "warn": "#aa00aa",
    "warn_ink": "#ffffff",
    "bid": "#0000aa",
    "ask": "#aa0000",
    "bid_bar": "#55ffff",
    "ask_bar": "#ff5555",
    "bid_fill": "#0000aa",
    "ask_fill": "#aa0000",
    **_on("cursor", "#000000"),
    **_on("arm", "#000000", "text", "label", "dim", "accent", "own", "warn"),
    **_on("bid_bar", "#000000"),
    **_on("ask_bar", "#000000"),
}
SAFE: Final[Palette] = DARK | {
    "accent": "#f2e27a",
    "own": "#f2e27a",
    "pick": "#f2e27a",
    "arm": "#2f2b12",
    "warn": "#f2e27a",
    "bid": "#6cb4f0",
    "ask": "#ee8a3c",
    "bid_bar": "#15365a",
    "ask_bar": "#55300f",
    "bid_fill": "#2f6ba6",
    "ask_fill": "#a85f22",
}
SAFE_256: Final[Palette] = DARK_256 | {
    "accent": "#ffff87",
    "own": "#ffff87",
    "pick": "#ffff87",
    "warn": "#ffff87",
    "bid": "#5fafff",
    "ask": "#ff8700",
    "bid_bar": "#005f87",
    "ask_bar": "#5f0000",
    "bid_fill": "#005faf",
    "ask_fill": "#af5f00",
}
SAFE_16: Final[Palette] = DARK_16 | {
    "bid": "#55ffff",
    "bid_bar": "#0000aa",
    "bid_fill": "#5555ff",
    "ask_fill": "#ff5555",
    **_on("bid_bar", "#ffffff"),
}
COLOURLESS: Final[Palette] = dict.fromkeys(DARK, "default")

DEFAULT_THEME: Final = "headroom-dark"
PALETTES: Final[dict[str, dict[Depth, Palette]]] = {
    "headroom-dark": {"truecolor": DARK, "256": DARK_256, "16": DARK_16},
    "headroom-light": {"truecolor": LIGHT, "256": LIGHT_256, "16": LIGHT_16},
    "cb-safe": {"truecolor": SAFE, "256": SAFE_256, "16": SAFE_16},
}


def palette_of(theme: str, depth: Depth) -> Palette:
    """Return the colours of ``theme`` for a terminal of ``depth``."""
    return PALETTES[theme].get(depth, COLOURLESS)
