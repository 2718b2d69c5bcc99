"""Colours as a terminal shows them: rounding, contrast, distance, colour blindness."""

import math
from typing import Final, TypeAlias

from rich.color import Color, ColorSystem

from tui.palettes import Depth, Palette

Rgb: TypeAlias = tuple[int, int, int]

SYSTEMS: Final = {
    "truecolor": ColorSystem.TRUECOLOR,
    "256": ColorSystem.EIGHT_BIT,
    "16": ColorSystem.STANDARD,
}
VGA: Final = "000000 aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa" + (
    " 555555 ff5555 55ff55 ffff55 5555ff ff55ff 55ffff ffffff"
)
XTERM: Final = "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5" + (
    " 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff"
)
CAMPBELL: Final = "0c0c0c c50f1f 13a10e c19c00 0037da 881798 3a96dd cccccc" + (
    " 767676 e74856 16c60c f9f1a5 3b78ff b4009e 61d6d6 f2f2f2"
)
SCHEMES: Final = {"vga": VGA.split(), "xterm": XTERM.split(), "campbell": CAMPBELL.split()}
"""What users' terminals make of the sixteen colours."""
DICHROMATS: Final = {
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
}
"""Machado, Oliveira and Fernandes 2009, on linear light."""
WHITE: Final = (0.9505, 1.0, 1.089)


def name_of(palette: Palette, ink: str, ground: str) -> str:
    """Return the colour ``palette`` writes ``ink`` in on ``ground``."""
    return palette.get(f"{ink} on {ground}") or palette[ink]


def shown(colour: str, depth: Depth, scheme: str = "vga") -> Rgb:
    """Return what a terminal of ``depth`` makes of ``colour``."""
    rounded = Color.parse(colour).downgrade(SYSTEMS[depth])
    if depth == "16":
        assert rounded.number is not None
        hex_text = SCHEMES[scheme][rounded.number]
        return int(hex_text[:2], 16), int(hex_text[2:4], 16), int(hex_text[4:], 16)
    return rounded.get_truecolor()


def linear(colour: Rgb) -> tuple[float, float, float]:
    """Return the light of each channel, 0 to 1."""
    parts = [c / 255 for c in colour]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return red, green, blue


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast ratio of WCAG 2: 1 to 21, 4.5 is its bound for text."""
    lights = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other))]
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def distance(one: Rgb, other: Rgb, eyes: str = "") -> float:
    """Return the distance in CIE Lab (2.3 is just noticeable), as ``eyes`` see it."""
    return math.dist(_lab(one, eyes), _lab(other, eyes))


def _lab(colour: Rgb, eyes: str) -> tuple[float, float, float]:
    light: tuple[float, ...] = linear(colour)
    if eyes:
        light = tuple(
            min(1.0, max(0.0, sum(m * c for m, c in zip(row, light, strict=True))))
            for row in DICHROMATS[eyes]
        )
    red, green, blue = light
    xyz = (
        0.4124 * red + 0.3576 * green + 0.1805 * blue,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        0.0193 * red + 0.1192 * green + 0.9505 * blue,
    )
    x, y, z = (_curve(value / white) for value, white in zip(xyz, WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _curve(value: float) -> float:
    return value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
