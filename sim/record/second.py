"""The exchange of the second history: an engine and its gateway that are told what the others said.

A recorded command comes without its connection, as in a replay; a Manager comes over the virtual
network, as in a simulated run.
"""

from collections import Counter
from functools import partial
from random import Random

from exchange.engine.engine import Engine
from exchange.model.commands import Command, JournalMessage, Started
from exchange.wire.results import Done, Refused
from sim.network.clock import VirtualTime
from sim.network.marketplace import Marketplace, ObservedEngine, Observer

RECORDED_SESSIONS = 10**9
"""Our own connections are numbered behind those of the recording."""


class Second:
    """``engine`` is as it was before the first command; ``observers`` hear of what is accepted."""

    def __init__(self, env: VirtualTime, engine: Engine, observers: list[Observer]) -> None:
        config = engine.state.config
        random = Random("exchange")
        self.marketplace = Marketplace(env, config, random, last_session=RECORDED_SESSIONS)
        observed = ObservedEngine(config, observers)
        observed.state = engine.state
        self.marketplace.take_over(observed)
        self.played = 0
        self.unchanged = 0
        """Of those played: they changed nothing."""
        self.refused: Counter[str] = Counter()
        """Of those played, by reason."""

    @property
    def engine(self) -> Engine:
        return self.marketplace.engine

    def play(self, command: Command) -> None:
        """Give a recorded command to the exchange, and count what became of it."""
        reply = self._done(command)
        self.played += 1
        if isinstance(reply, Refused):
            self.refused[reply.reason] += 1
        elif reply.duplicate:
            self.unchanged += 1

    def tell(self, command: Command) -> Done | Refused:
        """Give a simulated host's report to the exchange."""
        host = self.engine.state.hosts[command.host]
        return self._done(Command(host.account_id, command.host, 0, command.message))

    def ask(self, message: JournalMessage, account: str = "") -> Done | Refused:
        """Give a request to the exchange that came over no connection."""
        return self._done(Command(account, "", 0, message))

    def _done(self, command: Command) -> Done | Refused:
        replies: list[Done | Refused] = []
        self.marketplace.pump.put(partial(self._apply, command, replies))
        return replies[0]

    def _apply(self, command: Command, replies: list[Done | Refused], now_ms: int) -> None:
        context = self.marketplace.gateway.context
        now_ms = context.at(now_ms)
        if not isinstance(command.message, Started):
            context.settle(now_ms)
        replies.append(context.apply(command, now_ms))
