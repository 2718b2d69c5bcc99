"""`make docs-pictures`: draw the terminal's pictures for the docs, always the same to the pixel.

Plays a scripted market into the real application at both sizes and saves what it shows as SVG,
and as PNG where ``rsvg-convert`` (librsvg2-bin) is installed.
"""

import asyncio
import html
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from textual.pilot import Pilot

from tui.app import HeadroomApp
from tui.scripted import ScriptedLink

PICTURES: Final = Path(__file__).resolve().parent.parent / "docs" / "pictures"
SYMBOL: Final = "small.eu-de.flat.spot"
SIZES: Final = {"market-80x24": (80, 24), "market-160x50": (160, 50)}
CONVERT_TIMEOUT_S: Final = 60
BLANK: Final = "&#160;"


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


def save(folder: Path, pictures: dict[str, str]) -> list[Path]:
    """Write ``pictures`` into ``folder`` and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.svg" for name in pictures]
    for file, svg in zip(files, pictures.values(), strict=True):
        file.write_text(tidy_svg(svg), encoding="utf-8")
    return files


def tidy_svg(svg: str) -> str:
    """Return ``svg`` without web fonts, and with the blanks around texts turned into positions.

    Converters drop blanks at the ends of a text, which would shift numbers out of line.
    """
    svg = re.sub(r"<!-- .*? -->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "'DejaVu Sans Mono', Menlo, Consolas, monospace")
    return re.sub(r'x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"([^>]*)>([^<]*)<', _trim, svg)


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


def to_png(svg: Path) -> bool:
    """Convert ``svg`` beside itself; False when no converter is installed."""
    convert = shutil.which("rsvg-convert")
    if convert is None:
        return False
    width = "1600" if "160x50" in svg.name else "1000"
    command = [convert, "--width", width, "--output", str(svg.with_suffix(".png")), str(svg)]
    subprocess.run(command, check=True, timeout=CONVERT_TIMEOUT_S)
    return True


def main() -> int:
    """Draw all; exit code 1 when the PNGs could not be made."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    made = [to_png(svg) for svg in save(folder, asyncio.run(draw_all()))]
    if not all(made):
        sys.stderr.write("headroom: PNG pictures need rsvg-convert: apt-get install librsvg2-bin\n")
    return 0 if all(made) else 1


if __name__ == "__main__":
    sys.exit(main())
