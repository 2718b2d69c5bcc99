"""What watches an engine for a whole run: the checker, and the book-keeper where it is wanted.

The checker's laws hold always. The book-keeper recomputes everything by the rules: a run takes
1.7 times as long with it, with many hosts much longer, since it is naive on purpose.
"""

from typing import Final

from exchange.engine.engine import Engine
from exchange.model.commands import Command, Out
from exchange.model.config import ExchangeConfig
from exchange.wire.results import Refused
from sim.results.bookkeeper import Bookkeeper
from sim.results.checker import Checker
from sim.scenario.file import Check
from sim.scenario.tables import Scenario

FULL_HOSTS: Final = 200
"""A world of more hosts is checked in full only when that is asked for."""


def is_full(check: Check | None, scenario: Scenario) -> bool:
    """Return whether a run keeps the second books; ``check`` None: as its size allows."""
    if check is not None:
        return check == "full"
    hosts = [seller.hosts for seller in scenario.seller]
    hosts += [trader.hosts for trader in scenario.trader]
    return sum(hosts) <= FULL_HOSTS


class Laws:
    """``observe`` every accepted command, ``refused`` every other, `finish` when the run is over.

    Each raises `LawBrokenError`.
    """

    def __init__(self, engine: Engine, config: ExchangeConfig, *, full: bool) -> None:
        self._checker = Checker(engine, config)
        self._bookkeeper = Bookkeeper(engine) if full else None

    @property
    def commands(self) -> int:
        """Return how many commands were held to the laws."""
        return self._checker.commands

    def observe(self, command: Command, outs: list[Out], now_ms: int) -> None:
        # First the one that says what differs from which rule.
        if self._bookkeeper is not None:
            self._bookkeeper.observe(command, outs, now_ms)
        self._checker.observe(command, outs, now_ms)

    def refused(self, command: Command, reply: Refused, now_ms: int) -> None:
        if self._bookkeeper is not None:
            self._bookkeeper.refused(command, reply, now_ms)

    def follow(self, engine: Engine) -> None:
        """The exchange restarted: hold the replayed engine to the same books."""
        self._checker.follow(engine)
        if self._bookkeeper is not None:
            self._bookkeeper.follow(engine)

    def finish(self) -> None:
        if self._bookkeeper is not None:
            self._bookkeeper.finish()
        self._checker.finish()
