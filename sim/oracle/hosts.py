"""The naive exchange's hosts: what they offer and what stands on them, counted unit by unit.

Part of `sim.oracle.exchange.Oracle`; see there.
"""

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

Need = tuple[int, int, int]
"""mvcpu, MiB of memory with the VM's overhead, MiB of disk."""
SPOT = "spot"
NOTHING: Need = (0, 0, 0)


@dataclass
class Host:
    """A server; ``offer`` is what it announces, ``limit`` what its owner allows of it."""

    name: str
    number: int
    owner: str
    zone: str
    hardware: str
    classes: list[str] = field(default_factory=list)
    capacity: Need = NOTHING
    offer: Need = NOTHING
    limit: Need | None = None
    others: tuple[int | None, int | None] = (None, None)
    """Ports for all its VMs, and MiB of the largest image, if it says so."""
    image_max_mib: int | None = None
    """The largest image that its owner takes."""
    state: str = "pending"
    """pending, live, silent, lost, or syncing: back and not yet heard out."""
    draining: bool = False
    paused: bool = False
    synced: bool = False
    announced: bool = False
    cooling: list[tuple[int, str, int]] = field(default_factory=list)
    """(until, symbol, units) of recalled slots, which take no new spot ask for 10 min."""
    heard_ms: int = 0
    """When it came back last: it cannot have been silent since before."""
    boot: str = ""
    """The boot it ran in when it was last live."""
    boot_told: str = ""
    """The boot it has announced itself in."""
    silent_ms: int = 0
    """Since when it is silent, if it is."""
    live_ms: int = 0
    """Since when it is live, if it is."""

    @property
    def room(self) -> Need:
        if self.limit is None:
            return self.offer
        a, b = self.offer, self.limit
        return (min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2]))


@cache
def parts(symbol: str) -> tuple[str, str]:
    """The class and the delivery of an instrument."""
    class_name, _, _, delivery = symbol.split(".")
    return class_name, delivery


def plus(one: Need, need: Need, units: int) -> Need:
    return (one[0] + units * need[0], one[1] + units * need[1], one[2] + units * need[2])


class Hosts(ABC):
    """Hosts by name."""

    def __init__(self, shapes: dict[str, Need]) -> None:
        self.shapes = shapes
        self.hosts: dict[str, Host] = {}
        self.tokens: dict[str, tuple[str, str, bool]] = {}
        """By digest: whose, for which zone, and whether it lets one host in at once."""
        self.lost_after_ms: dict[str, int] = {}
        """By zone: how long a host may be silent."""
        self.started_ms = 0
        """When the exchange started last."""

    @abstractmethod
    def slots(self) -> list[tuple[str, str]]:
        """(host, symbol) of every unit that an ask or a lease has anywhere."""

    def need(self, symbol: str) -> Need:
        return self.shapes[symbol.partition(".")[0]]

    def uses(self) -> dict[str, dict[str, Need]]:
        """What is taken of each host by delivery: every unit with its class's need."""
        uses: dict[str, dict[str, Need]] = {host: {SPOT: NOTHING} for host in self.hosts}
        for (host, symbol), units in Counter(self.slots()).items():
            use, (class_name, delivery) = uses[host], parts(symbol)
            use[delivery] = plus(use.get(delivery, NOTHING), self.shapes[class_name], units)
        return uses

    def hours(self, host: str) -> dict[str, Need]:
        """What stands on the host in every hour: its spot use, and that hour's window use.

        Under ``spot`` any hour in which there are no windows.
        """
        use = self.uses()[host]
        spot = use[SPOT]
        return {SPOT: spot} | {h: plus(spot, use[h], 1) for h in use if h != SPOT}

    def fits(self, host: Host, symbol: str) -> int:
        """How many more units start beside all that, in CPU, memory and disk at once.

        Spot stands in every hour and not where recalled slots cool down; a window in its own hour.
        """
        room, need, hours = host.room, self.need(symbol), self.hours(host.name)
        delivery = symbol.rpartition(".")[2]
        cold = NOTHING
        if delivery == SPOT:
            there = list(hours.values())
            for _, name, units in host.cooling:
                cold = plus(cold, self.need(name), units)
        else:
            there = [hours.get(delivery, hours[SPOT])]
        return max(
            0, min((room[i] - use[i] - cold[i]) // need[i] for use in there for i in range(3))
        )

    def excess(self, host: str, delivery: str = SPOT) -> bool:
        """Does more stand on the host than it offers: in that hour, or for spot in any?"""
        room, hours = self.hosts[host].room, self.hours(host)
        there = list(hours.values()) if delivery == SPOT else [hours.get(delivery, hours[SPOT])]
        return any(use[i] > room[i] for use in there for i in range(3))

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
            and not host.paused
            and symbol.split(".")[1] == host.zone
            and symbol.partition(".")[0] in host.classes
            and (named is None or host.name in named)
        ]
        for fit, _, name in sorted(
            (self.fits(host, symbol), host.number, host.name) for host in mine
        ):
            chosen += [name] * min(fit, units - len(chosen))
        return chosen if len(chosen) == units else None
