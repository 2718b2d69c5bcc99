"""Commands of every kind under the book-keeper's eyes: windows, self-trades, dead men, operators.

What the simulator's own actors send is less than what people may send. Here the hosts' silences
and losses come at the times that the rules fix.
"""

from exchange.model.commands import HostBack, HostLost, HostSilent
from exchange.wire.terms import LOST_AFTER_MS, SILENT_MS
from sim.network.marketplace import ObservedEngine
from sim.results.bookkeeper import Bookkeeper
from tests.exchange.storm.noise import CLASSES, Noise


class Watched(Noise):
    """Noise whose engine is held to the second books, refusals too."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        engine = ObservedEngine(self.engine.state.config, [])
        keeper = Bookkeeper(engine)
        engine.observers.append(keeper.observe)
        engine.refusal_observers.append(keeper.refused)
        for command, now_ms in self.market.journal:
            engine.apply(command, now_ms)
        self.market.engine = self.engine = engine

    def silence(self) -> None:
        """It was heard last 15 s before."""
        self.calm()
        if (host := self.a_host("live")) is not None:
            since_ms = self.market.now_ms
            self.market.advance(SILENT_MS)
            self.market.send(HostSilent(host.host_id, since_ms))
            if self.chance(3):
                self.lose(host.host_id)

    def lose(self, host: str) -> None:
        self.market.advance(LOST_AFTER_MS - SILENT_MS)
        self.market.send(HostLost(host))

    def come_back(self) -> None:
        host = self.a_host("silent", "lost", "syncing")
        if host is None:
            return
        if host.status != "syncing":
            self.market.send(HostBack(host.host_id))
            return
        boot = self.random.choice(("boot 1", "boot 2"))
        units = self.random.randint(3, 16)
        self.market.announce(host.account_id, host.host_id, units, CLASSES, boot)
        self.market.sync(host.account_id, host.host_id, boot)

    def pause(self) -> None:
        """No silent host outlives its time."""
        self.calm()
        super().pause()

    def long_pause(self) -> None:
        self.calm()
        super().long_pause()

    def restart(self) -> None:
        self.calm()
        super().restart()

    def calm(self) -> None:
        """Every silent host comes back."""
        while (host := self.a_host("silent")) is not None:
            self.market.send(HostBack(host.host_id))
