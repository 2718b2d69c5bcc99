"""A group's ``max_units``, dealt out to its hosts. Pure.

What is leased counts first; the rest goes to the hosts in the order of their ids.
"""

from manager.selling.group import Group
from manager.selling.plan import possible
from manager.selling.stock import Stock, leased_units


class Limits:
    def __init__(self, stock: Stock) -> None:
        self._stock = stock
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
