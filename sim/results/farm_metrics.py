"""The metrics of every farm of a run, each apart: hands each what concerns it. Pure."""

from collections.abc import Mapping

from exchange.model.commands import Command, Out
from exchange.wire.frames import OrderUpdate
from exchange.wire.requests import OrderPlace
from sim.results.best_ask import BestAsk
from sim.results.metrics import Metrics


class FarmMetrics:
    """``of``: by account. ``asks`` is what they compare prices with."""

    def __init__(self, of: Mapping[str, Metrics], asks: BestAsk) -> None:
        self._of = of
        self._asks = asks

    def observe(self, command: Command, outs: list[Out], now_ms: int) -> None:
        """Take in one accepted command and what it caused."""
        placing = self._of.get(command.account)
        if placing is not None and isinstance(command.message, OrderPlace):
            placing.placed(command.message, now_ms)
        for address, event in outs:
            told = self._of.get(address)
            if told is not None:
                told.event(command, event, command.account == address)
        for address, event in outs:
            if isinstance(event, OrderUpdate):
                self._asks.fold(address, event)
