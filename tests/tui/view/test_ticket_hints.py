"""The ticket's words are keys for the mouse: each hint does what it says, and nothing else does."""

import pytest

from tui.view.ticket_hints import action_at
from tui.view.ticket_lines import EDIT_KEYS, SHORT_KEYS

FIELDS = ["quantity", "price", "order_type", "force", "post_only", "minimum", "until", "hosts"]
STAGED = f" Enter arms · Esc drops   {EDIT_KEYS}    "
ARMED = " small.eu-de.flat.spot: send this order?   Enter sends · Esc disarms"
ALL = " Cancel all 8 open orders? The Manager places its 7 again.   Enter does it · Esc leaves it"


def named(row: str) -> list[str]:
    """Return the actions of ``row`` from left to right."""
    found = [action_at(row, x) for x in range(len(row))]
    return list(dict.fromkeys(name for name in found if name))


@pytest.mark.parametrize(
    ("row", "actions"),
    [
        (STAGED, ["confirm", "back", *FIELDS]),
        (f" Enter arms · Esc drops   {SHORT_KEYS}", ["confirm", "back", *FIELDS]),
        (ARMED, ["confirm", "back"]),
        (ALL, ["confirm", "back"]),
        (" Send it?   Enter · Esc", ["confirm", "back"]),
        (" price 0.03▏   Enter takes it · Esc leaves it", ["confirm", "back"]),
        (" o-7: back of the queue  q total  p price", ["quantity", "price"]),
        (" b buy or s sell 1 at the cursor, 0.0307", ["buy", "sell"]),
        (" q quantity  t type  f in force", ["quantity", "order_type", "force"]),
        (" q p t f o n u h change it", []),
        (" BUY  1 × 0.0311  limit gtc   holds 0.0311 for 1 h", []),
        (" Working: buy 1 at 0.0308 · small.eu-de.flat.spot o-1935", []),
    ],
)
def test_each_hint_is_its_action(row: str, actions: list[str]) -> None:
    assert named(row) == actions


def test_only_the_words_themselves_are_hit() -> None:
    assert action_at(ARMED, ARMED.index("send this")) is None
    assert action_at(ARMED, ARMED.index("Enter")) == "confirm"
    assert action_at(ARMED, ARMED.index("Esc") - 2) is None
