"""Which orders the account's money could not pay, as long as that is so. Pure.

The exchange alone knows what is available. A refusal counts until another order of the same rule is
accepted, or the account has what was needed.
"""

from typing import Final

from msgspec import Struct

from exchange.wire.frames import ErrorReply
from manager.core.bids import rule_of
from manager.core.limit import short_credits

REASON: Final = "insufficient_funds"
NAMES_MAX: Final = 1_000


class _Lack(Struct, frozen=True):
    needed_ucr: int | None
    text: str


class Deposit:
    """What is missing, by the rule or the purchase by hand that ordered."""

    def __init__(self) -> None:
        self._lacks: dict[str, _Lack] = {}

    def refused(self, client_order_id: str, error: ErrorReply) -> None:
        """An order was refused, maybe for want of money."""
        name = rule_of(client_order_id)
        full = len(self._lacks) >= NAMES_MAX and name not in self._lacks
        if error.reason != REASON or full:
            return
        needed = error.amounts.needed_ucr if error.amounts is not None else None
        self._lacks[name] = _Lack(needed, _text(error))

    def accepted(self, client_order_id: str) -> None:
        self._lacks.pop(rule_of(client_order_id), None)

    def balance(self, available_ucr: int) -> None:
        """The account has this now."""
        for name, lack in list(self._lacks.items()):
            if lack.needed_ucr is not None and available_ucr >= lack.needed_ucr:
                del self._lacks[name]

    def lacks(self, name: str) -> str | None:
        """Say what is missing in one line, ``None`` when nothing is known to be."""
        lack = self._lacks.get(name)
        return None if lack is None else lack.text


def _text(error: ErrorReply) -> str:
    amounts = error.amounts
    if amounts is None or amounts.needed_ucr is None or amounts.available_ucr is None:
        return "deposit: the account has too little money for the order"
    needed, available = short_credits(amounts.needed_ucr), short_credits(amounts.available_ucr)
    return f"deposit: the order needs {needed} credits, {available} are available"
