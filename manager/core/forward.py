"""Buys the windows of scheduled hours as soon as they are listed: ``forward = true``. Pure.

For every listed window that lies whole in a rule's hours: what is not had or on order yet is bid
for in each of the rule's places in turn; the rest is bid for in the first one for `RETRY_MS`, then
all are tried again, until the gate closes. Never beyond ``price_max``, ``max_units`` in any hour,
and the budgets of the day and month in which the hour begins. It needs no figure of the load: the
hours are given. What is had is known by the leases of the account, what is on order by its orders,
so a restart buys nothing twice. Source: manager.md, "Windows ahead".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from exchange.units import MAX_QTY, MS_PER_MINUTE, count_text, credits_text
from exchange.wire.frames import InstrumentUpdate, OrderUpdate
from manager.core.bids import MIN_REST_MS, Bids, Order, rule_of
from manager.core.classes import Place, place_of
from manager.core.farm import Farm
from manager.core.hand import whose
from manager.core.handover import Handover
from manager.core.order_ids import BIDS
from manager.core.outgoing import Outgoing
from manager.core.purchase import Purchases
from manager.core.rule import Buy, BuyTo, Rule
from manager.core.windows import end_ms, window_ms, window_symbol

RETRY_MS: Final = 10 * MS_PER_MINUTE
"""So long a bid for a window rests, and its hour is not tried again; a dead Manager's bids end."""

Had: TypeAlias = dict[int, dict[str, int]]
"""Units by the hour's start and the rule's name."""


class Forward:
    """``may_buy``: nothing holds the rule back; ``affordable``: units that every budget allows of
    an hour that begins then."""

    def __init__(
        self,
        outgoing: Outgoing,
        farm: Farm,
        purchases: Purchases,
        handover: Handover,
        may_buy: Callable[[Rule], bool],
        affordable: Callable[[Rule, int], int],
    ) -> None:
        self._outgoing = outgoing
        self._farm = farm
        self._purchases = purchases
        self._handover = handover
        self._may_buy = may_buy
        self._affordable = affordable
        self._windows: dict[str, InstrumentUpdate] = {}
        self._orders = Bids(outgoing, "window")
        self._again_ms: dict[tuple[str, int], int] = {}
        """When a rule tries an hour again."""
        self._covers: dict[tuple[str, int], bool] = {}
        self._number = 0

    # --- what is told ---

    def instrument(self, row: InstrumentUpdate) -> None:
        if row.state == "open" and window_ms(row.symbol):
            self._windows[row.symbol] = row
        else:
            self._windows.pop(row.symbol, None)

    def reconfigure(self) -> None:
        self._covers.clear()
        self._again_ms.clear()

    def rebuild(self, rows: list[OrderUpdate]) -> None:
        """Take over the account's open bids for windows that carry a rule's prefix."""
        self._again_ms.clear()
        self._orders.take_over(rows, self._farm.by_name, lambda symbol: window_ms(symbol) > 0)

    def answered(self, order_id: str, result: Mapping[str, Any]) -> None:
        """The order was accepted; what an ioc did not fill goes to the next place, or rests."""
        order = self._orders.answered(order_id, result)
        if order is not None and not order.rests and order.filled < order.qty:
            self._go_on(order, order.qty - order.filled)

    def refused(self, order_id: str, why: str) -> None:
        order = self._orders.refused(order_id, why)
        if order is not None and order.places_left:
            self._go_on(order, order.qty)

    def updated(self, update: OrderUpdate) -> None:
        self._orders.updated(update)

    def leased(self, order_id: str, units: int) -> None:
        """A lease of this order was seen for the first time."""
        self._orders.leased(order_id, units)

    # --- what is asked ---

    def committed_ucr(self, rule: str | None, same: Callable[[int], bool]) -> int:
        """Return what windows cost that a rule (None: all) has or bids for, and that begin when
        ``same`` says so."""
        return sum(
            units * price_ucr
            for name, start_ms, units, price_ucr in self._bought()
            if rule in (None, name) and same(start_ms)
        )

    def ahead(self, rule: str) -> int:
        """Return how many window-hours the rule has of hours that did not end yet."""
        now_ms = self._outgoing.exchange_ms
        had = self._handover.bought()
        return sum(
            units for name, at_ms, units, _ in had if name == rule and end_ms(at_ms) > now_ms
        )

    # --- what is due ---

    def due_ms(self) -> int | None:
        now_ms = self._outgoing.now_ms
        return min((at_ms for at_ms in self._again_ms.values() if at_ms > now_ms), default=None)

    def act(self) -> None:
        """Bid for what is missing of every listed hour."""
        self._forget(self._outgoing.exchange_ms)
        had: Had | None = None
        for rule in self._farm.config.rules:
            if rule.forward and self._may_buy(rule):
                had = self._buy_ahead(rule, had or self._had())
        self._cancel_unwanted()

    def _had(self) -> Had:
        """Return how many units of each hour there are or will be, by rule."""
        had: Had = {}
        for name, start_ms, units, _ in self._bought():
            hour = had.setdefault(start_ms, {})
            hour[name] = hour.get(name, 0) + units
        return had

    def _buy_ahead(self, rule: Rule, had: Had) -> Had:
        """Buy what is missing of the rule's hours; return what is had after it."""
        for start_ms in self._hours(rule):
            key = rule.name, start_ms
            if self._again_ms.get(key, 0) > self._outgoing.now_ms:
                continue
            units = self._missing(rule, start_ms, had.get(start_ms, {}))
            if units > 0:
                self._again_ms[key] = self._outgoing.now_ms + RETRY_MS
                what = f"{count_text(units, 'unit')} of {_hour(start_ms)}"
                self._outgoing.log("buys_ahead", f"{whose(rule.name)}: {what}")
                self._next(rule, start_ms, units, self._purchases.places(rule), None)
                had = self._had()
        return had

    def _hours(self, rule: Rule) -> list[int]:
        """Return the listed hours that lie whole in the rule's, the first first."""
        now_ms = self._outgoing.exchange_ms
        places = set(self._purchases.places(rule))
        hours = {
            window_ms(symbol)
            for symbol, row in self._windows.items()
            if place_of(symbol) in places and (row.gate_ms or 0) > now_ms
        }
        return [start_ms for start_ms in sorted(hours) if self._covered(rule, start_ms)]

    def _covered(self, rule: Rule, start_ms: int) -> bool:
        key = rule.name, start_ms
        if key not in self._covers:
            assert rule.at is not None, "forward belongs to at"
            opening = rule.at.opening(start_ms)
            whole = opening.start_ms <= start_ms and end_ms(start_ms) <= opening.end_ms
            self._covers[key] = whole
        return self._covers[key]

    def _forget(self, now_ms: int) -> None:
        for key in [key for key in self._covers if key[1] < now_ms]:
            self._covers.pop(key)
            self._again_ms.pop(key, None)

    def _missing(self, rule: Rule, start_ms: int, had: Mapping[str, int]) -> int:
        """Return how many units of an hour are still to be bought."""
        assert isinstance(rule.action, Buy | BuyTo), "forward belongs to a rule that buys"
        total, own = sum(had.values()), had.get(rule.name, 0)
        wanted = rule.action.units - (total if isinstance(rule.action, BuyTo) else own)
        room = MAX_QTY if rule.max_units is None else rule.max_units - total
        most = min(wanted, room)
        return most if most <= 0 else min(most, self._affordable(rule, start_ms))

    def _bought(self) -> Iterator[tuple[str, int, int, int]]:
        yield from self._handover.bought()
        for order in self._orders.values():
            name, start_ms = rule_of(order.client_order_id), window_ms(order.symbol)
            yield name, start_ms, _to_come(order), order.price_ucr

    # --- orders ---

    def _go_on(self, order: Order, units: int) -> None:
        rule = order.rule
        if rule is not None and self._may_buy(rule):
            self._next(rule, window_ms(order.symbol), units, order.places_left, order)

    def _next(
        self,
        rule: Rule,
        start_ms: int,
        units: int,
        places: Sequence[Place],
        before: Order | None,
    ) -> None:
        """Bid in the first of ``places`` where the hour is listed; after the last one, rest."""
        for at, place in enumerate(places):
            order = self._order(rule, place, start_ms, units)
            if order is not None:
                order.places_left = tuple(places[at + 1 :])
                self._orders.send(order, None)
                return
        for place in self._purchases.places(rule):
            order = self._order(rule, place, start_ms, units)
            if order is not None:
                self._rest(order)
                return

    def _order(self, rule: Rule, place: Place, start_ms: int, units: int) -> Order | None:
        pricing = self._purchases.pricing
        symbol = window_symbol(place.class_name, place.zone, pricing, start_ms)
        limit_ucr = self._purchases.limit_ucr(rule, symbol)
        if symbol not in self._windows or limit_ucr == 0:
            return None
        self._number += 1
        order_id = f"{BIDS}{rule.name}/{self._outgoing.now_ms}-w{self._number}"
        return Order(order_id, rule, symbol, limit_ucr, units)

    def _rest(self, order: Order) -> None:
        gate_ms = self._windows[order.symbol].gate_ms or 0
        now_ms = self._outgoing.exchange_ms
        expire_ms = min(now_ms + RETRY_MS, gate_ms)
        if expire_ms - now_ms < MIN_REST_MS:
            return
        order.rests = True
        name, price = rule_of(order.client_order_id), credits_text(order.price_ucr)
        units = count_text(order.qty, "unit")
        text = f"{whose(name)}: {units} of {order.symbol} not offered up to {price}"
        self._outgoing.log("bid_rests", f"{text}; bid rests")
        self._orders.send(order, expire_ms)

    def _cancel_unwanted(self) -> None:
        """Cancel once what rests for a rule that may not buy any more, or is gone."""
        for order_id, order in self._orders.items():
            rests = order.rests and order.open and not order.canceled
            if rests and not self._wanted(self._farm.by_name.get(rule_of(order_id)), order):
                self._orders.cancel(order)

    def _wanted(self, rule: Rule | None, order: Order) -> bool:
        may = rule is not None and rule.forward and self._may_buy(rule)
        return may and rule is not None and self._covered(rule, window_ms(order.symbol))


def _to_come(order: Order) -> int:
    """Return the units that the purchase may still bring: what an order that is not answered yet
    did not fill is asked for elsewhere next."""
    return order.on_order if order.answered else order.qty - order.leased


def _hour(start_ms: int) -> str:
    return window_symbol("", "", "", start_ms).lstrip(".") + " UTC"
