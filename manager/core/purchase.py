"""Orders of the rules: ioc up to the rule's price in each zone, then a rest for the cool-down.

A purchase goes through the rule's places (`classes.py`), one at a time; what no place had rests in
the first one as gtd until the cool-down ends. Units on order count as capacity until their order is
done, and filled ones until their lease is seen. While hosts are to be avoided each place is looked
at before a bid, and nothing rests. Pure. Source: manager.md, "Purchases".
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from exchange.units import count_text, credits_text
from exchange.wire.frames import InstrumentUpdate, OrderUpdate
from exchange.wire.requests import DirectorySearch
from manager.core.backoff import Backoff
from manager.core.bids import MIN_REST_MS, Bids, Order, rule_of
from manager.core.classes import Place, place_of, places
from manager.core.detour import Offering, way_around
from manager.core.hand import by_hand, whose
from manager.core.order_ids import BIDS
from manager.core.outgoing import Outgoing
from manager.core.rule import Rule
from manager.core.windows import window_ms


class Purchases:
    """The open orders of all rules."""

    def __init__(
        self,
        outgoing: Outgoing,
        class_of: Callable[[Rule], str],
        pricing: str,
        zone: str,
        backoff: Backoff,
    ) -> None:
        self._outgoing = outgoing
        self._class_of = class_of
        self._pricing = pricing
        self._zone = zone
        self._backoff = backoff
        self._orders = Bids(outgoing, "order")
        self._instruments: dict[str, InstrumentUpdate] = {}
        self._number = 0

    def orders(self) -> list[Order]:
        return list(self._orders.values())

    def on_order(self, rule: str | None = None) -> int:
        """Return the units that may still come, for one rule or for all."""
        return sum(order.on_order for order in self._of(rule))

    def held_ucr(self, rule: str | None) -> int:
        """Return what may be held for the orders of a rule, or of all: price x units x 1 h."""
        return sum(order.on_order * order.price_ucr for order in self._of(rule))

    def reconfigure(self, pricing: str, zone: str) -> None:
        self._pricing, self._zone = pricing, zone

    def instrument(self, update: InstrumentUpdate) -> None:
        if update.state == "settled":
            self._instruments.pop(update.symbol, None)
        else:
            self._instruments[update.symbol] = update

    def buy(self, rule: Rule, units: int) -> None:
        """Start buying ``units`` at up to the rule's price."""
        first, *more = self.places(rule)
        self._place(rule, first, units, tuple(more), None)

    def cancel_resting(self, rule: str | None = None) -> int:
        """Cancel the orders that rest, of one rule or of all rules; return the units they ask."""
        units = 0
        for order in self._of(rule):
            meant = rule is not None or not by_hand(rule_of(order.client_order_id))
            if order.open and order.rests and meant:
                units += order.on_order
                self._orders.cancel(order)
        return units

    def answered(self, client_order_id: str, result: Mapping[str, Any]) -> None:
        """The order was accepted; what an ioc did not fill goes to the next place, or rests."""
        order = self._orders.answered(client_order_id, result)
        if order is None or order.rests or order.rule is None:
            return
        if order.filled < order.qty:
            self._go_on(order, order.rule, order.qty - order.filled)

    def refused(self, client_order_id: str, reason: str) -> None:
        """The order does not exist; another place may still sell, but nothing rests."""
        order = self._orders.refused(client_order_id, reason)
        if order is not None and order.rule is not None and order.places_left:
            self._go_on(order, order.rule, order.qty)

    def updated(self, update: OrderUpdate) -> None:
        self._orders.updated(update)

    def leased(self, client_order_id: str, units: int) -> None:
        """A lease of this order was seen for the first time."""
        self._orders.leased(client_order_id, units)

    def rebuild(self, rows: list[OrderUpdate], rules: Mapping[str, Rule]) -> None:
        """Take over the account's open orders for spot that carry a rule's prefix."""
        self._orders.take_over(rows, rules, lambda symbol: not window_ms(symbol))

    def limit_ucr(self, rule: Rule, symbol: str) -> int:
        """Return the highest price to bid there, on the tick and in the band; 0: there is none."""
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return rule.price_max_ucr
        limit = min(rule.price_max_ucr, instrument.band_high_ucr or rule.price_max_ucr)
        return limit - limit % instrument.tick_ucr

    def looked(self, client_order_id: str, result: Mapping[str, Any]) -> None:
        """The zone's offers came, before the order was sent: bid below those to avoid."""
        order = self._orders.get(client_order_id)
        if order is None or order.rule is None:
            return
        avoided, tick_ucr = self._backoff.avoided(), self._tick_ucr(order.symbol)
        rows = _offerings(result.get("hosts", []))
        way = way_around(rows, order.symbol, avoided, order.price_ucr, tick_ucr)
        if way.limit_ucr == 0:
            strictly = [host for host, row in avoided.items() if row.strict]
            way = way_around(rows, order.symbol, strictly, order.price_ucr, tick_ucr)
        order.others = order.others or way.others
        if way.limit_ucr > 0:
            order.price_ucr = way.limit_ucr
            self._orders.send(order, None)
            return
        del self._orders[client_order_id]
        place = place_of(order.symbol)
        order.skipped = order.skipped if way.others else (*order.skipped, place)
        self._detour(order, order.rule)

    def _detour(self, order: Order, rule: Rule) -> None:
        """Nobody but avoided hosts would sell here: try the next place. When nobody else offers
        anywhere there is nothing to prefer, and they are used."""
        if order.places_left:
            self._go_on(order, rule, order.qty)
        elif not order.others and order.skipped:
            last = self._order(rule, order.skipped[0], order.qty, order)
            last.places_left, last.skipped = order.skipped[1:], ()
            self._orders.send(last, None)
        else:
            hosts = ", ".join(list(self._backoff.avoided())[:3])
            text = f"{whose(rule.name)}: the best offers are of hosts to avoid, such as {hosts}"
            self._outgoing.log("host_avoided", text)

    def _tick_ucr(self, symbol: str) -> int:
        instrument = self._instruments.get(symbol)
        return 1 if instrument is None else instrument.tick_ucr

    def _of(self, rule: str | None) -> list[Order]:
        orders = self._orders.values()
        return [each for each in orders if rule in (None, rule_of(each.client_order_id))]

    def symbols(self, rule: Rule) -> list[str]:
        """Return what the rule buys, the preferred one first."""
        return [self._symbol(place) for place in self.places(rule)]

    @property
    def pricing(self) -> str:
        return self._pricing

    def places(self, rule: Rule) -> tuple[Place, ...]:
        return places(self._class_of(rule), rule.fallback, rule.zones or (self._zone,))

    def _symbol(self, place: Place) -> str:
        return f"{place.class_name}.{place.zone}.{self._pricing}.spot"

    def _go_on(self, order: Order, rule: Rule, units: int) -> None:
        if order.places_left:
            place, *more = order.places_left
            self._tell_fallback(rule, place_of(order.symbol).class_name, place.class_name, units)
            self._place(rule, place, units, tuple(more), order)
        elif self._backoff.avoided():
            return  # a bid that rests may meet whom it shall avoid
        elif order.rest_until_ms - self._outgoing.now_ms >= MIN_REST_MS:
            self._rest(order, rule, units)

    def _tell_fallback(self, rule: Rule, before: str, now: str, units: int) -> None:
        if now != before:
            text = f"{count_text(units, 'unit')} of {before} not to be had in any zone: tries {now}"
            self._outgoing.log("falls_back", f"{whose(rule.name)}: {text}")

    def _place(
        self,
        rule: Rule,
        place: Place,
        units: int,
        places_left: tuple[Place, ...],
        before: Order | None,
    ) -> None:
        """Bid in ``place``; ``before``: the purchase's order in the place before."""
        order = self._order(rule, place, units, before)
        order.places_left = places_left
        if order.price_ucr == 0:
            text = f"{whose(rule.name)}: price_max is below the tick of {order.symbol}"
            self._outgoing.log("price_below_tick", text)
            if places_left:
                self._go_on(order, rule, units)
        elif self._backoff.avoided():
            self._look(order, place)
        else:
            self._orders.send(order, None)

    def _order(self, rule: Rule, place: Place, units: int, before: Order | None) -> Order:
        order_id, symbol = self._client_order_id(rule), self._symbol(place)
        order = Order(order_id, rule, symbol, self.limit_ucr(rule, symbol), units)
        if before is None:
            order.rest_until_ms = self._outgoing.now_ms + rule.cooldown_ms
        else:
            order.rest_until_ms = before.rest_until_ms
            order.others, order.skipped = before.others, before.skipped
        return order

    def _look(self, order: Order, place: Place) -> None:
        """Ask who offers there before the order is sent."""
        self._orders[order.client_order_id] = order
        self._outgoing.ask(
            "look",
            order.client_order_id,
            lambda req_id: DirectorySearch(req_id=req_id, zone=place.zone, class_=place.class_name),
        )

    def _rest(self, done: Order, rule: Rule, units: int) -> None:
        order = self._order(rule, self.places(rule)[0], units, done)
        order.rests = True
        price = credits_text(order.price_ucr)
        self._outgoing.log(
            "bid_rests",
            f"{whose(rule.name)}: {count_text(units, 'unit')} not offered up to {price}; bid rests",
        )
        self._orders.send(
            order, done.rest_until_ms - self._outgoing.now_ms + self._outgoing.exchange_ms
        )

    def _client_order_id(self, rule: Rule) -> str:
        # The time keeps it unique after a restart, the number within a millisecond.
        self._number += 1
        return f"{BIDS}{rule.name}/{self._outgoing.now_ms}-{self._number}"


def _offerings(rows: Any) -> list[Offering]:
    """Return rows of the directory; what is none counts as no row."""
    try:
        return msgspec.convert(rows, list[Offering])
    except msgspec.ValidationError:
        return []
