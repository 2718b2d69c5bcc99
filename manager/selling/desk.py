"""Places, changes and withdraws the asks of one host at a time, within bounds. Pure.

First what shrinks, then what grows; at most `UNDER_WAY_MAX` requests without an answer, and a
change of one ask that is not a withdrawal at most every `CHANGE_MS`.
"""

from collections.abc import Mapping
from typing import Final

from exchange.units import MS_PER_SECOND
from exchange.wire.frames import ErrorReply
from exchange.wire.requests import OrderCancel, OrderPlace, OrderReplace
from manager.core.messages import Listen, Unlisten
from manager.core.outgoing import Outgoing
from manager.core.refused import why
from manager.selling.asks import Ask, Asks
from manager.selling.books import Books
from manager.selling.due import Due
from manager.selling.group import Group, ask_prefix, may_sell
from manager.selling.limits import Limits
from manager.selling.plan import plan
from manager.selling.price import Relative
from manager.selling.refusals import SOON, Refusals
from manager.selling.stock import Hosting, Stock

CHANGE_MS: Final = MS_PER_SECOND
UNDER_WAY_MAX: Final = 50
WITHDRAWN_MAX: Final = 500
"""What must be withdrawn goes before what may be asked, but has a bound too."""
ORDER_LIFE_MS: Final = 15 * MS_PER_SECOND
"""An ask that reaches the exchange later than this is refused: it may be wrong by then."""
BUSY_MS: Final = 250


class Desk:
    """``listened``: symbols whose book the shell was asked to follow."""

    def __init__(
        self,
        outgoing: Outgoing,
        due: Due,
        stock: Stock,
        asks: Asks,
        books: Books,
        refusals: Refusals,
        limits: Limits,
    ) -> None:
        self._outgoing = outgoing
        self._due = due
        self._stock = stock
        self._asks = asks
        self._books = books
        self._refusals = refusals
        self._limits = limits
        self._asked: dict[int, str] = {}
        self._number = 0
        self._prices: dict[tuple[str, str], int | None] = {}
        self._told: dict[tuple[str, str], str] = {}
        self.listened: dict[str, bool] = {}

    def restart(self) -> None:
        """No request is under way any more."""
        self._asked.clear()

    def serve(
        self,
        host: str,
        groups: Mapping[str, Group],
        extra: int | None,
        closed: bool,
        now_ms: int,
    ) -> None:
        """Bring the asks of ``host`` in line with what it can sell now."""
        hosting = self._stock.at(host)
        asks: dict[str, Ask] = {}
        moves = False
        for ask in self._asks.on(host):
            group = hosting.group if hosting.row is not None else groups.get(ask.group)
            if group is None or ask.group != group.name or ask.symbol in asks:
                self._cancel(ask, now_ms)
                moves = True
            else:
                asks[ask.symbol] = ask
        if hosting.row is None or hosting.group is None:
            return
        wanted = {} if closed else self._wanted(hosting, hosting.group, extra, now_ms)
        if not self._shrink(asks, wanted, now_ms) and not moves:
            self._grow(host, hosting.group, asks, wanted, now_ms)

    def _wanted(
        self, hosting: Hosting, group: Group, extra: int | None, now_ms: int
    ) -> dict[str, int]:
        """Return the units to ask for by symbol."""
        row, offer = hosting.row, group.offer
        assert row is not None
        if not may_sell(row) or offer.kind == "none":
            return {}
        deliveries = self._books.deliveries(group, row.zone, self._exchange_ms(now_ms))
        leases = list(hosting.leases.values())
        wanted: dict[str, int] = {}
        for (name, delivery), units in plan(offer, row.offered, leases, deliveries, extra).items():
            symbol = self._books.find(name, row.zone, offer.pricing, delivery)
            if symbol is not None:
                wanted[symbol] = units
        return wanted

    def _shrink(self, asks: dict[str, Ask], wanted: dict[str, int], now_ms: int) -> bool:
        """Withdraw what is too much; return whether something is on its way out."""
        shrinking = False
        for symbol, ask in asks.items():
            units = wanted.get(symbol, 0)
            if units >= ask.leaves or ask.pending:
                pass
            elif len(self._asked) >= WITHDRAWN_MAX:
                self._due.mark((2, ask.host), now_ms + BUSY_MS)
            elif units == 0:
                self._cancel(ask, now_ms)
            else:
                self._replace(ask, units, ask.price_ucr, now_ms)
            shrinking = shrinking or (bool(ask.pending) and ask.shrinks)
        return shrinking

    def _grow(
        self, host: str, group: Group, asks: dict[str, Ask], wanted: dict[str, int], now_ms: int
    ) -> None:
        for symbol, units in wanted.items():
            ask = asks.get(symbol)
            if (ask is not None and ask.pending) or not self._books.tradable(symbol):
                continue
            price_ucr = self._price(group, symbol, now_ms)
            if price_ucr is None:
                continue
            most = self._refusals.most(host, symbol, now_ms)
            again_ms = self._refusals.next_ms(host, symbol, now_ms)
            if most is not None and most < units and again_ms is not None:
                self._due.mark((2, host), again_ms)
                units = most
            units = self._within(
                group, symbol, units, 0 if ask is None else ask.leaves, host, now_ms
            )
            if ask is None:
                if units and self._may(host, None, now_ms):
                    self._place(host, group, symbol, units, price_ucr, now_ms)
                continue
            units = max(units, ask.leaves)
            changes = (units, price_ucr) != (ask.leaves, ask.price_ucr)
            if changes and self._may(host, ask, now_ms):
                self._replace(ask, units, price_ucr, now_ms)

    def _within(
        self, group: Group, symbol: str, units: int, has: int, host: str, now_ms: int
    ) -> int:
        """Return how many of ``units`` the group's limit allows already."""
        self._limits.touch(host)
        spare = self._limits.spare(group, symbol) if units > has else None
        if spare is None or units - has <= spare:
            return units
        self._due.mark((2, host), now_ms + BUSY_MS)
        return has + max(0, spare)

    def _may(self, host: str, ask: Ask | None, now_ms: int) -> bool:
        """Return whether a request may be sent now; else the host is looked at again later."""
        again_ms = now_ms
        if len(self._asked) >= UNDER_WAY_MAX:
            again_ms = now_ms + BUSY_MS
        elif ask is not None:
            again_ms = ask.changed_ms + CHANGE_MS
        if again_ms > now_ms:
            self._due.mark((2, host), again_ms)
        return again_ms <= now_ms

    # --- prices ---

    def follows(self, group: Group, symbol: str) -> bool:
        return isinstance(group.offer.price, Relative) and symbol in self.listened

    def price_moved(self, group: Group, symbol: str, now_ms: int) -> bool:
        before = self._prices.get((group.name, symbol))
        return self._price(group, symbol, now_ms) != before

    def _price(self, group: Group, symbol: str, now_ms: int) -> int | None:
        if isinstance(group.offer.price, Relative):
            self.listen(symbol)
        at_ms = self._exchange_ms(now_ms)
        price_ucr = self._books.price_ucr(group, symbol, now_ms, at_ms)
        if isinstance(group.offer.price, Relative):
            self._prices[group.name, symbol] = price_ucr
        return price_ucr

    def listen(self, symbol: str) -> None:
        """Follow the book of ``symbol``, once."""
        if symbol not in self.listened:
            self.listened[symbol] = True
            self._outgoing.emit(Listen(symbol))

    def _exchange_ms(self, now_ms: int) -> int:
        return now_ms + self._outgoing.exchange_ms - self._outgoing.now_ms

    def forget(self, groups: Mapping[str, Group]) -> None:
        """These are the groups now: what was kept of others, and their books, is let go."""
        self._told = {place: why for place, why in self._told.items() if place[0] in groups}
        self._prices = {place: ucr for place, ucr in self._prices.items() if place[0] in groups}
        if not any(isinstance(group.offer.price, Relative) for group in groups.values()):
            for symbol in self.listened:
                self._outgoing.emit(Unlisten(symbol))
                self._books.depth.forget(symbol)
            self.listened.clear()

    # --- requests ---

    def _place(
        self, host: str, group: Group, symbol: str, units: int, price_ucr: int, now_ms: int
    ) -> None:
        self._number += 1
        order = f"{ask_prefix(group.name, host)}{now_ms}-{self._number}"
        expires_ms = self._exchange_ms(now_ms) + ORDER_LIFE_MS

        def request(req_id: int) -> OrderPlace:
            return OrderPlace(
                req_id=req_id,
                client_order_id=order,
                symbol=symbol,
                side="sell",
                order_type="limit",
                qty=units,
                price_ucr=price_ucr,
                hosts=[host],
                deadline_ms=expires_ms,
            )

        req_id = self._outgoing.ask("sell", order, request)
        if req_id is not None:
            self._asked[req_id] = order
            ask = Ask(order, group.name, host, symbol, price_ucr, units, pending="place")
            ask.changed_ms = now_ms
            self._asks.add(ask)

    def _replace(self, ask: Ask, units: int, price_ucr: int, now_ms: int) -> None:
        req_id = self._outgoing.ask(
            "sell",
            ask.client_order_id,
            lambda req_id: OrderReplace(
                req_id=req_id,
                client_order_id=ask.client_order_id,
                price_ucr=price_ucr,
                qty=ask.filled + units,
            ),
        )
        if req_id is not None:
            self._asked[req_id] = ask.client_order_id
            ask.pending, ask.shrinks, ask.tried = "replace", units < ask.leaves, units
            ask.changed_ms = now_ms

    def _cancel(self, ask: Ask, now_ms: int) -> None:
        if ask.pending:
            return
        req_id = self._outgoing.ask(
            "sell",
            ask.client_order_id,
            lambda req_id: OrderCancel(req_id=req_id, client_order_id=ask.client_order_id),
        )
        if req_id is not None:
            self._asked[req_id] = ask.client_order_id
            ask.pending, ask.shrinks, ask.changed_ms = "cancel", True, now_ms

    def answered(self, req_id: int, error: ErrorReply | None, now_ms: int) -> str | None:
        """Return the host that an answer is about, ``None`` when it is not ours."""
        order = self._asked.pop(req_id, None)
        ask = None if order is None else self._asks.by_id.get(order)
        if ask is None:
            return None
        was, ask.pending, ask.shrinks = ask.pending, "", False
        if error is None:
            self._refusals.worked(ask.host, ask.symbol)
            self._told.pop((ask.group, ask.symbol), None)
            if was == "cancel":
                self._asks.drop(ask.client_order_id)
        else:
            self._refused(ask, was == "place", error, now_ms)
        return ask.host

    def _refused(self, ask: Ask, placing: bool, error: ErrorReply, now_ms: int) -> None:
        if placing:
            self._asks.drop(ask.client_order_id)
        if error.reason in ("order_done", "unknown_order"):
            self._asks.drop(ask.client_order_id)  # its own frame told or tells how it ended
            return
        if error.reason == "insufficient_capacity":
            units = ask.leaves if placing else ask.tried
            self._refusals.refused(
                ask.host, ask.symbol, units, 0 if placing else ask.leaves, now_ms
            )
        else:
            self._refusals.later(ask.host, ask.symbol, now_ms)
        place = ask.group, ask.symbol
        if error.reason not in SOON and self._told.get(place) != error.reason:
            self._told[place] = error.reason
            self._outgoing.log(
                "ask_refused",
                f"group {ask.group}: ask for {ask.symbol} on {ask.host} refused: {why(error)}",
            )
