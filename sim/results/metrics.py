"""Metrics of one run, folded from the engine's commands and events.

Source: scenario.md, "Metrics". Money is counted in ucr and turned into credits only at the end.
What the wind-down after the run's end changes stands apart.
"""

from typing import Any

from msgspec import Struct

from exchange.model.commands import Command
from exchange.units import MS_PER_HOUR, MS_PER_SECOND, UCR_PER_CREDIT
from exchange.wire.frames import Charge, LeaseUpdate, Notice, OrderUpdate, VmUpdate
from exchange.wire.requests import OrderPlace
from manager.selling.group import is_spot
from sim.actors.position import DONE
from sim.results.best_ask import BestAsk
from sim.results.cloud_bill import CloudBill
from sim.results.metered import Slots
from sim.results.service import Quality
from sim.results.stats import percentile


class Accounts(Struct, frozen=True):
    """Money at the end, in ucr: the buyer's, all sellers', the fees, and what was paid in."""

    farm_ucr: int
    farm_deposit_ucr: int
    sellers_ucr: int
    sellers_deposit_ucr: int
    fees_ucr: int


class Prices(Struct, frozen=True):
    """What the scenario says of money beside the exchange's, in credits."""

    spare_unit_hours: float
    spare_unit_hour: float
    million_violated: float


class Waiting:
    """Units wanted and not had: the open bids, until the run's end."""

    def __init__(self, start_ms: int, end_ms: int) -> None:
        self._start_ms, self._end_ms = start_ms, end_ms
        self._since_ms = start_ms
        self._leaves: dict[str, int] = {}
        self.unit_ms = 0
        self.most = 0

    def order(self, event: OrderUpdate) -> None:
        self.until(event.ts_ms)
        if event.status in DONE:
            self._leaves.pop(event.order_id, None)
        else:
            self._leaves[event.order_id] = event.leaves_qty

    def until(self, now_ms: int) -> None:
        """Count the time up to ``now_ms``; what comes and goes in one moment never waited."""
        now_ms = min(max(now_ms, self._start_ms), self._end_ms)
        if now_ms > self._since_ms:
            units = sum(self._leaves.values())
            self.unit_ms += units * (now_ms - self._since_ms)
            self.most = max(self.most, units)
            self._since_ms = now_ms


class Metrics:
    """What is measured of one farm, whose side `placed` and `event` tell, from start to end.

    ``asks``: what is for sale. ``bill``: what a cloud asks, where the farm buys from one and not
    on this exchange.
    """

    def __init__(
        self, start_ms: int, end_ms: int, asks: BestAsk, bill: CloudBill | None = None
    ) -> None:
        self._end_ms = end_ms
        self.bill = bill
        self._asks = asks
        self._waiting = Waiting(start_ms, end_ms)
        self._placed_ms: dict[str, int] = {}
        self._lease_units: dict[str, int] = {}
        self._hour_ms: dict[str, int] = {}
        """When the hour of a lease of a window begins."""
        self._units = 0
        self._changed_ms: dict[int, None] = {}
        self._requested_ms: dict[str, int] = {}
        self._recalled: dict[str, None] = {}
        self._fill_waits_s: list[float] = []
        self._boots_s: dict[str, float] = {}
        self._filled_units = 0
        self._filled_ucr = 0
        self._over_ask_ucr = 0
        self._wind_down_ucr = 0
        self._slots = Slots()
        self.cost_ucr = 0
        self.price_max_ucr = 0
        self.peak_units = 0

    def placed(self, order: OrderPlace, now_ms: int) -> None:
        """The farm has placed an order."""
        self._placed_ms.setdefault(order.client_order_id, now_ms)

    def values(self, quality: Quality, accounts: Accounts, prices: Prices) -> dict[str, float]:
        """Return every metric by its name in scenario.md, "Metrics"."""
        self._waiting.until(self._end_ms)
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
            "unfilled_units": float(self._waiting.most),
            "missing_unit_hours": self._waiting.unit_ms / MS_PER_HOUR,
            "unit_hours": quality.unit_hours,
            "leases": float(len(self._lease_units)),
            "recalls": float(len(self._recalled)),
            **self._money(accounts),
            **self._total(quality, prices),
        }

    @property
    def _cost(self) -> float:
        return self.cost_ucr / UCR_PER_CREDIT if self.bill is None else self.bill.credits()

    def _money(self, accounts: Accounts) -> dict[str, float]:
        filled = max(1, self._filled_units)
        charged_ucr = self.cost_ucr + self._wind_down_ucr
        money = {
            "price_mean": self._filled_ucr / filled,
            "price_max": self.price_max_ucr,
            "paid_over_best_ask": self._over_ask_ucr / filled,
            "wind_down_cost": self._wind_down_ucr,
            "seller_revenue": accounts.sellers_ucr - accounts.sellers_deposit_ucr,
            "exchange_fees": accounts.fees_ucr,
            # What the farm has beyond its deposit less its charges came from sellers' bonds.
            "penalties": accounts.farm_ucr - accounts.farm_deposit_ucr + charged_ucr,
        }
        if self.bill is not None:  # a cloud has neither sellers nor an exchange
            money |= dict.fromkeys(("wind_down_cost", "seller_revenue", "exchange_fees"), 0)
        return {name: amount / UCR_PER_CREDIT for name, amount in money.items()}

    def _total(self, quality: Quality, prices: Prices) -> dict[str, float]:
        spares = prices.spare_unit_hours * prices.spare_unit_hour
        violation = quality.violated_requests / 1_000_000 * prices.million_violated
        return {
            "cost": self._cost,
            "spares_cost": spares,
            "violation_cost": violation,
            "total_cost": self._cost + spares + violation,
        }

    def event(self, command: Command, event: Any, own: bool) -> None:
        """Take in what the farm is told; ``own``: it is its own ``command`` that caused it."""
        match event:
            case OrderUpdate():
                if is_spot(event.symbol):  # an hour to come is not missing yet
                    self._waiting.order(event)
                self._trade(command, event, own)
            case LeaseUpdate():
                self._lease(event)
            case Charge():
                self._charge(event)
            case VmUpdate():
                self._vm(event)
            case Notice() if event.kind == "recall" and event.lease_id is not None:
                self._recalled[event.lease_id] = None
            case _:
                return

    def _trade(self, command: Command, event: OrderUpdate, own: bool) -> None:
        if event.exec != "trade" or event.last_qty is None or event.last_price_ucr is None:
            return
        if is_spot(event.symbol):
            wait_s = (event.ts_ms - self._placed_ms[event.client_order_id]) / MS_PER_SECOND
            self._fill_waits_s += [wait_s] * event.last_qty
        self._filled_units += event.last_qty
        self._filled_ucr += event.last_qty * event.last_price_ucr
        self.price_max_ucr = max(self.price_max_ucr, event.last_price_ucr)
        if own:
            asked_ucr = self._asks.of(event.symbol)
        else:  # an ask that came met our bid
            asked_ucr = getattr(command.message, "price_ucr", None)
        over_ucr = event.last_price_ucr - (asked_ucr or event.last_price_ucr)
        self._over_ask_ucr += event.last_qty * over_ucr

    def _lease(self, event: LeaseUpdate) -> None:
        if self.bill is not None:
            self.bill.lease(event)
        # A window is rented for its hour, however early it was bought.
        units = 0 if event.state in ("granted", "ended") else event.units
        if not is_spot(event.symbol):
            self._hour_ms[event.lease_id] = event.start_ms
        before = self._lease_units.get(event.lease_id, 0)
        self._lease_units[event.lease_id] = units
        if units != before:
            self._units += units - before
            self.peak_units = max(self.peak_units, self._units)
            if event.ts_ms < self._end_ms:
                self._changed_ms[event.ts_ms] = None

    def _charge(self, event: Charge) -> None:
        """What was charged for the time behind the run's end belongs to the wind-down."""
        slots = self._slots.of(event)
        hour_ms = self._hour_ms.get(event.lease_id)
        if hour_ms is not None:  # a window is owed for all its hour, whenever it is given back
            slots = [(hour_ms, hour_ms + MS_PER_HOUR, event.amount_ucr)]
        for from_ms, to_ms, amount_ucr in slots:
            span_ms = to_ms - from_ms
            behind_ms = min(span_ms, max(0, to_ms - self._end_ms))
            late_ucr = amount_ucr * behind_ms // span_ms if span_ms > 0 else 0
            self._wind_down_ucr += late_ucr
            self.cost_ucr += amount_ucr - late_ucr

    def _vm(self, event: VmUpdate) -> None:
        # A window's VM is asked for ahead of its hour, and then waits for that.
        since_ms = max(event.ts_ms, self._hour_ms.get(event.lease_id, 0))
        requested_ms = self._requested_ms.setdefault(event.vm_id, since_ms)
        if event.ready_ms is not None:
            boot_s = (event.ready_ms - requested_ms) / MS_PER_SECOND
            self._boots_s.setdefault(event.vm_id, boot_s)
