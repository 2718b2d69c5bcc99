"""What accounts and hosts were told of orders, trades, leases and VMs, from the frames alone.

The last row of everything that is not over, and lists of what one command told, which the
book-keeper takes away. Ids are numbers here: ``o-7`` is 7.
"""

from collections import Counter
from typing import Any, Final, TypeAlias

from exchange.model.commands import Out
from exchange.wire.frames import Charge, LeaseUpdate, Notice, OrderUpdate, Trade, VmUpdate
from exchange.wire.instructions import VmKill, VmLaunch
from sim.actors.position import DONE

Row: TypeAlias = tuple[Any, ...]
ORDER: Final = (
    "account",
    "symbol",
    "side",
    "status",
    "quantity",
    "filled",
    "left",
    "price",
    "paid",
    "reason",
)
LEASE: Final = (
    "buyer",
    "seller",
    "symbol",
    "host",
    "units",
    "price",
    "state",
    "reason",
    "end",
    "charges that it was not told",
)
VM: Final = ("lease", "name", "state")
"""What is in the row of an order, a lease and a VM, in this order."""
NOTICES: Final = ("recall", "funds_low", "launch_failed")


class Told:
    """Feed it all that each command caused, in order."""

    def __init__(self) -> None:
        self.orders: dict[int, Row] = {}
        self.leases: dict[int, Row] = {}
        self.vms: dict[int, Row] = {}
        self.charged_ucr: Counter[int] = Counter()
        """By lease: the sum of its charges."""
        self._news: dict[str, list[Any]] = {}
        self._sides: dict[str, dict[str, int]] = {}
        """By trade: the orders that were its maker and its taker."""

    def take_in(self, outs: list[Out]) -> None:
        for address, event in outs:
            match event:
                case OrderUpdate():
                    self._order(address, event)
                case Trade():
                    self._add("trade", event)
                case LeaseUpdate():
                    self._lease(address, event)
                case VmUpdate():
                    row = (_number(event.lease_id), event.name, event.state)
                    self.vms[_number(event.vm_id)] = row
                case Charge() if event.amount_ucr:
                    lease = _number(event.lease_id)
                    self.charged_ucr[lease] += event.amount_ucr
                    self._add("charge", (lease, event.to_ms, event.amount_ucr))
                case Notice() if event.kind in NOTICES:
                    row_of = (_number(event.lease_id or ""), event.units, event.at_ms)
                    self._add(event.kind, row_of)
                case VmKill():
                    self._add("kill", (_number(event.vm_id), event.grace_ms))
                case VmLaunch():
                    between = (event.not_before_ms, event.until_ms)
                    self._add("launch", (_number(event.vm_id), address, *between))
                case _:
                    continue

    def take(self, kind: str) -> list[Any]:
        """Return what was told of this kind since the last call."""
        return self._news.pop(kind, [])

    def take_trades(self) -> list[tuple[str, int, int, int, int]]:
        """Return (symbol, price, quantity, maker's number, taker's) of each new trade."""
        sides, self._sides = self._sides, {}
        found = []
        for trade in self.take("trade"):
            of = sides.get(trade.trade_id, {})
            orders = of.get("maker", 0), of.get("taker", 0)
            found.append((trade.symbol, trade.price_ucr, trade.qty, *orders))
        return found

    def _add(self, kind: str, row: Any) -> None:
        self._news.setdefault(kind, []).append(row)

    def _order(self, account: str, event: OrderUpdate) -> None:
        number = _number(event.order_id)
        self._add("order", number)
        if event.trade_id is not None and event.liquidity is not None:
            self._sides.setdefault(event.trade_id, {})[event.liquidity] = number
        self.orders[number] = (
            account,
            event.symbol,
            event.side,
            event.status,
            event.order_qty,
            event.filled_qty,
            event.leaves_qty,
            event.price_ucr,
            event.filled_notional_ucr,
            event.reason if event.status in DONE else None,
        )

    def _lease(self, account: str, event: LeaseUpdate) -> None:
        number = _number(event.lease_id)
        before = self.leases.get(number)
        buyer, seller = ("", "") if before is None else before[:2]
        self.leases[number] = (
            account if event.side == "buy" else buyer,
            account if event.side == "sell" else seller,
            event.symbol,
            event.host,
            event.units,
            event.price_ucr,
            event.state,
            event.reason,
            event.ends_ms,
            event.charged_ucr - self.charged_ucr[number],
        )


def _number(name: str) -> int:
    return int(name.partition("-")[2])
