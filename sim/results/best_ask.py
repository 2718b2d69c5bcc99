"""The best ask of each market as the orders' frames tell it, to compare a price paid with. Pure."""

from exchange.wire.frames import OrderUpdate
from sim.actors.position import DONE


class BestAsk:
    """Folds the updates of all sell orders."""

    def __init__(self) -> None:
        self._asks: dict[str, dict[tuple[str, str], int]] = {}
        """By symbol: the price of each open ask, by account and order."""

    def fold(self, account: str, event: OrderUpdate) -> None:
        if event.side != "sell":
            return
        asks = self._asks.setdefault(event.symbol, {})
        if event.status in DONE or event.price_ucr is None:
            asks.pop((account, event.order_id), None)
        else:
            asks[account, event.order_id] = event.price_ucr

    def of(self, symbol: str) -> int | None:
        """Return the best ask of ``symbol``; None: nothing is for sale."""
        return min(self._asks.get(symbol, {}).values(), default=None)
