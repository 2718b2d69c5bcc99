"""Which parts of the Automation screen are shown, and how many rows each gets. Pure."""

from typing import Final, NamedTuple

from tui.view.layout import is_wide
from tui.view.rule_detail import ROWS
from tui.view.table import HEADING_ROWS

FARM_ROWS: Final = 1
AXIS_LEAST: Final = 12
"""With fewer rows it gets all that the list of rules leaves, and the units none."""


class Heights(NamedTuple):
    """0: not shown. The farm's row comes on top."""

    rules: int
    picked: int
    axis: int
    units: int


def heights(width: int, height: int, focus: str, rules: int, units: int) -> Heights:
    """Return the rows of each part in ``height`` rows.

    Wide: all of them. Else the list that has the keys, the rule in full below its list, the axis in
    what is left, and the units too where that leaves it room.
    """
    room = height - FARM_ROWS
    if is_wide(width, height):
        listed = HEADING_ROWS + max(1, min(rules, 8)) + 1
        below = HEADING_ROWS + max(3, min(units, 12))
        return Heights(listed, ROWS + 1, room - listed - ROWS - 1 - below, below)
    if focus == "rules":
        listed = HEADING_ROWS + max(1, min(rules, 4))
        left = room - listed - ROWS
        below = HEADING_ROWS + max(1, min(units, 6))
        if left - below < AXIS_LEAST:
            below = 0
        return Heights(listed, ROWS, left - below, below)
    below = HEADING_ROWS + max(1, min(units, 6))
    return Heights(0, 0, room - below, below)
