"""What a cloud asks for the units that a policy had there: scenario.md, ``[policy.NAME]``.

A unit is billed from its order to its end, boot included, in started steps of ``billing_s``, for
``minimum_s`` at least. Pure; fed with the farm's leases.
"""

from msgspec import Struct

from exchange.units import MS_PER_HOUR, MS_PER_SECOND, ucr_from_credits
from exchange.wire.frames import LeaseUpdate
from sim.scenario.tables import Cloud


class _Rented(Struct):
    since_ms: int
    units: int


class CloudBill:
    """``from_ms`` and ``until_ms``: the run. What is still had at its end is billed until then."""

    def __init__(self, tariff: Cloud, until_ms: int) -> None:
        self._tariff = tariff
        self._until_ms = until_ms
        self._rented: dict[str, _Rented] = {}
        self._billed: list[tuple[int, int, int]] = []
        """(from, until, units): what was had and is over, in billed time."""

    def lease(self, event: LeaseUpdate) -> None:
        """Take in what became of one of the farm's leases."""
        now_ms = min(event.ts_ms, self._until_ms)
        rented = self._rented.setdefault(event.lease_id, _Rented(now_ms, 0))
        units = 0 if event.state == "ended" else event.units
        if units < rented.units:
            self._billed.append(self._spell(rented.since_ms, now_ms, rented.units - units))
        rented.units = units

    def credits(self) -> float:
        """Return the bill at the end of the run."""
        billed_ms = sum(units * (to_ms - from_ms) for from_ms, to_ms, units in self._spells())
        return billed_ms / MS_PER_HOUR * self._tariff.price

    def charges(self) -> list[tuple[int, int, int]]:
        """Return (from, until, ucr): what each unit had costs, for the time that it is billed."""
        price_ucr = ucr_from_credits(self._tariff.price)
        return [
            (from_ms, to_ms, units * (to_ms - from_ms) * price_ucr // MS_PER_HOUR)
            for from_ms, to_ms, units in self._spells()
        ]

    def _spells(self) -> list[tuple[int, int, int]]:
        """Return all that is billed, what is still had until the end of the run."""
        return self._billed + [
            self._spell(rented.since_ms, self._until_ms, rented.units)
            for rented in self._rented.values()
            if rented.units
        ]

    def _spell(self, from_ms: int, to_ms: int, units: int) -> tuple[int, int, int]:
        return from_ms, from_ms + self._span_ms(from_ms, to_ms), units

    def _span_ms(self, from_ms: int, to_ms: int) -> int:
        least_ms = self._tariff.minimum_s * MS_PER_SECOND
        step_ms = self._tariff.billing_s * MS_PER_SECOND
        return -(-max(to_ms - from_ms, least_ms) // step_ms) * step_ms
