"""A limit on what a rule may buy: its name with its figures, and how much it leaves. Pure.

Every limit has the key under which the administrator finds it: ``max_units`` and ``budget_day`` of
the rule, ``[spend] day`` of the account, ``--max-spend`` of this run.
"""

from typing import Final, TypeAlias

from msgspec import Struct

from exchange.units import MAX_QTY, count_text, credits_text


class UnitsLimit(Struct, frozen=True):
    """``max_units`` of a rule: all units that are paid for count, whoever bought them."""

    most: int
    paid: int

    @property
    def units(self) -> int:
        return self.most - self.paid

    def text(self) -> str:
        """Return it in one line, with its figures."""
        are = "is" if self.paid == 1 else "are"
        return f"max_units {self.most}: {count_text(self.paid, 'unit')} {are} rented or on order"


class MoneyLimit(Struct, frozen=True):
    """A budget called ``key``.

    ``left_ucr``: of it, without what is spent, held or committed; ``price_ucr``: what one more
    hour may cost.
    """

    key: str
    most_ucr: int
    left_ucr: int
    price_ucr: int

    @property
    def units(self) -> int:
        return self.left_ucr // max(1, self.price_ucr)

    def text(self) -> str:
        """Return it in one line, with its figures in credits."""
        taken, price = short_credits(self.most_ucr - self.left_ucr), short_credits(self.price_ucr)
        most = short_credits(self.most_ucr)
        return f"{self.key} {most}: {taken} spent or held, an hour more may cost {price}"


Limit: TypeAlias = UnitsLimit | MoneyLimit
UNLIMITED: Final = UnitsLimit(MAX_QTY, 0)


def short_credits(amount_ucr: int) -> str:
    """Return credits without zeros at the end: a line of status has 80 columns."""
    return credits_text(amount_ucr).rstrip("0").rstrip(".")
