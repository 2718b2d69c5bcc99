"""The terminal's copy of the account: money, open orders, leases, VMs.

Folds the account channel (protocol.md, "Account channel") over the state that subscribing returned.
What has ended leaves the tables; its last word stays in the messages.
"""

from collections import deque
from typing import Final, TypeAlias, TypeVar

from exchange.units import MS_PER_HOUR, MS_PER_SECOND
from exchange.wire.frames import (
    AccountFrame,
    BalanceUpdate,
    Charge,
    LeaseUpdate,
    Notice,
    OrderUpdate,
    VmUpdate,
)
from exchange.wire.types import Side
from tui.view.alerts import Alerts

DONE: Final = ("filled", "canceled", "expired")
VM_GONE: Final = ("stopped", "failed")
OWN_TRADES_MAX: Final = 500
"""Own trades remembered, to mark them on the tape."""
CHARGES_MAX: Final = 100

Row: TypeAlias = OrderUpdate | LeaseUpdate | VmUpdate
R = TypeVar("R", OrderUpdate, LeaseUpdate, VmUpdate)


class Account:
    """Orders, leases and VMs by id in order of arrival; money in ucr."""

    def __init__(self) -> None:
        self.known = False
        self.available_ucr = 0
        self.held_ucr = 0
        self.orders: dict[str, OrderUpdate] = {}
        self.leases: dict[str, LeaseUpdate] = {}
        self.vms: dict[str, VmUpdate] = {}
        self.charges: deque[Charge] = deque(maxlen=CHARGES_MAX)
        self.own_trades: deque[str] = deque(maxlen=OWN_TRADES_MAX)
        self.alerts = Alerts()

    def reset(self, available_ucr: int, held_ucr: int, rows: list[Row]) -> None:
        """Take an account state as the whole truth."""
        self.known = True
        self.available_ucr, self.held_ucr = available_ucr, held_ucr
        self.orders, self.leases, self.vms = {}, {}, {}
        for row in rows:
            self.apply(row)
        self.alerts.reset(self.leases.values())

    def apply(self, frame: AccountFrame) -> None:
        """Fold one frame of the account channel."""
        match frame:
            case OrderUpdate():
                self._order(frame)
            case BalanceUpdate():
                self.known = True
                self.available_ucr, self.held_ucr = frame.available_ucr, frame.held_ucr
            case LeaseUpdate():
                _keep(self.leases, frame.lease_id, frame, frame.state == "ended")
                if frame.state == "ended":
                    self.alerts.ended(frame.lease_id)
            case VmUpdate():
                _keep(self.vms, frame.vm_id, frame, frame.state in VM_GONE)
            case Charge():
                self.charges.append(frame)
            case Notice():
                self.alerts.told(frame)  # `tui.view.words` says it in plain words

    def _order(self, order: OrderUpdate) -> None:
        if order.trade_id is not None:
            self.own_trades.append(order.trade_id)
        _keep(self.orders, order.order_id, order, order.status in DONE)

    def own_levels(self, symbol: str) -> dict[tuple[int, Side], int]:
        """Return our open quantity by (price, side) in the book of ``symbol``."""
        levels: dict[tuple[int, Side], int] = {}
        for order in self.orders.values():
            if order.symbol == symbol and order.price_ucr is not None:
                key = (order.price_ucr, order.side)
                levels[key] = levels.get(key, 0) + order.leaves_qty
        return levels

    def orders_in(self, symbol: str, low_ucr: int, high_ucr: int) -> list[OrderUpdate]:
        """Return our open orders of ``symbol`` with a price from ``low_ucr`` to ``high_ucr``."""
        return [
            order
            for order in self.orders.values()
            if order.symbol == symbol
            and order.price_ucr is not None
            and low_ucr <= order.price_ucr <= high_ucr
        ]

    def units(self, side: Side) -> int:
        """Return the units we rent (buy) or have let (sell)."""
        return sum(lease.units for lease in self.leases.values() if lease.side == side)

    def symbols(self) -> list[str]:
        """Return the instruments the account has leases or open orders in, leases first."""
        leases = [lease.symbol for lease in self.leases.values()]
        return list(dict.fromkeys([*leases, *(order.symbol for order in self.orders.values())]))

    def rate_ucr(self, side: Side) -> int:
        """Return what our leases of ``side`` cost or earn in an hour."""
        return sum(
            lease.units * lease.price_ucr for lease in self.leases.values() if lease.side == side
        )


def accrued_ucr(lease: LeaseUpdate, now_ms: int) -> int:
    """Return an estimate of what ``lease`` owes by now: charges post hourly (rules.md 5.5)."""
    until = min(now_ms, lease.ends_ms) if lease.ends_ms is not None else now_ms
    elapsed_ms = max(0, until - lease.start_ms)
    # Whole seconds keep the figure from flickering in digits nobody reads.
    elapsed_ms -= elapsed_ms % MS_PER_SECOND
    return max(lease.charged_ucr, elapsed_ms * lease.units * lease.price_ucr // MS_PER_HOUR)


def _keep(rows: dict[str, R], key: str, row: R, gone: bool) -> None:
    if gone:
        rows.pop(key, None)
    else:
        rows[key] = row
