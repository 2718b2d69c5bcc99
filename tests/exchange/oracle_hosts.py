"""The naive exchange's hosts: what they offer and what stands on them, counted unit by unit.

Part of `tests.exchange.oracle.Oracle`; see there.
"""

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field

Need = tuple[int, int, int]
"""mvcpu, MiB of memory with the VM's overhead, MiB of disk."""


@dataclass
class Host:
    """A server; ``offer`` is what it announces, ``limit`` what its owner allows of it."""

    name: str
    number: int
    owner: str
    offer: Need
    classes: list[str]
    limit: Need | None = None
    state: str = "live"
    """live, silent, lost, or syncing: back and not yet heard out."""
    draining: bool = False
    synced: bool = True
    announced: bool = True
    cooling: list[tuple[int, str, int]] = field(default_factory=list)
    """(until, symbol, units) of recalled slots, which take no new spot ask for 10 min."""
    heard_ms: int = 0
    """Its last sign of life before it fell silent or came back."""
    boot: str = "boot 1"
    """The boot it ran in when it was last live."""

    @property
    def room(self) -> Need:
        if self.limit is None:
            return self.offer
        a, b = self.offer, self.limit
        return (min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2]))


class Hosts(ABC):
    """Hosts by name."""

    def __init__(self, shapes: dict[str, Need]) -> None:
        self.shapes = shapes
        self.hosts: dict[str, Host] = {}

    @abstractmethod
    def slots(self) -> list[tuple[str, str]]:
        """(host, symbol) of every unit that an ask or a lease has anywhere."""

    def need(self, symbol: str) -> Need:
        return self.shapes[symbol.partition(".")[0]]

    def uses(self) -> dict[str, Need]:
        """Everything on each host: every unit with its class's need."""
        uses = dict.fromkeys(self.hosts, (0, 0, 0))
        for (host, symbol), units in Counter(self.slots()).items():
            use, need = uses[host], self.need(symbol)
            uses[host] = (
                use[0] + units * need[0],
                use[1] + units * need[1],
                use[2] + units * need[2],
            )
        return uses

    def fits(self, host: Host, symbol: str) -> int:
        """How many more units of a class start beside all that, in CPU, memory and disk at once."""
        room, used, need = host.room, self.uses()[host.name], self.need(symbol)
        cold = [self.need(name) for _, name, units in host.cooling for _ in range(units)]
        free = [room[i] - used[i] - sum(one[i] for one in cold) for i in range(3)]
        return max(0, min(free[i] // need[i] for i in range(3)))

    def excess(self, host: str) -> bool:
        """Does more stand on the host than it offers?"""
        room, used = self.hosts[host].room, self.uses()[host]
        return any(used[i] > room[i] for i in range(3))

    def best_fit(
        self, account: str, symbol: str, named: list[str] | None, units: int
    ) -> list[str] | None:
        """One host for each of ``units``: the host with the least room first, then by number."""
        chosen: list[str] = []
        mine = [
            host
            for host in self.hosts.values()
            if host.owner == account
            and host.state == "live"
            and not host.draining
            and symbol.partition(".")[0] in host.classes
            and (named is None or host.name in named)
        ]
        for fit, _, name in sorted(
            (self.fits(host, symbol), host.number, host.name) for host in mine
        ):
            chosen += [name] * min(fit, units - len(chosen))
        return chosen if len(chosen) == units else None
