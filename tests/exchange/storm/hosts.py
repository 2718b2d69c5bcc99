"""What goes wrong with hosts in a `Storm`: they shrink, drain, fall silent, get lost, come back."""

from random import Random

from sim.oracle.hosts import Host
from tests.exchange.duel import acts
from tests.exchange.duel.referee import Duel
from tests.exchange.duel.scene import new_duel


class HostTrouble:
    """The hosts' part of a storm, with what every part needs."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(f"storm {seed}")
        self.duel: Duel = new_duel()
        self.oracle = self.duel.oracle

    def chance(self, one_in: int) -> bool:
        return self.random.randrange(one_in) == 0

    def host(self, *states: str) -> Host | None:
        """Any host, or one in one of these states."""
        hosts = [h for h in self.oracle.hosts.values() if not states or h.state in states]
        return self.random.choice(hosts) if hosts else None

    def announce(self) -> None:
        """A host offers more or less than before."""
        if (host := self.host("live")) is not None:
            acts.announce(self.duel, host, self.random.randint(4, 18), host.boot)

    def offer(self) -> None:
        if (host := self.host()) is not None:
            units = None if self.chance(2) else self.random.randint(2, 8)
            acts.offer(self.duel, host, units)

    def drain(self) -> None:
        if (host := self.host()) is not None:
            acts.drain(self.duel, host, enabled=self.chance(3))

    def fall_silent(self) -> None:
        if (host := self.host("live", "live", "syncing")) is not None:
            acts.silent(self.duel, host)

    def come_back(self) -> None:
        """The next thing that happens to a host that is not live."""
        if (host := self.host("silent", "lost", "syncing")) is not None:
            self.next_step(host)

    def next_step(self, host: Host) -> None:
        """A silent host is heard again or lost, a lost one heard again, one that is back synced."""
        if host.state == "syncing":
            self.report(host)
        elif host.state == "silent" and self.chance(4):
            acts.lost(self.duel, host)
        else:
            acts.back(self.duel, host)

    def report(self, host: Host) -> None:
        """It tells what it offers and what it runs, in either order; some have booted anew."""
        boot = f"{host.boot}'" if self.chance(2) else host.boot
        units, first = self.random.randint(4, 18), self.chance(2)
        if first:
            acts.announce(self.duel, host, units, boot)
        mine = [vm for vm in self.oracle.vms.values() if vm.lease.host == host.name]
        acts.synced(self.duel, host, boot, [vm for vm in mine if self.chance(2)])
        if not first:
            acts.announce(self.duel, host, units, boot)

    def resolve_silences(self) -> None:
        """No host stays silent for long: the exchange sees to it that it is lost or heard out."""
        for host in self.oracle.hosts.values():
            for state in ("silent", "syncing"):
                if host.state == state:
                    self.next_step(host)
