"""`make docs-pictures`: draw the terminal's pictures for the docs, always the same to the pixel.

Every screen of the table of scenes, on a real market in virtual time, and the Market at two sizes
on a scripted one, as SVG.
"""

import asyncio
import html
import re
import sys
import tempfile
from pathlib import Path
from typing import Final

from textual.pilot import Pilot

from tui.app import HeadroomApp
from tui.demo.market import SYMBOL
from tui.demo.scenario_folder import filled
from tui.demo.scenes import Scene
from tui.demo.scripted import ScriptedLink
from tui.demo.walk import DrivenTerminal, Look, walk

PICTURES: Final = Path(__file__).resolve().parents[2] / "docs" / "pictures"
SIZES: Final = {"market-80x24": (80, 24), "market-160x50": (160, 50)}
SCREENS: Final = PICTURES / "screens"
SCREEN_SIZE: Final = (100, 30)
BLANK: Final = "&#160;"
CRISP: Final = ' shape-rendering="crispEdges"'
RECT: Final = re.compile(
    r'<rect fill="([^"]*)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/>'
)
LINE_CLIP: Final = re.compile(
    r'<clipPath id="[^"]*-line-\d+">.*?</clipPath>\s*| clip-path="url\(#[^)]*-line-\d+\)"',
    re.DOTALL,
)
"""Rich clips every row on its own; our rows are exactly as wide as the screen."""


async def draw(name: str, theme: str = "headroom-dark", keys: tuple[str, ...] = ()) -> str:
    """Return the SVG of the market screen at the size called ``name`` after ``keys``."""
    link = ScriptedLink()
    app = HeadroomApp(link, theme=theme, now_ms=link.now_ms, session_name="docs", symbol=SYMBOL)
    async with app.run_test(size=SIZES[name]) as pilot:
        await link.open()
        await link.settled()
        await _trade(link, pilot)
        for key in keys:
            await pilot.press(key)
        await link.settled()
        app.redraw()
        await pilot.pause()
        svg = app.export_screenshot(title="headroom")
        await link.close()
    return svg


async def _trade(link: ScriptedLink, pilot: Pilot[int]) -> None:
    """Trade a little by keyboard, so that the tables have something to show."""
    link.play(SYMBOL, 40)
    await link.settled()
    for keys in (
        ("b", "q", "6", "enter", "up", "up", "up", "b", "enter", "enter"),
        ("down", "down", "down", "down", "down", "b", "enter", "enter"),
        ("up", "up", "up", "up", "up", "up", "up", "s", "q", "3", "enter", "enter", "enter"),
    ):
        await pilot.press(*keys)
        await link.settled()
        link.play(SYMBOL, 25)
        await link.settled()
    link.push(link.account.vm("l-1", "web-1"))
    link.play(SYMBOL, 120)
    await link.settled()


async def draw_all() -> dict[str, str]:
    """Return every picture as SVG, by name."""
    return {
        "market-80x24": await draw("market-80x24", keys=("b", "enter")),
        "market-160x50": await draw("market-160x50"),
        "market-160x50-light": await draw("market-160x50", theme="headroom-light"),
    }


async def draw_screens() -> dict[str, str]:
    """Return a picture of every scene, by its name."""
    found = {}

    async def look(_: Look, scene: Scene, terminal: DrivenTerminal) -> None:
        found[scene.name] = terminal.svg()

    with tempfile.TemporaryDirectory() as folder, filled(Path(folder)) as scenarios:
        await walk([Look(SCREEN_SIZE)], scenarios, look)
    return found


def save(folder: Path, pictures: dict[str, str]) -> list[Path]:
    """Write ``pictures`` into ``folder`` and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.svg" for name in pictures]
    for file, svg in zip(files, pictures.values(), strict=True):
        file.write_text(tidy_svg(svg), encoding="utf-8")
    return files


def tidy_svg(svg: str) -> str:
    """Return ``svg`` without web fonts, and with the blanks around texts turned into positions.

    Converters drop blanks at the ends of a text, which would shift numbers out of line. What says
    nothing is left out: it is a third of the size then.
    """
    svg = re.sub(r"<!-- .*? -->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "'DejaVu Sans Mono', Menlo, Consolas, monospace")
    svg = re.sub(r"terminal-\d+", "t", LINE_CLIP.sub("", svg))
    svg = svg.replace(CRISP, "").replace("<g transform", f"<g{CRISP} transform")
    svg = re.sub(rf"(?:{RECT.pattern})+", _join, svg)
    svg = re.sub(r'x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"([^>]*)>([^<]*)<', _trim, svg)
    return re.sub(r"<text [^>]*>\s*</text>", "", svg)


def _join(run: re.Match[str]) -> str:
    """Return a row's rectangles with neighbours of one colour made one."""
    rects: list[tuple[str, str, str, str, float]] = []
    for fill, x, y, width, height in RECT.findall(run[0]):
        until = float(x) + float(width)
        if rects and (fill, y) == (rects[-1][0], rects[-1][2]):
            rects[-1] = (*rects[-1][:4], until)
        else:
            rects.append((fill, x, y, height, until))
    return "".join(
        f'<rect fill="{fill}" x="{x}" y="{y}" width="{until - float(x):.1f}" height="{height}"/>'
        for fill, x, y, height, until in rects
    )


def _trim(match: re.Match[str]) -> str:
    x, y, length, rest, text = match.groups()
    cell = float(length) / max(1, len(html.unescape(text)))
    body = text.removeprefix(BLANK)
    while body.startswith(BLANK):
        body = body.removeprefix(BLANK)
    left = (len(text) - len(body)) // len(BLANK) if body != text else 0
    while body.endswith(BLANK):
        body = body.removesuffix(BLANK)
    wide = cell * len(html.unescape(body))
    start = float(x) + left * cell
    return f'x="{start:.1f}" y="{y}" textLength="{wide:.1f}"{rest}>{body}<'


def main() -> int:
    """Draw all of them into the docs, or into the folder named on the command line."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    save(folder, asyncio.run(draw_all()))
    save(folder / SCREENS.name, asyncio.run(draw_screens()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
