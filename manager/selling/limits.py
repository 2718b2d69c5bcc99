"""A group's ``max_units``, dealt out to its hosts. Pure.

What is leased counts first; the rest goes to the hosts in the order of their ids. Only hosts that
were touched since are counted anew: a group of a thousand changes a host at a time.
"""

from bisect import bisect_left, insort

from msgspec import Struct

from exchange.wire.types import SPOT
from manager.selling.asks import Asks
from manager.selling.group import Group, delivery_of, is_spot, may_sell
from manager.selling.plan import possible
from manager.selling.stock import Stock, leased_units


class Part(Struct, frozen=True):
    """What a host is to its group. ``most``: how many more units it could sell by itself."""

    group: str
    most: int
    leased: int


class Taken(Struct):
    """Units of a group that are asked for or leased, by delivery (``spot``, or a window's start),
    and how many are leased at most at one time."""

    units: dict[str, int] = {}
    leased: int = 0


class Limits:
    def __init__(self, stock: Stock, asks: Asks) -> None:
        self._stock = stock
        self._asks = asks
        self._extra: dict[str, int] = {}
        self._touched: set[str] = set()
        self._parts: dict[str, Part] = {}
        self._order: dict[str, list[str]] = {}
        """The hosts of a group, in the order of their ids."""
        self._shares: dict[str, dict[tuple[str, str], int]] = {}
        """What a host adds to each group's units of each delivery."""
        self._taken: dict[str, Taken] = {}

    # --- what is told ---

    def touch(self, host: str) -> None:
        """Something of the host may have changed: its row, its leases or its asks."""
        self._touched.add(host)

    def restart(self) -> None:
        """Anything may have changed."""
        for kept in (self._parts, self._order, self._shares, self._taken):
            kept.clear()
        self._touched.update(self._stock.hosts, self._asks.hosts())

    # --- what is asked ---

    def of(self, group: Group, host: str) -> int | None:
        """Return how many more units the host may sell, ``None`` without a limit."""
        return None if group.offer.max_units is None else self._extra.get(host, 0)

    def changed(self, group: Group) -> list[str]:
        """Deal anew; return the hosts whose part is another now."""
        if group.offer.max_units is None:
            return []
        self._count()
        left = group.offer.max_units - self._of(group.name).leased
        changed: list[str] = []
        known, parts = self._extra, self._parts
        for host in self._order.get(group.name, ()):
            extra = max(0, min(parts[host].most, left))
            left -= extra
            if known.get(host) != extra:
                known[host] = extra
                changed.append(host)
        return changed

    def spare(self, group: Group, symbol: str) -> int | None:
        """Return by how many units asks for ``symbol`` may grow now, ``None`` without a limit.

        What is still asked on one host must be withdrawn before another asks for it.
        """
        if group.offer.max_units is None:
            return None
        self._count()
        units = self._of(group.name).units
        most = group.offer.max_units - units.get(SPOT, 0)
        if not is_spot(symbol):
            return most - units.get(delivery_of(symbol), 0)
        return most - max((n for delivery, n in units.items() if delivery != SPOT), default=0)

    # --- inside ---

    def _of(self, group: str) -> Taken:
        return self._taken.setdefault(group, Taken())

    def _count(self) -> None:
        """Count the touched hosts anew."""
        for host in self._touched:
            self._add(host, -1)
            self._place(host)
            self._shares[host] = self._share(host)
            self._add(host, 1)
        self._touched.clear()

    def _add(self, host: str, sign: int) -> None:
        part = self._parts.get(host)
        if part is not None:
            self._of(part.group).leased += sign * part.leased
        for (group, delivery), units in self._shares.get(host, {}).items():
            taken = self._of(group).units
            taken[delivery] = taken.get(delivery, 0) + sign * units
            if not taken[delivery]:
                del taken[delivery]

    def _place(self, host: str) -> None:
        """Bring a host's part, and its place in its group, up to date."""
        before, part = self._parts.pop(host, None), self._part(host)
        if part is not None:
            self._parts[host] = part
        was = None if before is None else before.group
        now = None if part is None else part.group
        if was != now:
            if was is not None:
                del self._order[was][bisect_left(self._order[was], host)]
            if now is not None:
                insort(self._order.setdefault(now, []), host)

    def _part(self, host: str) -> Part | None:
        hosting = self._stock.at(host)
        group, row = hosting.group, hosting.row
        if group is None or row is None:
            return None
        leases = list(hosting.leases.values())
        most = possible(group.offer, row.offered, leases) if may_sell(row) else 0
        return Part(group.name, most, leased_units(leases))

    def _share(self, host: str) -> dict[tuple[str, str], int]:
        hosting = self._stock.at(host)
        taken = [(ask.group, ask.symbol, ask.most) for ask in self._asks.on(host)]
        if hosting.group is not None:
            name = hosting.group.name
            taken += [(name, lease.symbol, lease.units) for lease in hosting.leases.values()]
        found: dict[tuple[str, str], int] = {}
        for group, symbol, units in taken:
            key = group, delivery_of(symbol)
            found[key] = found.get(key, 0) + units
        return found
