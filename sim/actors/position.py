"""A trading robot's state: its open orders and leases, and its copy of the book. A pure fold.

Shared by the background traders and the simulated sellers; fed with the frames of the account and
book channels, whatever carried them. Source: protocol.md, "Account channel" and "Public channels".
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from exchange.wire.frames import BookSnapshot, BookUpdate, LeaseUpdate, OrderUpdate
from exchange.wire.types import Side

DONE = ("filled", "canceled", "expired")


class Working(Struct):
    """An order of ours that may still trade. ``order_id`` is empty until the exchange has it."""

    side: Side
    price_ucr: int
    leaves_qty: int
    order_id: str = ""
    tag: str = ""
    """What the robot wants to remember with it, such as the host that backs it."""


class Held(Struct):
    """A lease of ours; ``side`` is ours in the trade that made it."""

    side: Side
    host: str
    units: int
    price_ucr: int
    symbol: str


class Position:
    """Orders by client_order_id and leases by id, both in the order they came."""

    def __init__(self) -> None:
        self.orders: dict[str, Working] = {}
        self.leases: dict[str, Held] = {}
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._last_req_id = 0

    def next_req_id(self) -> int:
        self._last_req_id += 1
        return self._last_req_id

    def open_units(self, side: Side) -> int:
        return sum(order.leaves_qty for order in self.orders.values() if order.side == side)

    def best_bid_ucr(self) -> int | None:
        return max(self._bids, default=None)

    def best_ask_ucr(self) -> int | None:
        return min(self._asks, default=None)

    def rebuild(self, account_state: Mapping[str, Any] | None) -> None:
        """Make orders and leases what the account's state says; None: nothing is there."""
        state = account_state or {}
        known, self.orders, self.leases = self.orders, {}, {}
        for row in msgspec.convert(state.get("orders", []), list[OrderUpdate]):
            tag = known[row.client_order_id].tag if row.client_order_id in known else ""
            self.orders[row.client_order_id] = Working(
                row.side, row.price_ucr or 0, row.leaves_qty, row.order_id, tag
            )
        for lease in msgspec.convert(state.get("leases", []), list[LeaseUpdate]):
            self._lease(lease)

    def fold(self, frame: Any) -> None:
        """Take in a frame; those of other channels change nothing."""
        match frame:
            case OrderUpdate():
                self._order(frame)
            case LeaseUpdate():
                self._lease(frame)
            case BookSnapshot():
                self._bids, self._asks = {}, {}
                self._levels(frame)
            case BookUpdate():
                self._levels(frame)
            case _:
                return

    def _order(self, frame: OrderUpdate) -> None:
        order = self.orders.get(frame.client_order_id)
        if frame.status in DONE:
            self.orders.pop(frame.client_order_id, None)
        elif order is not None:
            order.order_id, order.leaves_qty = frame.order_id, frame.leaves_qty
            order.price_ucr = frame.price_ucr or order.price_ucr

    def _lease(self, frame: LeaseUpdate) -> None:
        if frame.state == "ended":
            self.leases.pop(frame.lease_id, None)
        else:
            self.leases[frame.lease_id] = Held(
                frame.side, frame.host, frame.units, frame.price_ucr, frame.symbol
            )

    def _levels(self, frame: BookSnapshot | BookUpdate) -> None:
        for levels, rows in ((self._bids, frame.bids), (self._asks, frame.asks)):
            for price_ucr, qty, _ in rows:
                if qty:
                    levels[price_ucr] = qty
                else:
                    levels.pop(price_ucr, None)
