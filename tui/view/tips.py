"""The card that tells a visitor of the demo what to try: a title and a row for each thing. Pure.

Each tip names the keys to press, in the order to press them, and what is seen then.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from tui.view.text import Line, clip, fit, span


class Tip(NamedTuple):
    """``keys`` as a person presses them, and what they do; ``short`` is for a narrow screen."""

    keys: str
    text: str
    short: str


TIPS: Final = (
    Tip(
        "F2 b t Enter Enter",
        "Rent one server now, at the market's price. F4 shows what you rent.",
        "Rent one server now. F4 shows what you rent.",
    ),
    Tip(
        "F8",
        "Your farm has a peak every 3 minutes: rules rent servers for it and give them back.",
        "Every 3 minutes a peak: rules rent servers for it.",
    ),
    Tip(
        "F6 r, 4 x Enter",
        "Find the cheapest server, rent it, and start one of your stored VMs on it.",
        "Find the cheapest server, start a stored VM on it.",
    ),
)
TITLE: Final = " TRY THIS "
CLOSE: Final = " 0 closes this "
KEYS_CELLS: Final = 19
AROUND: Final = 2


def tip_lines(tips: Sequence[Tip], width: int) -> list[Line]:
    """Return the card, each row exactly ``width`` cells wide."""
    rule = "─" * max(0, width - len(TITLE) - len(CLOSE) - 1)
    head = (span("─", "dim"), span(TITLE, "accent!"), span(rule, "dim"), span(CLOSE, "label"))
    return [fit(head, width, "head"), *(fit(_row(tip, width), width, "head") for tip in tips)]


def _row(tip: Tip, width: int) -> Line:
    room = width - KEYS_CELLS - AROUND
    text = tip.text if len(tip.text) <= room else tip.short
    return (span(f"  {tip.keys:<{KEYS_CELLS}}", "own!"), span(clip(text, room)))
