"""Which time a charge is for. Pure.

Readings of CPU come after the hour in which they were taken, so a charge of a metered lease has two
parts: its own posting period, and what became known late of the one before. Its terms tell both.
Source: rules.md 5.2, 5.5.
"""

from typing import Final, TypeAlias

from exchange.model.meter import MINIMUM_TAKE_DIVISOR, MVCPU_PER_VCPU
from exchange.wire.charge_terms import ChargeTerms
from exchange.wire.frames import Charge

Slot: TypeAlias = tuple[int, int, int]
"""(from_ms, to_ms, ucr): what was metered in a time; what came late may be less than 0."""
CPU_PARTS: Final = MVCPU_PER_VCPU * MINIMUM_TAKE_DIVISOR
"""Of a millisecond of CPU, as `ChargeTerms.part_of` counts unit-time."""


class Slots:
    """Tell it every charge of an account, in order."""

    def __init__(self) -> None:
        self._last: dict[str, Slot] = {}
        """By metered lease: its last posting period, and what was charged for that so far."""

    def of(self, charge: Charge) -> list[Slot]:
        """Return the time that ``charge`` is for; together they are all of it."""
        terms = charge.terms
        if terms is None or not terms.part_of:
            return [(charge.from_ms, charge.to_ms, charge.amount_ucr)]
        last = self._last.get(charge.lease_id)
        late_ucr = 0 if last is None else _last_ucr(charge, terms) - last[2]
        own = charge.from_ms, charge.to_ms, charge.amount_ucr - late_ucr
        self._last[charge.lease_id] = own
        return [own] if last is None else [(last[0], last[1], late_ucr), own]


def _last_ucr(charge: Charge, terms: ChargeTerms) -> int:
    """Return what all use of the period before the charge's own costs, as it is known now."""
    billed = terms.billed_ms * terms.part_of + terms.billed_part
    weight = _weighted(terms.last_ms, terms.last_cpu_ms, terms.part_of)
    return (terms.before_ucr + charge.amount_ucr) * weight // max(1, billed)


def _weighted(unit_ms: int, cpu_ms: int, part_of: int) -> int:
    """Return unit-time by its share of CPU, a tenth at least, in parts of a millisecond."""
    whole = unit_ms * part_of
    return min(whole, max(whole // MINIMUM_TAKE_DIVISOR, cpu_ms * CPU_PARTS))
