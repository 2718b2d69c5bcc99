"""The open bids of the rules, for spot or for windows: sent, canceled, and what came of them. Pure.

A bid counts as capacity that may still come until it is done, and what it filled until the lease is
seen. Frames may overtake the answer, so a bid is kept until it is answered too.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from exchange.units import MS_PER_SECOND
from exchange.wire.frames import OrderUpdate
from exchange.wire.requests import OrderCancel, OrderPlace
from manager.core.classes import Place
from manager.core.hand import whose
from manager.core.order_ids import BIDS
from manager.core.outgoing import Outgoing
from manager.core.rule import Rule

ORDER_LIFE_MS: Final = 15 * MS_PER_SECOND
"""An order that reaches the exchange later than this is refused: its reason may be gone."""
MIN_REST_MS: Final = MS_PER_SECOND
_OPEN: Final = ("new", "partially_filled")


class Order(Struct):
    """One order of a rule. ``places_left`` are tried with what it does not fill."""

    client_order_id: str
    rule: Rule | None
    symbol: str
    price_ucr: int
    qty: int
    filled: int = 0
    leased: int = 0
    open: bool = True
    answered: bool = False
    rests: bool = False
    canceled: bool = False
    places_left: tuple[Place, ...] = ()
    rest_until_ms: int = 0
    others: bool = False
    """Somebody who is not avoided offers in one of the places looked at so far."""
    skipped: tuple[Place, ...] = ()
    """Places where only avoided hosts offer."""

    @property
    def on_order(self) -> int:
        """Units that may still come: not filled while open, or filled and their lease unseen."""
        unfilled = self.qty - self.filled if self.open else 0
        return unfilled + max(0, self.filled - self.leased)


class Bids(dict[str, Order]):
    """By ``client_order_id``; ``purpose`` is what their answers come back under."""

    def __init__(self, outgoing: Outgoing, purpose: Literal["order", "window"]) -> None:
        super().__init__()
        self._outgoing = outgoing
        self._purpose = purpose

    def send(self, order: Order, expire_ms: int | None) -> None:
        """An order with ``expire_ms`` rests until then, one without is ioc."""
        self[order.client_order_id] = order
        self._outgoing.ask(
            self._purpose,
            order.client_order_id,
            lambda req_id: OrderPlace(
                req_id=req_id,
                client_order_id=order.client_order_id,
                symbol=order.symbol,
                side="buy",
                order_type="limit",
                price_ucr=order.price_ucr,
                qty=order.qty,
                time_in_force="ioc" if expire_ms is None else "gtd",
                expire_ms=expire_ms,
                deadline_ms=self._outgoing.exchange_ms + ORDER_LIFE_MS,
            ),
        )

    def cancel(self, order: Order) -> None:
        """Ask for its end."""
        order.canceled, order_id = True, order.client_order_id
        self._outgoing.ask(
            "cancel",
            order_id,
            lambda req_id: OrderCancel(req_id=req_id, client_order_id=order_id),
        )

    def answered(self, order_id: str, result: Mapping[str, Any]) -> Order | None:
        """The order was accepted; return it if there was one of that id."""
        order = self.get(order_id)
        if order is not None:
            order.answered = True
            order.filled = max(order.filled, int(result["filled_qty"]))
            self._settle(order, result["status"] in _OPEN)
        return order

    def refused(self, order_id: str, reason: str) -> Order | None:
        """The order does not exist; return it if there was one of that id."""
        order = self.pop(order_id, None)
        if order is not None:
            text = f"order for {order.symbol} refused: {reason}"
            self._outgoing.log("order_refused", f"{whose(rule_of(order_id))}: {text}")
        return order

    def updated(self, update: OrderUpdate) -> None:
        """An account's frame told of an order; it may be one of these."""
        order = self.get(update.client_order_id)
        if order is not None:
            order.filled = max(order.filled, update.filled_qty)
            self._settle(order, order.open and update.status in _OPEN)

    def leased(self, order_id: str, units: int) -> None:
        """A lease of this order was seen for the first time."""
        order = self.get(order_id)
        if order is not None:
            order.leased += units
            self._settle(order, order.open)

    def take_over(
        self, rows: list[OrderUpdate], rules: Mapping[str, Rule], ours: Callable[[str], bool]
    ) -> None:
        """Know the account's open bids with a rule's prefix for symbols that are ``ours``, and no
        others."""
        self.clear()
        for row in rows:
            if row.client_order_id.startswith(BIDS) and row.side == "buy" and ours(row.symbol):
                self[row.client_order_id] = Order(
                    row.client_order_id,
                    rules.get(rule_of(row.client_order_id)),
                    row.symbol,
                    row.price_ucr or 0,
                    row.filled_qty + row.leaves_qty,
                    filled=row.filled_qty,
                    leased=row.filled_qty,
                    answered=True,
                    rests=True,
                )

    def _settle(self, order: Order, is_open: bool) -> None:
        order.open = is_open
        if order.answered and order.on_order == 0 and not is_open:
            self.pop(order.client_order_id, None)


def rule_of(client_order_id: str) -> str:
    """Return NAME of ``rule/NAME/...``, "" when the id has another form."""
    parts = client_order_id.split("/")
    return parts[1] if len(parts) == 3 and client_order_id.startswith(BIDS) else ""


def placed_ms(client_order_id: str) -> int:
    """Return when an order of a rule was made, read from its id; 0 when it does not tell."""
    stamp = client_order_id.rpartition("/")[2].partition("-")[0]
    return int(stamp) if stamp.isascii() and stamp.isdigit() else 0
