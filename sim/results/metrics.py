"""Metrics of one run, folded from the engine's commands and events.

Source: scenario.md, "Metrics". Money is counted in ucr and turned into credits only at the end.
"""

from typing import Any

from msgspec import Struct

from exchange.model.commands import Command, Out
from exchange.units import MS_PER_SECOND, UCR_PER_CREDIT
from exchange.wire.frames import Charge, LeaseUpdate, Notice, OrderUpdate, VmUpdate
from exchange.wire.requests import OrderPlace
from sim.results.service import Quality
from sim.results.stats import percentile


class Accounts(Struct, frozen=True):
    """Money at the end, in ucr: the buyer's, all sellers', the fees, and what was paid in."""

    farm_ucr: int
    farm_deposit_ucr: int
    sellers_ucr: int
    sellers_deposit_ucr: int
    fees_ucr: int


class _Order(Struct):
    placed_ms: int
    rests: bool
    qty: int
    filled: int = 0


class Metrics:
    """Folds `observe`; ``farm`` is the account whose side is measured."""

    def __init__(self, farm: str) -> None:
        self._farm = farm
        self._orders: dict[str, _Order] = {}
        self._lease_units: dict[str, int] = {}
        self._units = 0
        self._changed_ms: dict[int, None] = {}
        self._requested_ms: dict[str, int] = {}
        self._recalled: dict[str, None] = {}
        self._fill_waits_s: list[float] = []
        self._boots_s: dict[str, float] = {}
        self._filled_units = 0
        self._filled_ucr = 0
        self.cost_ucr = 0
        self.price_max_ucr = 0
        self.peak_units = 0

    def observe(self, command: Command, outs: list[Out], now_ms: int) -> None:
        """Take in one accepted command and what it caused."""
        if command.account == self._farm and isinstance(command.message, OrderPlace):
            order = command.message
            rests = order.time_in_force in ("gtc", "gtd")
            self._orders.setdefault(order.client_order_id, _Order(now_ms, rests, order.qty))
        for address, event in outs:
            if address == self._farm:
                self._event(event)

    def values(self, quality: Quality, accounts: Accounts) -> dict[str, float]:
        """Return every metric by its name in scenario.md, "Metrics"."""
        filled_ucr = self._filled_ucr / self._filled_units if self._filled_units else 0.0
        money = {
            "cost": self.cost_ucr,
            "price_mean": filled_ucr,
            "price_max": self.price_max_ucr,
            "seller_revenue": accounts.sellers_ucr - accounts.sellers_deposit_ucr,
            "exchange_fees": accounts.fees_ucr,
            # What the farm has beyond its deposit less its charges came from sellers' bonds.
            "penalties": accounts.farm_ucr - accounts.farm_deposit_ucr + self.cost_ucr,
        }
        return {
            "slo_violation_pct": quality.slo_violation_pct,
            "theta_under_pct": quality.theta_under_pct,
            "theta_over_pct": quality.theta_over_pct,
            "tau_under_pct": quality.tau_under_pct,
            "tau_over_pct": quality.tau_over_pct,
            "changes": float(len(self._changed_ms)),
            "peak_units": float(self.peak_units),
            "boot_p95_s": percentile(list(self._boots_s.values()), 95),
            "fill_wait_p95_s": percentile(self._fill_waits_s, 95),
            "unfilled_units": float(self._unfilled()),
            "leases": float(len(self._lease_units)),
            "recalls": float(len(self._recalled)),
            **{name: amount / UCR_PER_CREDIT for name, amount in money.items()},
        }

    def _event(self, event: Any) -> None:
        match event:
            case OrderUpdate():
                self._order(event)
            case LeaseUpdate():
                self._lease(event)
            case Charge():
                self.cost_ucr += event.amount_ucr
            case VmUpdate():
                self._vm(event)
            case Notice() if event.kind == "recall" and event.lease_id is not None:
                self._recalled[event.lease_id] = None
            case _:
                return

    def _order(self, event: OrderUpdate) -> None:
        if event.exec != "trade" or event.last_qty is None or event.last_price_ucr is None:
            return
        order = self._orders[event.client_order_id]
        order.filled += event.last_qty
        wait_s = (event.ts_ms - order.placed_ms) / MS_PER_SECOND
        self._fill_waits_s += [wait_s] * event.last_qty
        self._filled_units += event.last_qty
        self._filled_ucr += event.last_qty * event.last_price_ucr
        self.price_max_ucr = max(self.price_max_ucr, event.last_price_ucr)

    def _lease(self, event: LeaseUpdate) -> None:
        units = 0 if event.state == "ended" else event.units
        before = self._lease_units.get(event.lease_id, 0)
        self._lease_units[event.lease_id] = units
        if units != before:
            self._units += units - before
            self.peak_units = max(self.peak_units, self._units)
            self._changed_ms[event.ts_ms] = None

    def _vm(self, event: VmUpdate) -> None:
        requested_ms = self._requested_ms.setdefault(event.vm_id, event.ts_ms)
        if event.ready_ms is not None:
            boot_s = (event.ready_ms - requested_ms) / MS_PER_SECOND
            self._boots_s.setdefault(event.vm_id, boot_s)

    def _unfilled(self) -> int:
        """Units wanted and never had. What an ioc left over and then rested counts once."""
        missing = sum(order.qty - order.filled for order in self._orders.values())
        rested = sum(order.qty for order in self._orders.values() if order.rests)
        taken = any(not order.rests for order in self._orders.values())
        return max(0, missing - rested) if taken else missing
