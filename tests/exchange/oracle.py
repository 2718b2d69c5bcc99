"""A naive exchange, written from domain.md alone: slow, and right at a glance.

No running total, no index, no linked list: the book is a list that is sorted when it is read, an
account has one number (all its money) and what is held follows from its orders and leases, an ask
keeps a list with one host a unit, a lease keeps a row for every unit. A request is refused when any
check fails; domain.md fixes no order among checks, so `Oracle.faults` returns every reason that
would do. The leases are in ``oracle_leases.py``.
"""

from collections import Counter
from typing import Final

from exchange.protocol import OrderPlace, OrderReplace
from tests.exchange.oracle_hosts import Hosts, Need
from tests.exchange.oracle_leases import Leases
from tests.exchange.oracle_orders import Limits, Order

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
MAX_PRICE_UCR: Final = 10**9


class Oracle(Leases, Hosts):
    """The market as one object; every method does what one sentence of domain.md says."""

    def __init__(self, shapes: dict[str, Need]) -> None:
        super().__init__(shapes)
        self.orders: list[Order] = []
        """Every order ever accepted, the one with number n at index n - 1."""
        self.live: list[Order] = []
        self.named: dict[tuple[str, str], Order] = {}
        """The newest order by account and client_order_id."""
        self.trades: list[tuple[str, int, int, int, int]] = []
        """(symbol, price, qty, maker's number, taker's number)."""
        self.turn = 0
        self.limits: dict[str, Limits] = {}
        self.halted: set[str] = set()
        self.killed: set[str] = set()
        self.all_killed = False
        self.bands: dict[str, tuple[int, int]] = {}
        """By symbol: the operator's reference price and the band in percent."""

    # --- the book ---

    def queue(self, symbol: str, side: str) -> list[Order]:
        """Resting orders of a side: best price first, then by time."""
        rows = [o for o in self.live if o.asked.symbol == symbol and o.asked.side == side]
        sign = -1 if side == "buy" else 1
        return sorted(rows, key=lambda o: (sign * o.price, o.turn))

    def crossing(self, order: Order, price_ucr: int) -> list[Order]:
        """Orders of the other side that ``order`` would meet at this limit, in queue order."""
        makers = self.queue(order.asked.symbol, "sell" if order.buys else "buy")
        if order.buys:
            return [maker for maker in makers if maker.price <= price_ucr]
        return [maker for maker in makers if maker.price >= price_ucr]

    def best(self, symbol: str, side: str) -> int | None:
        rows = self.queue(symbol, side)
        return rows[0].price if rows else None

    # --- checks ---

    def find(self, account: str, client_order_id: str) -> Order | None:
        """The account's newest order of that id, unless it ended 24 h ago (rule 10)."""
        order = self.named.get((account, client_order_id))
        if order is None or order.done_ms is None or order.done_ms > self.now_ms - DAY_MS:
            return order
        return None

    def place_faults(self, account: str, asked: OrderPlace) -> list[str]:
        """Every reason to refuse a new order; the same id was not used before."""
        price_ucr = self.limit_of(asked)
        faults = self.terms_faults(asked) + self.market_faults(account, asked.symbol)
        faults += self.size_faults(account, asked.qty, price_ucr)
        faults += self.band_faults(asked.symbol, asked.price_ucr)
        limits = self.limits.get(account, Limits())
        mine = [order for order in self.live if order.account == account]
        if limits.max_open_orders and len(mine) >= limits.max_open_orders:
            faults.append("max_open_orders")
        mine_hosts = [host.name for host in self.hosts.values() if host.owner == account]
        if any(name not in mine_hosts for name in asked.hosts or ()):
            faults.append("unknown_host")
        if price_ucr is None:
            return faults
        order = Order(0, account, asked, price_ucr, asked.qty, 0)
        if asked.post_only and self.crossing(order, price_ucr):
            faults.append("post_only_would_cross")
        if not order.buys and self.choose_slots(order, asked.qty) is None:
            faults.append("insufficient_capacity")
        if self.unit_check_ucr(order, price_ucr) * asked.qty > self.available(account):
            faults.append("insufficient_funds")
        return faults

    def terms_faults(self, asked: OrderPlace) -> list[str]:
        """What the order's own fields get wrong."""
        faults = []
        if asked.order_type == "limit" and asked.price_ucr is None:
            faults.append("invalid_price")
        market = asked.order_type == "market"
        if market and (asked.post_only or asked.time_in_force in ("gtd", "fok")):
            faults.append("invalid_field")
        gtd = asked.time_in_force == "gtd"
        if gtd != (asked.expire_ms is not None) or (gtd and (asked.expire_ms or 0) <= self.now_ms):
            faults.append("invalid_field")
        if asked.post_only and asked.time_in_force in ("ioc", "fok"):
            faults.append("invalid_field")
        if asked.post_only and asked.min_qty is not None:
            faults.append("invalid_field")
        if (asked.min_qty or 0) > asked.qty:
            faults.append("invalid_qty")
        return faults

    def market_faults(self, account: str, symbol: str) -> list[str]:
        faults = ["market_not_open"] if symbol in self.halted else []
        if self.all_killed or account in self.killed:
            faults.append("kill_switch_active")
        return faults

    def size_faults(self, account: str, qty: int, price_ucr: int | None) -> list[str]:
        limits = self.limits.get(account, Limits())
        faults = ["max_qty"] if limits.max_qty and qty > limits.max_qty else []
        if limits.max_notional_ucr and (price_ucr or 0) * qty > limits.max_notional_ucr:
            faults.append("max_notional")
        return faults

    def limit_of(self, asked: OrderPlace) -> int | None:
        """The order's limit; a market order without one goes 10 % beyond the best price."""
        if asked.price_ucr is not None or asked.order_type == "limit":
            return asked.price_ucr
        best = self.best(asked.symbol, "sell" if asked.side == "buy" else "buy")
        if best is None:
            return None
        if asked.side == "buy":
            price = min(best * 110 // 100, MAX_PRICE_UCR)
        else:
            price = max(1, -(-best * 90 // 100))
        low, high = self.band(asked.symbol)
        return min(max(price, low), high)

    def band(self, symbol: str) -> tuple[int, int]:
        """Lowest and highest price around the VWAP of the last 20 trades, or the reference."""
        if symbol not in self.bands:
            return 1, MAX_PRICE_UCR
        reference, pct = self.bands[symbol]
        last = [(price, qty) for name, price, qty, _, _ in self.trades if name == symbol][-20:]
        if last:
            reference = sum(price * qty for price, qty in last) // sum(qty for _, qty in last)
        return max(1, -(-reference * (100 - pct) // 100)), reference * (100 + pct) // 100

    def band_faults(self, symbol: str, price_ucr: int | None) -> list[str]:
        low, high = self.band(symbol)
        inside = price_ucr is None or low <= price_ucr <= high
        return [] if inside else ["price_out_of_band"]

    def unit_check_ucr(self, order: Order, price_ucr: int) -> int:
        """What a unit must find available: a bid its price, an ask the highest bond it may need."""
        if order.buys:
            return price_ucr
        best = self.best(order.asked.symbol, "buy")
        return self.bond_ucr(order.asked.symbol, max(price_ucr, best or 0))

    def choose_slots(self, order: Order, units: int) -> list[str] | None:
        """One host for each unit, tightest host first; None when there are too few."""
        return self.best_fit(order.account, order.asked.symbol, order.asked.hosts, units)

    # --- orders ---

    def place(self, account: str, asked: OrderPlace) -> Order:
        """An order that has no fault: trade what may, rest what may."""
        self.turn += 1
        order = Order(
            len(self.orders) + 1, account, asked, self.limit_of(asked), asked.qty, self.turn
        )
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

    def fillable(self, order: Order) -> int:
        """Non-self liquidity up to the first own order, which `cancel_oldest` looks past."""
        total = 0
        for maker in self.crossing(order, order.price):
            if maker.account != order.account:
                total += maker.leaves
            elif order.asked.stp != "cancel_oldest":
                break
        return total

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
        bid, ask = (taker, maker) if taker.buys else (maker, taker)
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

    def replace_faults(self, order: Order, asked: OrderReplace) -> list[str]:
        """Every reason to refuse a replace of a live order (rule 3)."""
        price, qty = asked.price_ucr or order.price, asked.qty or order.qty
        faults = self.market_faults(order.account, order.asked.symbol)
        if qty <= order.filled:
            return faults + self.band_faults(order.asked.symbol, asked.price_ucr)
        faults += self.size_faults(order.account, qty, price)
        if price != order.price:
            faults += self.band_faults(order.asked.symbol, price)
        if price == order.price and qty <= order.qty:
            return faults
        leaves = qty - order.filled
        if order.asked.post_only and self.crossing(order, price):
            faults.append("post_only_would_cross")
        if order.asked.stp == "cancel_newest" and self.meets_own(order, price, leaves):
            faults.append("self_trade")
        more = leaves - order.leaves
        if not order.buys and more > 0 and self.choose_slots(order, more) is None:
            faults.append("insufficient_capacity")
        freed_ucr = self.unit_hold_ucr(order) * order.leaves
        if self.unit_check_ucr(order, price) * leaves > self.available(order.account) + freed_ucr:
            faults.append("insufficient_funds")
        return faults

    def meets_own(self, order: Order, price_ucr: int, leaves: int) -> bool:
        """Would this many units reach an own order at this limit?"""
        for maker in self.crossing(order, price_ucr):
            if leaves <= 0:
                return False
            if maker.account == order.account:
                return True
            leaves -= maker.leaves
        return False

    def replace(self, order: Order, asked: OrderReplace) -> None:
        """A replace without fault (rules 1 and 2)."""
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

    # --- money ---

    def unit_hold_ucr(self, order: Order) -> int:
        """What a resting order holds for each unit: its price for an hour, or the bond."""
        return order.price if order.buys else self.bond_ucr(order.asked.symbol, order.price)

    def order_holds(self) -> Counter[str]:
        held: Counter[str] = Counter()
        for order in self.live:
            held[order.account] += self.unit_hold_ucr(order) * order.leaves
        return held

    def slots(self) -> list[tuple[str, str]]:
        asks = [(host, o.asked.symbol) for o in self.live for host in o.slots]
        return asks + self.lease_slots()

    def withdraw_asks(self, host: str, reason: str) -> None:
        """Every ask that this host backs ends, whole."""
        for order in [o for o in self.live if host in o.slots]:
            self.finish(order, "canceled", reason)

    def newest_ask_on(self, host: str) -> Order | None:
        asks = [o for o in self.live if host in o.slots]
        return max(asks, key=lambda o: o.number, default=None)

    def cancel_newest_ask(self, host: str) -> bool:
        order = self.newest_ask_on(host)
        if order is not None:
            self.finish(order, "canceled", "capacity_shrunk")
        return order is not None

    def expire_orders(self) -> None:
        """gtd orders whose time is now."""
        for order in [o for o in self.live if o.asked.expire_ms == self.now_ms]:
            self.finish(order, "expired", None)

    def order_deadlines(self) -> list[int]:
        return [o.asked.expire_ms for o in self.live if o.asked.expire_ms is not None]
