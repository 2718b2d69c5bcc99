"""``make snapshots``: draw every screen at every size, twice, and keep it when both are the same.

The market and the Manager are the product's own, on virtual time (``tui.demo.virtual``): keys,
times and figures are the same in every run. Look at the difference before it is committed.
"""

import asyncio
import sys
import tempfile
from difflib import unified_diff
from itertools import islice
from pathlib import Path
from typing import Final

from tests.tui.snapshots.cells import MEANINGS, Row, draw_meanings, forget_meanings, seen
from tests.tui.snapshots.kept import FOLDER, written
from tui.demo.scenario_folder import filled
from tui.demo.scenes import Scene
from tui.demo.walk import DrivenTerminal, Look, walk

DIFFERENCE_MAX: Final = 60
"""Lines shown of a difference."""
SIZES: Final = ("80x24", "120x35", "160x50")


def draw(*sizes: str) -> dict[str, str]:
    """Return the file of each of ``sizes``."""
    draw_meanings()
    try:
        return asyncio.run(_draw(sizes))
    finally:
        forget_meanings()


async def _draw(sizes: tuple[str, ...]) -> dict[str, str]:
    looks = {Look(_cells(size), MEANINGS): size for size in sizes}
    found: dict[str, dict[str, tuple[Row, ...]]] = {size: {} for size in sizes}

    async def at(look: Look, scene: Scene, terminal: DrivenTerminal) -> None:
        found[looks[look]][scene.name] = seen(terminal.app)

    with tempfile.TemporaryDirectory() as folder, filled(Path(folder)) as scenarios:
        await walk(list(looks), scenarios, at)
    return {size: written(screens) for size, screens in found.items()}


def _cells(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)


def news(size: str) -> list[str]:
    """Return what is drawn today at ``size`` other than it is kept."""
    lines = changed((FOLDER / f"{size}.txt").read_text("utf-8"), draw(size)[size])
    return [*lines, "", "If it is meant: make snapshots, and look at it."] if lines else []


def changed(old: str, new: str) -> list[str]:
    """Return what differs, with the lines around it."""
    lines = unified_diff(old.splitlines(), new.splitlines(), "before", "now", lineterm="")
    return list(islice(lines, DIFFERENCE_MAX))


def main() -> int:
    """Draw, and keep what came out the same both times."""
    first, again = draw(*SIZES), draw(*SIZES)
    for size, text in first.items():
        print("\n".join(changed(text, again[size])), file=sys.stderr)
    if first != again:
        print("not the same twice: nothing is kept", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    for size, text in first.items():
        (FOLDER / f"{size}.txt").write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
