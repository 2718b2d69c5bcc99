"""The colours: one restrained dark theme, one light. Green and red mean direction, nothing else.

`PALETTES` gives every ink and ground name of ``tui/view`` a colour; the Textual themes below only
colour what Textual itself draws (footer, palette, help). A test holds that no name is missing.
"""

from typing import Final

from rich.style import Style
from textual.theme import Theme

DARK: Final[dict[str, str]] = {
    "back": "#0f1317",
    "head": "#171d23",
    "text": "#c9d1d9",
    "label": "#8b98a5",
    "dim": "#64717d",
    "rule": "#27303a",
    "accent": "#d9b36c",
    "own": "#e8c47f",
    "cursor": "#1c242d",
    "pick": "#d9b36c",
    "pick_ink": "#0f1317",
    "arm": "#3a3118",
    "warn": "#e0a84f",
    "warn_ink": "#14110a",
    "bid": "#56b48c",
    "ask": "#d9707a",
    "bid_bar": "#17392f",
    "ask_bar": "#43222a",
    "bid_fill": "#2b6b56",
    "ask_fill": "#7d3c47",
}

LIGHT: Final[dict[str, str]] = {
    "back": "#fbfaf7",
    "head": "#efede7",
    "text": "#22282e",
    "label": "#57616b",
    "dim": "#89929b",
    "rule": "#d9d6cd",
    "accent": "#96651a",
    "own": "#8a5a10",
    "cursor": "#ece8dd",
    "pick": "#96651a",
    "pick_ink": "#fbfaf7",
    "arm": "#f6e7c3",
    "warn": "#945600",
    "warn_ink": "#fffaf0",
    "bid": "#1e7a55",
    "ask": "#b33b48",
    "bid_bar": "#cfe8dc",
    "ask_bar": "#f3d3d5",
    "bid_fill": "#7dbba0",
    "ask_fill": "#dc9199",
}

DEFAULT_THEME: Final = "headroom-dark"
PALETTES: Final[dict[str, dict[str, str]]] = {"headroom-dark": DARK, "headroom-light": LIGHT}


class Paint:
    """Turns ink and ground names into Rich styles; built once for a theme."""

    def __init__(self, palette: dict[str, str]) -> None:
        self._palette = palette
        self._styles: dict[tuple[str, str], Style] = {}

    def style(self, ink: str, ground: str) -> Style:
        """Return the style of ``ink`` ("!" makes it bold) on ``ground`` ("" is the background)."""
        style = self._styles.get((ink, ground))
        if style is None:
            colour = self._palette[ink.removesuffix("!")]
            back = self._palette[ground or "back"]
            style = Style(color=colour, bgcolor=back, bold=ink.endswith("!"))
            self._styles[ink, ground] = style
        return style


def textual_theme(name: str) -> Theme:
    """Return the Textual theme that goes with `PALETTES` [name]."""
    palette = PALETTES[name]
    return Theme(
        name=name,
        primary=palette["accent"],
        secondary=palette["label"],
        accent=palette["accent"],
        warning=palette["warn"],
        error=palette["warn"],
        success=palette["text"],
        foreground=palette["text"],
        background=palette["back"],
        surface=palette["back"],
        panel=palette["head"],
        dark=name.endswith("dark"),
        variables={
            "footer-background": palette["head"],
            "footer-foreground": palette["dim"],
            "footer-description-foreground": palette["label"],
            "footer-key-foreground": palette["accent"],
            "footer-key-background": palette["head"],
            "footer-item-background": palette["head"],
            "border": palette["rule"],
            "block-cursor-background": palette["cursor"],
            "block-cursor-foreground": palette["text"],
            "block-cursor-text-style": "none",
            "input-cursor-background": palette["accent"],
            "input-selection-background": palette["cursor"],
            "scrollbar": palette["rule"],
            "scrollbar-background": palette["back"],
        },
    )
