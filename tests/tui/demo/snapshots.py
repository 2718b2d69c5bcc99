"""What every screen looks like at both sizes, with 256 and with 16 colours, theme by theme.

The themes take turns: each screen is seen in one at 80x24 and in the next one at 160x50, for all
of them in all looks would take minutes; test_palettes.py holds every pair of colours.

Kept small: the text of each screen at 80x24 to read, and a digest of the SVG for each look.
``make docs-pictures`` makes both again; see what changed before it is committed.
"""

import asyncio
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tui.demo.pictures import tidy_svg
from tui.demo.scenario_seen import filled
from tui.demo.scenes import SCENES, Scene
from tui.demo.sitting import Sitting, walk
from tui.palettes import PALETTES, Depth

KEPT: Final = Path(__file__).parent / "screens"
SIZES: Final = {"80x24": (80, 24), "160x50": (160, 50)}
DEPTHS: Final[tuple[Depth, ...]] = ("256", "16")
THEMES: Final = tuple(PALETTES)


class Seen:
    """``svgs`` and ``texts`` by "SCENE SIZE" (and look)."""

    def __init__(self) -> None:
        self.svgs: dict[str, str] = {}
        self.texts: dict[str, str] = {}

    def digests(self) -> dict[str, str]:
        return {
            name: hashlib.sha256(svg.encode()).hexdigest()[:16]
            for name, svg in sorted(self.svgs.items())
        }

    def text(self) -> str:
        """Return all texts, one below the other."""
        return "".join(f"=== {name}\n{text}\n" for name, text in self.texts.items())


async def see() -> Seen:
    """Look at every scene in every look."""
    seen = Seen()
    with tempfile.TemporaryDirectory() as folder, filled(Path(folder)) as scenarios:
        for size_name, size in SIZES.items():

            async def look(scene: Scene, sitting: Sitting, size_name: str = size_name) -> None:
                name = f"{scene.name} {size_name}"
                if size_name == "80x24":
                    seen.texts[name] = text_of(sitting)
                turn = SCENES.index(scene) + list(SIZES).index(size_name)
                theme = THEMES[turn % len(THEMES)]
                for depth in DEPTHS:
                    await sitting.paint(theme, depth)
                    seen.svgs[f"{name} {theme} {depth}"] = tidy_svg(sitting.svg())

            await walk(size, scenarios, look)
    return seen


def text_of(sitting: Sitting) -> str:
    """Return the rows of the screen as text."""
    rows: list[Any] = sitting.app.screen._compositor.render_strips()
    return "\n".join("".join(part.text for part in row).rstrip() for row in rows)


def keep(seen: Seen, folder: Path = KEPT) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "digests.json").write_text(json.dumps(seen.digests(), indent=0) + "\n", "utf-8")
    (folder / "80x24.txt").write_text(seen.text(), "utf-8")


if __name__ == "__main__":
    keep(asyncio.run(see()))
    sys.exit(0)
