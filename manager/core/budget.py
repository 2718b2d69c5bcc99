"""What a rule may spend in a day: charges so far plus what is held for the hour that runs.

Charges post hourly and at the end of a lease, so the hour that runs is bounded by its hold: price x
units x 1 h. A day is a UTC day. After a restart the charges of leases that still live count in
full; those of leases ended before are not known any more. Pure.
"""

from typing import Final

from msgspec import Struct

from exchange.units import MS_PER_DAY

MAX_LEASES: Final = 10_000
"""Leases remembered, ended ones included: a last charge may come after the end."""


class Paid(Struct):
    """What one lease was charged so far, and for whom."""

    rule: str
    charged_ucr: int


class Budget:
    """Charges per rule of the current UTC day."""

    def __init__(self) -> None:
        self._day = 0
        self._spent_ucr: dict[str, int] = {}
        self._paid: dict[str, Paid] = {}

    def lease(self, lease_id: str, rule: str, charged_ucr: int, now_ms: int) -> None:
        """A lease of ``rule`` stands at ``charged_ucr``; what is new since is spent today."""
        paid = self._paid.setdefault(lease_id, Paid(rule, 0))
        self._spend(paid, charged_ucr - paid.charged_ucr, now_ms)
        if len(self._paid) > MAX_LEASES:
            del self._paid[next(iter(self._paid))]

    def charged(self, lease_id: str, amount_ucr: int, now_ms: int) -> str | None:
        """Count a charge; return the rule whose it is, ``None`` when no rule bought the lease."""
        paid = self._paid.get(lease_id)
        if paid is None:
            return None
        self._spend(paid, amount_ucr, now_ms)
        return paid.rule

    def spent_ucr(self, rule: str, now_ms: int) -> int:
        """Return what ``rule`` was charged since midnight UTC."""
        day = now_ms // MS_PER_DAY
        if day != self._day:
            self._day = day
            self._spent_ucr.clear()
        return self._spent_ucr.get(rule, 0)

    def affordable(
        self, rule: str, budget_ucr: int, held_ucr: int, price_ucr: int, now_ms: int
    ) -> int:
        """Return how many more units at ``price_ucr`` for one hour the day's budget allows."""
        left_ucr = budget_ucr - self.spent_ucr(rule, now_ms) - held_ucr
        return max(0, left_ucr // price_ucr)

    def _spend(self, paid: Paid, amount_ucr: int, now_ms: int) -> None:
        if amount_ucr > 0:
            paid.charged_ucr += amount_ucr
            self._spent_ucr[paid.rule] = self.spent_ucr(paid.rule, now_ms) + amount_ucr
