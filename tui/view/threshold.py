"""The load at which a rule acts, as it stood at each moment. Pure."""

import re
from typing import Final, NamedTuple

from manager.core.rule import parse_condition
from tui.view.farm_past import Point

FOLLOWS: Final = re.compile(r"(?:track|predict) (util|load) (\S+)")


class Threshold(NamedTuple):
    """``share``: of what the units in service serve at 100 %; else requests/s."""

    text: str
    value: float
    share: bool

    def rps(self, point: Point) -> float | None:
        if not self.share:
            return self.value
        return None if point.serves_rps is None else self.value / 100 * point.serves_rps


def threshold(when: str) -> Threshold | None:
    """Return the threshold that a rule's ``when`` names first, None when it names no load."""
    follows = FOLLOWS.fullmatch(when)
    if follows is not None:
        # The target of `load` is that of one unit, which the terminal cannot turn into a line.
        return Threshold(when, float(follows[2]), True) if follows[1] == "util" else None
    for text in when.split(" and "):
        try:
            condition = parse_condition(text)
        except ValueError:
            continue  # hours, or a rule of a newer Manager
        if condition.metric != "units":
            return Threshold(text, condition.value, condition.metric == "util")
    return None
