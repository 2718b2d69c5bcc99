"""The leases that rules bought and their units: find them, count them, rank them. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from exchange.units import MS_PER_HOUR
from exchange.wire.frames import LeaseUpdate, VmUpdate
from manager.core.library import StoredVm
from manager.core.unit import LEAVING, PENDING, Lease, Unit, give_back_key
from manager.core.windows import window_ms

Hour: TypeAlias = tuple[str, str, int]
"""A host, a class, and when the window begins."""


class Counts(NamedTuple):
    """Units in service, on their way there, recalled among both, and all that we pay for.

    A unit that ends by itself, as one that is recalled, and one of a silent host are not counted
    as paid: nothing is owed for a silent host, and their replacements must have room.
    """

    ready: int
    pending: int
    going: int
    paid: int


class RentedUnits:
    """Leases by id, in the order they were granted; units by their server name."""

    def __init__(self) -> None:
        self.leases: dict[str, Lease] = {}
        self._units: dict[str, Unit] = {}
        self._hours: dict[Hour, list[Lease]] = {}
        """The windows of each hour, host and class."""

    def units(self) -> Iterator[tuple[Lease, Unit]]:
        for lease in self.leases.values():
            for unit in lease.units.values():
                yield lease, unit

    def vms_in_use(self) -> set[str]:
        """Return the names of the stored VMs that units have."""
        leases = (lease for lease in self.leases.values() if lease.units)
        return {lease.vm.name for lease in leases if lease.vm is not None}

    def unit(self, server: str) -> Unit | None:
        return self._units.get(server)

    def unit_of(self, update: VmUpdate) -> Unit | None:
        """Return the unit on which the VM runs; ``None`` when a newer VM took its place.

        A VM that the exchange carried over from the window before brings its unit along.
        """
        lease = self.leases.get(update.lease_id)
        if lease is None:
            return None
        units = lease.units.values()
        found = next((unit for unit in units if unit.vm_name == update.name), None)
        if found is None and lease.window_ms:
            found = next((u for _, u in self.units() if u.vm_id == update.vm_id), None)
            if found is not None:
                self.move(found, lease)
        return found

    def count(self, now_ms: int) -> Counts:
        """Return how many units there are of each sort; silent hosts' units are of none."""
        ready = pending = going = paid = 0
        for lease in self.leases.values():
            if now_ms >= lease.silent_until_ms:
                for unit in lease.units.values():
                    ready += unit.state == "ready"
                    pending += unit.state in PENDING
                    going += unit.leaves_ms > 0 and unit.state not in LEAVING
                    paid += unit.give_back
        return Counts(ready, pending, going, paid)

    def staying(self, rule: str, now_ms: int) -> int:
        """Return how many of the rule's units are in service or on their way there.

        Those of a window count from its beginning; ``now_ms`` is the exchange's time.
        """
        rows = self.leases.values()
        leases = (row for row in rows if row.rule == rule and row.window_ms <= now_ms)
        return sum(unit.state not in LEAVING for lease in leases for unit in lease.units.values())

    def held_ucr(self, rule: str | None) -> int:
        """Return what is held for the running hour of the spot leases of a rule, or of all."""
        leases = (lease for lease in self.leases.values() if rule in (None, lease.rule))
        return sum(lease.price_ucr * len(lease.units) for lease in leases if not lease.window_ms)

    def most_expensive_first(self) -> list[tuple[Lease, Unit]]:
        """Return all units in the order to give them back; among equals the latest granted first.

        Backwards it is the order to take them back in.
        """
        newest_first = list(self.units())[::-1]
        return sorted(newest_first, key=lambda pair: give_back_key(*pair))

    def add(self, row: LeaseUpdate, rule: str, vm: StoredVm | None, bought_ms: int) -> Lease:
        lease = Lease(
            row.lease_id,
            rule,
            row.host,
            row.price_ucr,
            row.start_ms,
            vm,
            symbol=row.symbol,
            bought_ms=bought_ms,
            window_ms=window_ms(row.symbol),
            size=row.units,
        )
        self.leases[row.lease_id] = lease
        if lease.window_ms:
            self._hours.setdefault(_hour(lease), []).append(lease)
        return lease

    def carriable(self, lease: Lease) -> list[Unit]:
        """Return the units whose VMs may move on to the next window, in the exchange's order."""
        found = [unit for unit in lease.units.values() if unit.state not in (*LEAVING, "leased")]
        return sorted(found, key=lambda unit: (len(unit.vm_id), unit.vm_id))

    def taken_over(self, lease: Lease) -> int:
        """Return how many VMs of a window the next ones on its host have units for."""
        free = sum(one.size - len(one.units) for one in self._hour(lease, MS_PER_HOUR))
        first = self._hour(lease, 0, before=True)
        return max(0, free - sum(len(self.carriable(one)) for one in first))

    def awaited(self, lease: Lease) -> int:
        """Return how many units of a window wait for VMs of the hour before on its host."""
        vms = sum(len(self.carriable(one)) for one in self._hour(lease, -MS_PER_HOUR))
        first = self._hour(lease, 0, before=True)
        left = vms - sum(one.size - len(one.units) for one in first)
        return max(0, min(left, lease.size - len(lease.units)))

    def _hour(self, lease: Lease, ahead_ms: int, before: bool = False) -> list[Lease]:
        """Return the windows on its host and of its class that begin ``ahead_ms`` after it;
        ``before``: only those that were bought before it."""
        found = self._hours.get(_hour(lease, ahead_ms), []) if lease.window_ms else []
        return [one for one in found if not before or _age(one) < _age(lease)]

    def move(self, unit: Unit, lease: Lease) -> None:
        """The unit's VM goes on in the next window, and keeps its server's name."""
        unit.name = unit.server
        self.leases[unit.lease_id].units.pop(unit.number, None)
        unit.lease_id = lease.lease_id
        unit.number = next(n for n in range(len(lease.units) + 1) if n not in lease.units)
        unit.leaves_ms, unit.give_back = 0, True
        lease.units[unit.number] = unit

    def add_unit(self, lease: Lease, number: int | None = None, name: str = "") -> Unit:
        """Add a unit without a VM, under ``number`` when that is free."""
        if number is None or number in lease.units:
            number = next(n for n in range(len(lease.units) + 1) if n not in lease.units)
        unit = lease.units[number] = Unit(lease.lease_id, number, name=name)
        self._units[unit.server] = unit
        return unit

    def drop_unit(self, unit: Unit) -> None:
        self._units.pop(unit.server, None)
        lease = self.leases.get(unit.lease_id)
        if lease is not None:
            lease.units.pop(unit.number, None)

    def drop(self, lease: Lease) -> None:
        """Forget an ended lease, whose units are dropped already."""
        assert not lease.units, "units leave the balancer before their lease is forgotten"
        if self.leases.pop(lease.lease_id, None) is not None and lease.window_ms:
            same = self._hours[_hour(lease)]
            same.remove(lease)
            if not same:
                del self._hours[_hour(lease)]


def _hour(lease: Lease, ahead_ms: int = 0) -> Hour:
    return lease.host, lease.symbol.split(".")[0], lease.window_ms + ahead_ms


def _age(lease: Lease) -> tuple[int, str]:
    return len(lease.lease_id), lease.lease_id


def vm_name(vm: StoredVm, unit: Unit) -> str:
    """Return the name of the unit's next VM: ``web-l-9-0``, then ``web-l-9-0.2``."""
    attempt = "" if unit.launches <= 1 else f".{unit.launches}"
    return f"{vm.name}-{unit.server}{attempt}"


def carried_name(name: str) -> tuple[str, int]:
    """Return the server's name of a unit that came from another window, and its attempt."""
    found = re.search(r"-(l-\d{1,18}-\d{1,6})(?:\.(\d{1,6}))?\Z", name)
    return (found[1], int(found[2] or 1)) if found else ("", 1)


def unit_number(lease_id: str, name: str) -> tuple[int | None, int]:
    """Return the unit's number and the attempt that a VM's name tells, (None, 1) if it does not."""
    found = re.search(rf"-{re.escape(lease_id)}-(\d{{1,6}})(?:\.(\d{{1,6}}))?\Z", name)
    return (int(found[1]), int(found[2] or 1)) if found else (None, 1)
