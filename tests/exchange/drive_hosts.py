"""What goes wrong with hosts in a `Storm`: they shrink, drain, fall silent, get lost, come back."""

from random import Random

from exchange.commands import HostBack, HostLost, HostSilent
from exchange.protocol import HostAnnounce, HostDrain, HostOffer, HostSynced
from exchange.wire import Capacity
from tests.exchange.duel import Duel
from tests.exchange.duel_scene import CLASSES, new_duel, room_for
from tests.exchange.oracle_hosts import Host


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
        hosts = [host for host in self.oracle.hosts.values() if host.state in states]
        return self.random.choice(hosts) if hosts else None

    def announce(self) -> None:
        """A host offers more or less than before."""
        if (host := self.host("live")) is not None:
            self.say(host, self.random.randint(4, 18), host.boot)

    def say(self, host: Host, units: int, boot: str) -> None:
        room = Capacity(*room_for(units))
        message = HostAnnounce(
            req_id=1,
            capacity=room,
            offered=room,
            classes=CLASSES,
            cpu_model="test",
            accel="simulated",
            agent_version="1",
            boot_id=boot,
        )

        def effect() -> None:
            host.offer, host.announced = room_for(units), True
            self.open(host)
            self.oracle.shrink_to_offer(host.name)

        self.duel.act(message, host.owner, host.name, effect)

    def open(self, host: Host) -> None:
        if host.state == "syncing" and host.synced and host.announced:
            host.state = "live"

    def offer(self) -> None:
        """The owner sets or lifts a limit."""
        host = self.random.choice(list(self.oracle.hosts.values()))
        limit = None if self.chance(2) else room_for(self.random.randint(2, 8))

        def effect() -> None:
            host.limit = limit
            self.oracle.shrink_to_offer(host.name)

        offered = None if limit is None else Capacity(*limit)
        message = HostOffer(req_id=1, host=host.name, offered=offered)
        self.duel.act(message, host.owner, "", effect)

    def drain(self) -> None:
        host, enabled = self.random.choice(list(self.oracle.hosts.values())), self.chance(3)

        def effect() -> None:
            host.draining = enabled
            if enabled:
                self.oracle.withdraw_asks(host.name, "capacity_shrunk")

        message = HostDrain(req_id=1, host=host.name, enabled=enabled)
        self.duel.act(message, host.owner, "", effect)

    def fall_silent(self) -> None:
        """Nothing was heard of a host for 15 s."""
        host = self.host("live", "live", "syncing")
        if host is None:
            return
        since_ms = max(self.duel.market.now_ms - 15_000, host.heard_ms)

        def effect() -> None:
            host.state, host.synced, host.announced = "silent", False, False
            self.oracle.withdraw_asks(host.name, "host_silent")
            self.oracle.silence(host.name, since_ms)

        self.duel.act(HostSilent(host.name, since_ms), "", "", effect)

    def come_back(self) -> None:
        """The next thing that happens to a host that is not live."""
        host = self.host("silent", "lost", "syncing")
        if host is None:
            return
        host.heard_ms = self.duel.market.now_ms
        if host.state == "syncing":
            self.report(host)
        else:
            self.hear_or_lose(host)

    def hear_or_lose(self, host: Host) -> None:
        """A silent host is heard again or lost; a lost one can only be heard again."""
        host.heard_ms = self.duel.market.now_ms
        if host.state == "silent" and self.chance(4):
            self.duel.act(HostLost(host.name), "", "", lambda: self.lose(host))
        else:
            self.duel.act(HostBack(host.name), "", "", lambda: setattr(host, "state", "syncing"))

    def lose(self, host: Host) -> None:
        host.state = "lost"
        self.oracle.lose(host.name)

    def report(self, host: Host) -> None:
        """It tells what it offers and what it runs, in either order; some have booted anew."""
        boot = f"{host.boot}'" if self.chance(2) else host.boot
        first = self.chance(2)
        if first:
            self.say(host, self.random.randint(4, 18), boot)

        def effect() -> None:
            self.oracle.heard_out(host.name, ran=boot == host.boot)
            host.synced = True
            host.boot = boot
            self.open(host)

        message = HostSynced(instruction_id="i", boot_id=boot, vms=[])
        self.duel.act(message, host.owner, host.name, effect)
        if not first:
            self.say(host, self.random.randint(4, 18), boot)
