"""A screen as cells: its text, and what the colours of each cell mean.

The terminal draws in a theme of its own, in which every ink and every ground has another colour:
so the colour of a cell tells its meaning, and one picture stands for all themes and depths.
"""

from typing import Final, NamedTuple, TypeAlias

from rich.segment import Segment
from rich.style import Style

from tui.app import HeadroomApp
from tui.palettes import DARK, PALETTES, Palette

MEANINGS: Final = "meanings"
STEP: Final = 9
UNDER: Final = 0.6
"""How much of the background covers a screen below a question."""
NEAR: Final = 2
"""Two colours as far apart in each channel are one: covering rounds."""


def _unlike(number: int) -> str:
    return f"#{40 + STEP * number:02x}{30 + 37 * number % 200:02x}{60 + 83 * number % 190:02x}"


PALETTE: Final[Palette] = {name: _unlike(number) for number, name in enumerate(DARK)}


class Run(NamedTuple):
    """Cells beside each other that mean the same; ``ink`` "" when they are blank.

    "~" before a name: it is below a question. "?" is a mixture that a widget of Textual's made.
    """

    text: str
    ink: str
    ground: str


Row: TypeAlias = tuple[Run, ...]


def draw_meanings() -> None:
    """Let a terminal be opened in the theme `MEANINGS`."""
    PALETTES[MEANINGS] = {"truecolor": PALETTE}


def forget_meanings() -> None:
    del PALETTES[MEANINGS]


def seen(app: HeadroomApp) -> tuple[Row, ...]:
    """Return what is on the screen of ``app``."""
    return tuple(_row(list(strip)) for strip in app.screen._compositor.render_strips())


def _row(segments: list[Segment]) -> Row:
    runs: list[Run] = []
    for text, style, control in segments:
        if control or not text:
            continue
        ink, ground = _meaning(style or Style.null(), bool(text.strip()))
        if runs and runs[-1][1:] == (ink, ground):
            runs[-1] = Run(runs[-1].text + text, ink, ground)
        else:
            runs.append(Run(text, ink, ground))
    return tuple(runs)


def _meaning(style: Style, written: bool) -> tuple[str, str]:
    ground = _name(style.bgcolor.get_truecolor().hex) if style.bgcolor else "?"
    if not written:
        return "", ground
    ink = _name(style.color.get_truecolor().hex) if style.color else "?"
    return ink + ("!" if style.bold else ""), ground


def _name(colour: str) -> str:
    if colour not in _names:
        _names[colour] = next((name for name, one in _known() if _near(one, _rgb(colour))), "?")
    return _names[colour]


def _known() -> list[tuple[str, tuple[int, ...]]]:
    back = _rgb(PALETTE["back"])
    plain = [(name, _rgb(colour)) for name, colour in PALETTE.items()]
    under = [
        (f"~{name}", tuple(round(c + (b - c) * UNDER) for c, b in zip(rgb, back, strict=True)))
        for name, rgb in plain
    ]
    return [*plain, *under]


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def _near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= NEAR for a, b in zip(one, other, strict=True))


_names: dict[str, str] = {}
"""By colour, as found before."""
