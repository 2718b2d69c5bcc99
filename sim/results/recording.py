"""A run from moment to moment, for charts and series: load, units, prices, what is for sale, cost.

Folded from the same frames as the metrics. Times are ms since the scenario's start, money is ucr.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from msgspec import Struct

from exchange.model.commands import Command, Out
from exchange.wire.frames import Charge, LeaseUpdate, OrderUpdate, Trade
from sim.actors.decisions import Decision
from sim.actors.position import DONE
from sim.results.cloud_bill import CloudBill
from sim.results.metered import Slots
from sim.results.service import Service

V = TypeVar("V")
DEPTH_COLUMNS: Final = 160
"""Into how many parts a run is cut for what is for sale at each price."""


class Recording(Struct, frozen=True):
    """``loads``, ``need`` and ``asks`` (the best one) have a value for each ``step_ms``.

    ``ready``, ``rented`` and ``trades`` are (at_ms, value), each until the next. ``charges`` are
    (from_ms, to_ms, amount). ``depth`` has, for each of `DEPTH_COLUMNS` parts, (price, units).
    """

    step_ms: int
    loads: list[float]
    need: list[int]
    asks: list[int | None]
    ready: list[tuple[int, int]]
    rented: list[tuple[int, int]]
    trades: list[tuple[int, int]]
    charges: list[tuple[int, int, int]]
    depth: list[list[tuple[int, int]]]
    decisions: list[Decision]

    def costs_ucr(self, times_ms: Sequence[int]) -> list[float]:
        """Return the cost up to each of ``times_ms``: a charge accrues evenly over its time."""
        slopes: list[tuple[int, float, float]] = []
        for from_ms, to_ms, amount in self.charges:
            slope = amount / max(1, to_ms - from_ms)
            slopes += [(from_ms, slope, -slope * from_ms), (to_ms, -slope, slope * to_ms)]
        slopes.sort(reverse=True)
        found, by_ms, fixed = [], 0.0, 0.0
        for at_ms in times_ms:
            while slopes and slopes[-1][0] <= at_ms:
                _, more, offset = slopes.pop()
                by_ms, fixed = by_ms + more, fixed + offset
            found.append(max(0.0, by_ms * at_ms + fixed))
        return found


def value_at(steps: Sequence[tuple[int, V]], times_ms: Sequence[int], before: V) -> list[V]:
    """Return the value of a step function at each of ``times_ms``; ``before`` its first step."""
    found, index, value = [], 0, before
    for at_ms in times_ms:
        while index < len(steps) and steps[index][0] <= at_ms:
            value = steps[index][1]
            index += 1
        found.append(value)
    return found


class Recorder:
    """Folds `observe`; ``symbol`` is the market in which ``farm`` buys."""

    def __init__(self, farm: str, symbol: str, start_ms: int, duration_ms: int) -> None:
        self._farm, self._symbol = farm, symbol
        self._start_ms, self._duration_ms = start_ms, duration_ms
        self._for_sale: dict[tuple[str, str], tuple[int, int]] = {}
        self._depth: dict[int, int] = {}
        self._asks: list[tuple[int, int | None]] = []
        self._columns: list[list[tuple[int, int]]] = []
        self._leased: dict[str, int] = {}
        self._rented: list[tuple[int, int]] = [(0, 0)]
        self._trades: list[tuple[int, int]] = []
        self._slots = Slots()
        self._charges: list[tuple[int, int, int]] = []

    def observe(self, command: Command, outs: list[Out], now_ms: int) -> None:
        """Take in one accepted command and what it caused."""
        at_ms = now_ms - self._start_ms
        self._columns_until(at_ms)
        changed = False
        for address, event in outs:
            match event:
                case OrderUpdate() if event.side == "sell" and event.symbol == self._symbol:
                    assert address is not None
                    self._sell(address, event)
                    changed = True
                case Trade() if event.symbol == self._symbol:
                    self._trades.append((at_ms, event.price_ucr))
                case LeaseUpdate() | Charge() if address == self._farm:
                    self._bought(event, at_ms)
                case _:
                    pass
        if changed:
            self._asks.append((at_ms, min(self._depth, default=None)))

    def recording(
        self,
        service: Service,
        loads: list[float],
        ready: list[tuple[int, int]],
        bill: CloudBill | None,
        decisions: list[Decision],
    ) -> Recording:
        """Return what was recorded; ``bill``: of the cloud that was bought from, if any."""
        self._columns_until(self._duration_ms)
        charges = self._charges if bill is None else self._billed(bill)
        asks = value_at(self._asks, [at * service.step_ms for at in range(len(loads))], None)
        return Recording(
            step_ms=service.step_ms,
            loads=loads,
            need=[service.need(load) for load in loads],
            asks=asks,
            ready=ready,
            rented=self._rented,
            trades=self._trades,
            charges=charges,
            depth=self._columns,
            decisions=decisions,
        )

    def _columns_until(self, at_ms: int) -> None:
        """What is for sale now has been so at the end of every column until ``at_ms``."""
        until = min(DEPTH_COLUMNS, at_ms * DEPTH_COLUMNS // self._duration_ms)
        if len(self._columns) < until:
            column = sorted(self._depth.items())
            self._columns += [column] * (until - len(self._columns))

    def _sell(self, account: str, event: OrderUpdate) -> None:
        price, units = self._for_sale.pop((account, event.order_id), (0, 0))
        self._offer(price, -units)
        if event.status not in DONE and event.price_ucr is not None:
            self._for_sale[account, event.order_id] = event.price_ucr, event.leaves_qty
            self._offer(event.price_ucr, event.leaves_qty)

    def _offer(self, price_ucr: int, units: int) -> None:
        left = self._depth.get(price_ucr, 0) + units
        self._depth[price_ucr] = left
        if not left:
            del self._depth[price_ucr]

    def _bought(self, event: Any, at_ms: int) -> None:
        if isinstance(event, Charge):
            start_ms = self._start_ms
            slots = self._slots.of(event)
            self._charges += [(a - start_ms, b - start_ms, amount) for a, b, amount in slots]
            return
        self._leased[event.lease_id] = 0 if event.state == "ended" else event.units
        self._rented.append((at_ms, sum(self._leased.values())))

    def _billed(self, bill: CloudBill) -> list[tuple[int, int, int]]:
        start_ms = self._start_ms
        return [(a - start_ms, b - start_ms, amount) for a, b, amount in bill.charges()]
