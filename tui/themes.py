"""From palettes to styles: what the panes draw with, and the themes of Textual's own widgets.

Green and red (blue and orange in ``cb-safe``) mean direction, nothing else. Without colours the
grounds that matter are drawn in reverse video.
"""

from typing import Final

from rich.style import Style
from textual.theme import Theme

from tui.palettes import DEFAULT_THEME, PALETTES, Depth, Palette, palette_of

__all__ = ["DEFAULT_THEME", "PALETTES", "Paint", "paint_of", "textual_theme"]

REVERSED: Final = ("cursor", "pick", "arm", "warn", "bid_bar", "ask_bar", "bid_fill", "ask_fill")
"""Grounds that are seen without colours too."""
STRONG: Final = ("own", "warn", "accent", "pick_ink", "warn_ink")
FAINT: Final = ("dim", "rule")


class Paint:
    """Turns ink and ground names into Rich styles; built once for a theme and depth."""

    def __init__(self, palette: Palette, colourless: bool = False) -> None:
        self._palette = palette
        self._make = self._plain if colourless else self._coloured
        self._styles: dict[tuple[str, str], Style] = {}

    def style(self, ink: str, ground: str) -> Style:
        """Return the style of ``ink`` ("!" makes it bold) on ``ground`` ("" is the background)."""
        style = self._styles.get((ink, ground))
        if style is None:
            style = self._make(ink.removesuffix("!"), ground or "back", ink.endswith("!"))
            self._styles[ink, ground] = style
        return style

    def _coloured(self, ink: str, ground: str, bold: bool) -> Style:
        colour = self._palette.get(f"{ink} on {ground}") or self._palette[ink]
        return Style(color=colour, bgcolor=self._palette[ground], bold=bold)

    def _plain(self, ink: str, ground: str, bold: bool) -> Style:
        faint = ink in FAINT and ground not in REVERSED
        return Style(bold=bold or ink in STRONG, dim=faint, reverse=ground in REVERSED)


def paint_of(theme: str, depth: Depth) -> Paint:
    """Return the paint of ``theme`` for a terminal of ``depth``."""
    return Paint(palette_of(theme, depth), depth == "none")


def textual_theme(name: str, depth: Depth = "truecolor") -> Theme:
    """Return the Textual theme that goes with `palette_of` (name, depth)."""
    colourless = depth == "none"
    palette = palette_of(name, depth)
    if colourless:
        palette = dict.fromkeys(palette, "ansi_default")
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
        dark=name != "headroom-light",
        variables={
            "footer-background": palette["head"],
            "footer-foreground": palette["dim"],
            "footer-description-foreground": palette["label"],
            "footer-key-foreground": palette["accent"],
            "footer-key-background": palette["head"],
            "footer-item-background": palette["head"],
            "border": palette["rule"],
            "block-cursor-background": palette["pick"],
            "block-cursor-foreground": palette["pick_ink"],
            "block-cursor-text-style": "reverse" if colourless else "none",
            "input-cursor-background": palette["accent"],
            "input-selection-background": palette["cursor"],
            "scrollbar": palette["rule"],
            "scrollbar-background": palette["back"],
        },
    )
