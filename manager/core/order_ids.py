"""How the ids of the orders begin that a Manager places, and nobody else. Pure."""

from typing import Final

BIDS: Final = "rule/"
"""Bids of rules and by hand: ``rule/NAME/...``, ``rule/+VM/...``."""
ASKS: Final = "group/"
"""Asks of groups: ``group/NAME/HOST/...``."""
MANAGERS_ORDERS: Final = (ASKS, BIDS)
