"""Where each pane stands at a given terminal size. Pure arithmetic, so that a law can hold:
panes lie inside the screen, never overlap, and none is smaller than it can bear.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

Pane: TypeAlias = Literal[
    "head",
    "ladder",
    "tape",
    "depth",
    "orders",
    "leases",
    "instruments",
    "ticket",
    "money",
    "chart",
    "windows",
    "small",
]

SMALLEST: Final = (60, 16)
"""Without the row of keys, which is not laid out here: a terminal needs `KEYS_ROWS` more."""
KEYS_ROWS: Final = 1
WIDE: Final = (132, 36)
MEDIUM: Final = (108, 28)
"""From here on the ladder and three panes: the chart, the tape and the chosen one."""
TAPE_CELLS: Final = 34
WINDOWS: Final = 6
"""Rows of the strip of hours; shown from `WINDOWS_FROM` rows on, if there are windows."""
WINDOWS_FROM: Final = 44
CHART_LEAST: Final = 8
GUTTER: Final = 2
MARGIN: Final = 1
LADDER_MIN: Final = 42
LADDER_LEAST: Final = 40
NARROW: Final = 72
"""Below this many columns the ladder gives some of its cells to the pane beside it."""
LADDER_MAX: Final = 64
SIDE_PANES: Final[tuple[Pane, ...]] = ("tape", "depth", "orders", "leases", "instruments")


class Box(NamedTuple):
    """A rectangle of cells."""

    x: int
    y: int
    width: int
    height: int


def is_wide(width: int, height: int) -> bool:
    """Tell whether every pane has a place of its own."""
    return width >= WIDE[0] and height >= WIDE[1]


def is_roomy(width: int, height: int) -> bool:
    """Tell whether there is room for more than one pane at a time."""
    return width >= MEDIUM[0] and height >= MEDIUM[1]


def shares(needs: Sequence[int], room: int) -> list[int]:
    """Return the rows of lists above each other: what each needs, and the same for the long ones.

    The last one takes what nobody needs.
    """
    found, left = list(needs), room
    for number, at in enumerate(sorted(range(len(found)), key=lambda at: found[at])):
        found[at] = min(found[at], left // (len(found) - number))
        left -= found[at]
    return [*found[:-1], found[-1] + left]


def arrange(width: int, height: int, side: Pane, windows: bool = False) -> dict[Pane, Box]:
    """Return the panes to show in ``width`` x ``height`` cells.

    ``side``: the pane chosen beside the ladder; ``windows``: whether there are hours to show.
    """
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return {"small": Box(0, 0, width, height)}
    if is_wide(width, height):
        return _wide(width, height, windows and height >= WINDOWS_FROM)
    if is_roomy(width, height):
        return _medium(width, height, side)
    return _compact(width, height, side)


def _compact(width: int, height: int, side: Pane) -> dict[Pane, Box]:
    ticket, money = 4, 1  # news of two rows: a refusal keeps its reason
    top, main = 1, height - 1 - ticket - money
    least = LADDER_MIN if width >= NARROW else LADDER_LEAST
    ladder = max(least, min(LADDER_MAX, (width - GUTTER) * 54 // 100))
    return {
        "head": Box(0, 0, width, 1),
        "ladder": Box(0, top, ladder, main),
        side: Box(ladder + GUTTER, top, width - ladder - GUTTER, main),
        "ticket": Box(0, top + main, width, ticket),
        "money": Box(0, top + main + ticket, width, money),
    }


def _medium(width: int, height: int, side: Pane) -> dict[Pane, Box]:
    boxes = _compact(width, height, side)
    top, main = boxes["ladder"].y, boxes["ladder"].height
    ladder = max(LADDER_MIN, min(56, width * 40 // 100))
    right, right_x = width - ladder - GUTTER, ladder + GUTTER
    chart = max(CHART_LEAST, main * 35 // 100)
    below, rest = top + chart + 1, main - chart - 1
    # The tape stays; whoever chooses it sees the depth beside it.
    beside: Pane = "depth" if side == "tape" else side
    del boxes[side]
    return boxes | {
        "ladder": Box(0, top, ladder, main),
        "chart": Box(right_x, top, right, chart),
        beside: Box(right_x, below, right - TAPE_CELLS - GUTTER, rest),
        "tape": Box(width - TAPE_CELLS, below, TAPE_CELLS, rest),
    }


def _wide(width: int, height: int, windows: bool) -> dict[Pane, Box]:
    inner = width - 2 * MARGIN
    left = max(44, min(72, inner * 34 // 100))
    middle = max(LADDER_MIN, min(LADDER_MAX, inner * 35 // 100))
    right = inner - left - middle - 2 * GUTTER
    bottom, ticket, money, top = max(8, height * 22 // 100), 6, 7, 2
    strip = WINDOWS + 1 if windows else 0
    main = height - top - bottom - 1 - strip
    depth = max(8, main * 32 // 100)
    middle_x, right_x = MARGIN + left + GUTTER, MARGIN + left + middle + 2 * GUTTER
    half = (inner - GUTTER) // 2
    below = top + main + 1 + strip
    free = main - money - 1
    chart = max(CHART_LEAST, free * 45 // 100)
    boxes: dict[Pane, Box] = {
        "head": Box(0, 0, width, 1),
        "instruments": Box(MARGIN, top, left, free - chart - 1),
        "chart": Box(MARGIN, top + free - chart, left, chart),
        "money": Box(MARGIN, top + main - money, left, money),
        "ladder": Box(middle_x, top, middle, main - ticket - 1),
        "ticket": Box(middle_x, top + main - ticket, middle, ticket),
        "depth": Box(right_x, top, right, depth),
        "tape": Box(right_x, top + depth + 1, right, main - depth - 1),
        "orders": Box(MARGIN, below, half, bottom),
        "leases": Box(MARGIN + half + GUTTER, below, inner - half - GUTTER, bottom),
    }
    if windows:
        boxes["windows"] = Box(MARGIN, top + main + 1, inner, WINDOWS)
    return boxes
