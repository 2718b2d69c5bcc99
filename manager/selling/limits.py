"""A group's ``max_units``, dealt out to its hosts. Pure.

What is leased counts first; the rest goes to the hosts in the order of their ids.
"""

from manager.selling.asks import Asks
from manager.selling.group import Group, delivery_of, is_spot
from manager.selling.plan import possible
from manager.selling.stock import Stock, leased_units


class Limits:
    def __init__(self, stock: Stock, asks: Asks) -> None:
        self._stock = stock
        self._asks = asks
        self._extra: dict[str, int] = {}

    def of(self, group: Group, host: str) -> int | None:
        """Return how many more units the host may sell, ``None`` without a limit."""
        return None if group.offer.max_units is None else self._extra.get(host, 0)

    def changed(self, group: Group) -> list[str]:
        """Deal anew; return the hosts whose part is another now."""
        offer = group.offer
        if offer.max_units is None:
            return []
        hosts = sorted(self._stock.of_group(group.name))
        leases = {host: list(self._stock.at(host).leases.values()) for host in hosts}
        left = offer.max_units - sum(leased_units(leases[host]) for host in hosts)
        changed: list[str] = []
        for host in hosts:
            row = self._stock.at(host).row
            assert row is not None, "a host has a group by its row"
            most = possible(offer, row.offered, leases[host]) if row.status == "live" else 0
            extra = max(0, min(most, left))
            left -= extra
            if self._extra.get(host) != extra:
                self._extra[host] = extra
                changed.append(host)
        return changed

    def spare(self, group: Group, symbol: str) -> int | None:
        """Return by how many units asks for ``symbol`` may grow now, ``None`` without a limit.

        What is still asked on one host must be withdrawn before another asks for it.
        """
        if group.offer.max_units is None:
            return None
        taken = [(ask.symbol, ask.most) for ask in self._asks.of_group(group.name)]
        for host in self._stock.of_group(group.name):
            leases = self._stock.at(host).leases.values()
            taken += [(lease.symbol, lease.units) for lease in leases]
        spot = sum(units for of, units in taken if is_spot(of))
        windows: dict[str, int] = {}
        for of, units in taken:
            if not is_spot(of):
                windows[delivery_of(of)] = windows.get(delivery_of(of), 0) + units
        if is_spot(symbol):
            return group.offer.max_units - spot - max(windows.values(), default=0)
        return group.offer.max_units - spot - windows.get(delivery_of(symbol), 0)
