"""What is spent of each budget: of rules by day and month, and of the whole account. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from exchange.units import MS_PER_DAY
from manager.control.frames import RuleRow, SpendRow
from manager.core.budget import Span, month_start_ms
from manager.core.hand import whose
from manager.core.limit import short_credits

NOW: dict[Span, str] = {"day": "today", "month": "this month"}


class BudgetUse(NamedTuple):
    """How much of one budget is spent. ``rule``: None for the whole account."""

    rule: str | None
    span: Span
    spent_ucr: int
    most_ucr: int

    @property
    def percent(self) -> int:
        """Return how much of it is spent; a budget of nothing is used up."""
        return 100 * self.spent_ucr // self.most_ucr if self.most_ucr else 100

    def text(self) -> str:
        of, owner = ("spend", "the") if self.rule is None else (whose(self.rule), "its")
        spent, most = short_credits(self.spent_ucr), short_credits(self.most_ucr)
        return f"{of}: {spent} of {most} credits of {owner} {self.span} are spent"

    def began(self, now_ms: int) -> int:
        """Return what tells the present day or month from others."""
        return now_ms // MS_PER_DAY if self.span == "day" else month_start_ms(now_ms)


def limits(rules: Iterable[RuleRow], spend: SpendRow) -> Iterator[BudgetUse]:
    """Yield every budget there is."""
    for row in rules:
        yield from of_rule(row)
    yield from of_account(spend)


def of_rule(row: RuleRow) -> Iterator[BudgetUse]:
    if row.budget_day_ucr is not None:
        yield BudgetUse(row.name, "day", row.spent_ucr, row.budget_day_ucr)
    if row.budget_month_ucr is not None:
        yield BudgetUse(row.name, "month", row.spent_month_ucr, row.budget_month_ucr)


def of_account(spend: SpendRow) -> Iterator[BudgetUse]:
    if spend.day_limit_ucr is not None:
        yield BudgetUse(None, "day", spend.day_ucr, spend.day_limit_ucr)
    if spend.month_limit_ucr is not None:
        yield BudgetUse(None, "month", spend.month_ucr, spend.month_limit_ucr)


def spent_text(found: Iterable[BudgetUse]) -> str:
    """Return ``spent 2 of 50 credits today, 9 of 900 this month``; "" without a limit."""
    parts = [
        f"{short_credits(one.spent_ucr)} of {short_credits(one.most_ucr)}"
        f"{'' if number else ' credits'} {NOW[one.span]}"
        for number, one in enumerate(found)
    ]
    return f"spent {', '.join(parts)}" if parts else ""
