"""A recorded terminal as an animated SVG: frames side by side, shown one after the other.

An `<img>` runs no script and loads no fonts, so the film is one CSS animation, and each letter's
place is told. Rows that several frames share are written once.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

from tui.demo.recording import Shot, decode, shots
from tui.demo.terminal import Run, ScreenRow, Style

CELL, LINE, FONT, EDGE = 8.4, 17, 14, 10
"""In pixels: a letter's width, a row's height, a letter's height, the border."""
TITLE_ROWS: Final = 2
INK, GROUND, TITLE_INK, FRAME = "#c8ccd4", "#0f1217", "#ffffff", "#20252e"
LAST_S: Final = 5.0
"""So long the end is seen before it begins anew."""
FONTS: Final = "'DejaVu Sans Mono',Menlo,Consolas,monospace"
BLOCKS_FROM: Final = 0x2580
BLOCKS: Final = "▁▂▃▄▅▆▇█▌│"
_NO_BLOCKS: Final = {ord(letter): " " for letter in BLOCKS}
_WORDS: Final = re.compile(r"\S+(?: \S+)*")
PICTURES: Final = Path(__file__).resolve().parents[2] / "docs" / "pictures"
RECORDING: Final = PICTURES / "peak.cast"
FILM: Final = PICTURES / "peak-cast.svg"
EVERY_S: Final = 0.1


class Names(NamedTuple):
    """Names for what comes again: rows and colours."""

    rows: dict[ScreenRow, str]
    colors: dict[str, str]

    def row(self, row: ScreenRow) -> str:
        return self.rows.setdefault(row, f"r{len(self.rows)}")

    def color(self, color: str) -> str:
        return self.colors.setdefault(color, f"c{len(self.colors)}")


def film(written: str) -> str:
    """Return the SVG of a recording's text."""
    recording = decode(written)
    seen = list(shots(recording, EVERY_S))
    return svg(seen, recording.width, recording.height, recording.title)


def svg(seen: Sequence[Shot], width: int, height: int, title: str) -> str:
    """Return the film of ``seen``, each of ``width`` x ``height`` cells; ``title`` is read out."""
    names, wide = Names({}, {}), round(width * CELL + 2 * EDGE)
    tall = (height + TITLE_ROWS) * LINE + 2 * EDGE
    frames = "".join(_frame(shot, number * wide, names) for number, shot in enumerate(seen))
    rows = "".join(f'<g id="{name}">{_row(row, names)}</g>' for row, name in names.rows.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" role="img">'
        f"<title>{escape(title)}</title><style>{_style(seen, wide, names)}</style>"
        f"<defs>{rows}</defs>"
        f'<rect width="{wide}" height="{tall}" rx="8" fill="{FRAME}"/>'
        f'<rect x="{EDGE}" y="{EDGE + TITLE_ROWS * LINE}" width="{wide - 2 * EDGE}" '
        f'height="{height * LINE}" fill="{GROUND}"/>'
        f'<g class="film" shape-rendering="crispEdges">{frames}</g></svg>\n'
    )


def _style(seen: Sequence[Shot], wide: int, names: Names) -> str:
    whole_s = seen[-1].at_s + LAST_S
    keys = "".join(
        f"{100 * shot.at_s / whole_s:.3f}%{{transform:translateX({-number * wide}px)}}"
        for number, shot in enumerate(seen)
    )
    end = f"transform:translateX({-(len(seen) - 1) * wide}px)"
    colors = "".join(f".{name}{{fill:{color}}}" for color, name in names.colors.items())
    return (
        f"text{{font:{FONT}px {FONTS};fill:{INK};white-space:pre}}"
        f".b{{font-weight:bold}}.t{{fill:{TITLE_INK};font:bold {FONT + 1}px sans-serif}}{colors}"
        f".film{{animation:film {whole_s:.2f}s steps(1,end) infinite}}"
        f"@keyframes film{{{keys}100%{{{end}}}}}"
        f"@media(prefers-reduced-motion:reduce){{.film{{animation:none;{end}}}}}"
    )


def _frame(shot: Shot, at_x: int, names: Names) -> str:
    top = EDGE + TITLE_ROWS * LINE
    rows = "".join(
        f'<use href="#{names.row(row)}" y="{number * LINE}"/>'
        for number, row in enumerate(shot.rows)
        if any(run.text.strip() or _grounds(run.style) for run in row)
    )
    title = f'<text class="t" x="{EDGE}" y="{EDGE + LINE}">{escape(shot.title)}</text>'
    return (
        f'<g transform="translate({at_x} 0)">{title}'
        f'<g transform="translate({EDGE} {top})">{rows}</g></g>'
    )


def _grounds(style: Style) -> str:
    """Return the colour behind a letter, "" when it is the screen's own."""
    _, back = _colors(style)
    return "" if back == GROUND else back


def _colors(style: Style) -> tuple[str, str]:
    fore, back = style.fore or INK, style.back or GROUND
    return (back, fore) if style.reverse else (fore, back)


def _row(row: ScreenRow, names: Names) -> str:
    return "".join([*_backs(row, names), *_blocks(row, names), *_texts(row, names)])


def _backs(row: ScreenRow, names: Names) -> Iterator[str]:
    at, begun, color = 0, 0, ""
    for run in (*row, Run(" ", Style())):
        now = _grounds(run.style)
        if now != color:
            if color:
                wide = round((at - begun) * CELL, 1)
                fill = names.color(color)
                yield f'<path class="{fill}" d="M{begun * CELL:.1f} 0h{wide}v{LINE}h-{wide}z"/>'
            begun, color = at, now
        at += len(run.text)


def _block(letter: str) -> tuple[float, float, float, float]:
    """Return x, y, width and height of a block letter within its cell."""
    if letter == "▌":
        return 0, 0, CELL / 2, LINE
    if letter == "│":
        return CELL / 2 - 0.5, 0, 1, LINE
    tall = (ord(letter) - BLOCKS_FROM) / 8 * LINE
    return 0, LINE - tall, CELL, tall


def _blocks(row: ScreenRow, names: Names) -> Iterator[str]:
    """Yield the letters that are shapes: a font would leave gaps between them."""
    at = 0
    for run in row:
        path = ""
        for number, letter in enumerate(run.text, at):
            if letter in BLOCKS:
                x, y, wide, tall = _block(letter)
                path += f"M{number * CELL + x:.1f} {y:.1f}h{wide:.1f}v{tall:.1f}h-{wide:.1f}z"
        if path:
            yield f'<path class="{names.color(_colors(run.style)[0])}" d="{path}"/>'
        at += len(run.text)


def _texts(row: ScreenRow, names: Names) -> Iterator[str]:
    """Yield each stretch of words at its place, as wide as its cells."""
    at = 0
    for run in row:
        ink = names.color(_colors(run.style)[0]) + (" b" if run.style.bold else "")
        for words in _WORDS.finditer(run.text.translate(_NO_BLOCKS)):
            x, wide = (at + words.start()) * CELL, len(words[0]) * CELL
            yield (
                f'<text class="{ink}" x="{x:.1f}" y="{LINE - 4}" textLength="{wide:.1f}" '
                f'lengthAdjust="spacingAndGlyphs">{escape(words[0], quote=False)}</text>'
            )
        at += len(run.text)


if __name__ == "__main__":
    FILM.write_text(film(RECORDING.read_text("utf-8")), encoding="utf-8")
