"""A naive exchange, written from the rules of the market (docs/rules.md) alone: slow, but simple
enough to check by eye.

No running total, no index, no linked list: the book is a list that is sorted when it is read, an
account has one number (all its money) and what is held follows from its orders and leases, an ask
keeps a list with one host a unit, a lease keeps a row for every unit. A request is refused when any
check fails; the rules fix no order among checks, so the methods ``..._faults`` return every
reason that would do. What an accepted order does is here; each base class adds one part in a file
of its own: `Hosts`, `Vms`, `Leases` (with `owed`), `Outages`, `Windows`, `Books`.
"""

from exchange.wire.requests import OrderPlace, OrderReplace
from sim.oracle.books import Books
from sim.oracle.orders import Order
from sim.oracle.owed import HOUR_MS


class Oracle(Books):
    """The market as one object; every method does what one sentence of the rules says."""

    # --- orders ---

    def place(self, account: str, asked: OrderPlace, session: int = 0) -> Order:
        """An order that has no fault: trade what may, rest what may."""
        self.turn += 1
        order = Order(
            len(self.orders) + 1, account, asked, self.limit_of(asked), asked.qty, self.turn
        )
        order.session = session
        self.orders.append(order)
        self.named[account, asked.client_order_id] = order
        if order.price_ucr is None:
            self.finish(order, "canceled", "no_liquidity")
            return order
        fok = asked.time_in_force == "fok"
        if self.fillable(order) < (asked.qty if fok else asked.min_qty or 0):
            self.finish(order, "canceled", "fok_not_filled" if fok else "min_qty_not_met")
            return order
        if not order.buys:
            order.slots = self.choose_slots(order, asked.qty) or []
        self.trade(order)
        if order.live and asked.order_type == "market":
            self.finish(order, "canceled", "no_liquidity")
        elif order.live and asked.time_in_force == "ioc":
            self.finish(order, "canceled", "ioc_remainder")
        elif order.live:
            self.live.append(order)
        return order

    def trade(self, taker: Order) -> None:
        """Meet the other side in queue order, at its prices."""
        for maker in self.crossing(taker, taker.price):
            if not taker.leaves:
                return
            if maker.account == taker.account:
                self.prevent_self_trade(taker, maker)
            else:
                self.fill(maker, taker, min(maker.leaves, taker.leaves))

    def fill(self, maker: Order, taker: Order, qty: int) -> None:
        """One trade: both orders, and a lease for every host that backs it."""
        price = maker.price
        self.trades.append((taker.asked.symbol, price, qty, maker.number, taker.number))
        self.news.append(("trade", *self.trades[-1]))
        bid, ask = (taker, maker) if taker.buys else (maker, taker)
        self.prefer_hosts_of(bid.account, ask)
        hosts, ask.slots = ask.slots[:qty], ask.slots[qty:]
        for order in (maker, taker):
            order.filled += qty
            order.notional_ucr += qty * price
            order.fills.append((price, qty))
            order.status = "partially_filled"
            if order.filled == order.qty:
                self.finish(order, "filled", None)
        for host in dict.fromkeys(hosts):
            self.grant(bid.account, ask.account, taker.asked.symbol, host, hosts.count(host), price)

    def prefer_hosts_of(self, buyer: str, ask: Order) -> None:
        """A window's slots go first where the buyer's lease of the hour before runs, so that his
        VMs can carry over."""
        start_ms = self.start_ms(ask.asked.symbol)
        if start_ms is None:
            return
        class_name = ask.asked.symbol.partition(".")[0]
        there = [
            lease.host
            for lease in self.leases
            if (lease.buyer, lease.class_name) == (buyer, class_name)
            and not lease.spot
            and lease.start_ms == start_ms - HOUR_MS
        ]
        ask.slots.sort(key=lambda host: host not in there)

    def prevent_self_trade(self, taker: Order, maker: Order) -> None:
        """The taker's flag says who steps back."""
        mode = taker.asked.stp
        if mode == "decrement_and_cancel":
            qty = min(maker.leaves, taker.leaves)
            self.shrink(maker, qty)
            self.shrink(taker, qty)
            return
        if mode != "cancel_newest":
            self.finish(maker, "canceled", "self_trade")
        if mode != "cancel_oldest":
            self.finish(taker, "canceled", "self_trade")

    def shrink(self, order: Order, qty: int) -> None:
        if qty == order.leaves:
            self.finish(order, "canceled", "self_trade")
        else:
            order.qty -= qty
            order.slots = order.slots[: order.leaves]

    def finish(self, order: Order, status: str, reason: str | None) -> None:
        """The order is over and keeps nothing."""
        order.status, order.reason, order.done_ms = status, reason, self.now_ms
        order.slots = []
        if order in self.live:
            self.live.remove(order)

    # --- replace ---

    def replace(self, order: Order, asked: OrderReplace) -> None:
        """A replace without fault (rules.md 4.2)."""
        price, qty = asked.price_ucr or order.price, asked.qty or order.qty
        if qty <= order.filled:
            order.qty = order.filled
            self.finish(order, "filled", None)
            return
        requeued = price != order.price or qty > order.qty
        self.resize_slots(order, qty - order.filled)
        order.price_ucr, order.qty = price, qty
        if requeued:
            self.turn += 1
            order.turn = self.turn
            self.live.remove(order)
            self.trade(order)
            if order.live:
                self.live.append(order)

    def resize_slots(self, order: Order, leaves: int) -> None:
        """An ask keeps the slots it has: the first ones when it shrinks, more behind when it grows.

        More slots of a host it has already stand beside those.
        """
        if order.buys:
            return
        if leaves > order.leaves:
            order.slots += self.choose_slots(order, leaves - order.leaves) or []
            hosts = dict.fromkeys(order.slots)
            order.slots = [host for host in hosts for _ in range(order.slots.count(host))]
        order.slots = order.slots[:leaves]

    # --- many at once ---

    def withdraw_asks(self, host: str, reason: str) -> None:
        """Every ask that this host backs ends, whole."""
        for order in [o for o in self.live if host in o.slots]:
            self.finish(order, "canceled", reason)

    def cancel_newest_ask(self, host: str) -> bool:
        """An ask in an hour that has room enough would be canceled for nothing."""
        asks = [o for o in self.live if host in o.slots]
        asks = [o for o in asks if self.excess(host, o.asked.symbol.rpartition(".")[2])]
        if asks:
            self.finish(max(asks, key=lambda o: o.number), "canceled", "capacity_shrunk")
        return bool(asks)

    def cancel_all(self, account: str, reason: str) -> None:
        for order in [o for o in self.live if o.account == account]:
            self.finish(order, "canceled", reason)

    def drop_session(self, session: int, *, clean: bool = False) -> None:
        """A connection is gone; unless it was closed properly, so are the orders placed on it."""
        account = self.armed.pop(session, None)
        for order in [o for o in self.live if (o.account, o.session) == (account, session)]:
            if not clean:
                self.finish(order, "canceled", "disconnected")

    def restart(self, down_since_ms: int | None, now_ms: int) -> None:
        """The first command of a run comes before settling: all connections have dropped."""
        super().restart(down_since_ms, now_ms)
        if down_since_ms is not None:
            for lease in self.leases:
                lease.postpone_release(down_since_ms, now_ms)
        for session in list(self.armed):
            self.drop_session(session)
        for order in self.live:
            order.session = 0
        self.settle(now_ms)

    def expire_orders(self) -> None:
        """gtd orders whose time is now."""
        for order in [o for o in self.live if o.asked.expire_ms == self.now_ms]:
            self.finish(order, "expired", None)

    def close_book(self, symbol: str) -> None:
        for order in [o for o in self.live if o.asked.symbol == symbol]:
            self.finish(order, "expired", "gate_closed")

    def order_deadlines(self) -> list[int]:
        return [o.asked.expire_ms for o in self.live if o.asked.expire_ms is not None]
