"""What the ticket's own words mean to the mouse: ``Enter sends`` sends, ``p price`` asks. Pure."""

import re
from typing import Final

ACTIONS: Final = {
    "Enter": "confirm",
    "Esc": "back",
    "b buy": "buy",
    "s sell": "sell",
    "q": "quantity",
    "p": "price",
    "t": "order_type",
    "f": "force",
    "o": "post_only",
    "n": "minimum",
    "u": "until",
    "h": "hosts",
}
"""By the key, or by the key and its word where the words of a sentence follow."""
HINT: Final = re.compile(
    r"(?P<key>Enter|Esc)(?: \w+(?: it)?)?(?= · |  | *$)"
    r"|(?<!\S)(?P<start>b buy|s sell)(?!\S)"
    r"|(?<=  )(?P<field>[qptfonuh]) \S{2,}(?: \S+)*"
    r"|(?<=^ )(?P<first>[qptfonuh]) \S{2,}(?: \S+)*"
)


def action_at(row: str, x: int) -> str | None:
    """Return the action that the words at ``x`` of the ticket's ``row`` name, if any."""
    for hint in HINT.finditer(row):
        if hint.start() <= x < hint.end():
            return ACTIONS[next(name for name in hint.groups() if name)]
    return None
