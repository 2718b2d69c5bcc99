"""The naive exchange's books, and every reason to refuse an order.

Part of `sim.oracle.exchange.Oracle`; see there. Written from rules.md 3.1, 3.2, 3.3, 3.4, 3.5,
4.2, 4.3, 4.4.
"""

from collections import Counter
from typing import Final

from exchange.wire.requests import OrderPlace, OrderReplace
from exchange.wire.types import Side
from sim.oracle.hosts import Need
from sim.oracle.orders import Limits, Order
from sim.oracle.owed import DAY_MS
from sim.oracle.windows import Windows

MAX_PRICE_UCR: Final = 10**9


class Books(Windows):
    """All orders, the queues they make, and the checks that look at them."""

    def __init__(self, shapes: dict[str, Need]) -> None:
        super().__init__(shapes)
        self.orders: list[Order] = []
        """Every order ever accepted, the one with number n at index n - 1."""
        self.live: list[Order] = []
        self.named: dict[tuple[str, str], Order] = {}
        """The newest order by account and client_order_id."""
        self.trades: list[tuple[str, int, int, int, int]] = []
        """(symbol, price, qty, maker's number, taker's number)."""
        self.spots: list[str] = []
        """Symbols that trade all the time."""
        self.limits: dict[str, Limits] = {}
        self.killed: set[str] = set()
        self.all_killed = False
        self.armed: dict[int, str] = {}
        """Sessions whose orders go when they drop, and their accounts."""
        self.bands: dict[str, tuple[int | None, int]] = {}
        """By symbol, for windows by series: the operator's reference price if there is one, and the
        band in percent."""
        self.ticks: dict[str, int] = {}
        """By the same: every price is a multiple."""

    # --- the book ---

    def queue(self, symbol: str, side: str) -> list[Order]:
        """Resting orders of a side: best price first, then by time."""
        rows = [o for o in self.live if o.asked.symbol == symbol and o.asked.side == side]
        sign = -1 if side == "buy" else 1
        return sorted(rows, key=lambda o: (sign * o.price, o.turn))

    def books(self) -> dict[tuple[str, Side], list[tuple[str, str, int, int]]]:
        """Every queue that is not empty, as (account, client_order_id, leaves, price)."""
        sides: dict[tuple[str, Side], list[Order]] = {}
        for order in self.live:
            sides.setdefault((order.asked.symbol, order.asked.side), []).append(order)
        for (_, side), rows in sides.items():
            rows.sort(key=lambda o: (-o.price if side == "buy" else o.price, o.turn))
        return {
            key: [(o.account, o.asked.client_order_id, o.leaves, o.price) for o in rows]
            for key, rows in sides.items()
        }

    def known(self, symbol: str) -> bool:
        return symbol in self.spots or symbol in self.windows

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
        """The account's newest order of that id, unless it ended 24 h ago (rules.md 4.6)."""
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
        if not self.known(symbol):
            return ["unknown_instrument"]
        closed = symbol in self.windows and self.windows[symbol].stage > 0
        faults = ["market_not_open"] if closed or symbol in self.halted else []
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
        reference, pct = self.bands.get(series_of(symbol), (None, 0))
        if not pct:
            return 1, MAX_PRICE_UCR
        last = [(price, qty) for name, price, qty, _, _ in self.trades if name == symbol][-20:]
        if last:
            reference = sum(price * qty for price, qty in last) // sum(qty for _, qty in last)
        if reference is None:
            return 1, MAX_PRICE_UCR
        return max(1, -(-reference * (100 - pct) // 100)), reference * (100 + pct) // 100

    def band_faults(self, symbol: str, price_ucr: int | None) -> list[str]:
        low, high = self.band(symbol)
        if price_ucr is None:
            return []
        faults = [] if low <= price_ucr <= high else ["price_out_of_band"]
        on_tick = price_ucr % self.ticks.get(series_of(symbol), 1) == 0
        return faults if on_tick else [*faults, "price_off_tick"]

    def unit_check_ucr(self, order: Order, price_ucr: int) -> int:
        """What a unit must find available: a bid its price, an ask the highest bond it may need."""
        if order.buys:
            return price_ucr
        best = self.best(order.asked.symbol, "buy")
        return self.bond_ucr(order.asked.symbol, max(price_ucr, best or 0))

    def choose_slots(self, order: Order, units: int) -> list[str] | None:
        """One host for each unit, tightest host first; None when there are too few."""
        return self.best_fit(order.account, order.asked.symbol, order.asked.hosts, units)

    # --- what is there ---

    def fillable(self, order: Order) -> int:
        """Non-self liquidity up to the first own order, which `cancel_oldest` looks past."""
        total = 0
        for maker in self.crossing(order, order.price):
            if maker.account != order.account:
                total += maker.leaves
            elif order.asked.stp != "cancel_oldest":
                break
        return total

    # --- replace ---

    def replace_faults(self, order: Order, asked: OrderReplace) -> list[str]:
        """Every reason to refuse a replace of a live order (rules.md 4.2)."""
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

    # --- money ---

    def unit_hold_ucr(self, order: Order) -> int:
        """What a resting order holds for each unit: its price for an hour, or the bond."""
        return order.price if order.buys else self.bond_ucr(order.asked.symbol, order.price)

    def order_holds(self) -> Counter[str]:
        held: Counter[str] = Counter()
        for order in self.live:
            held[order.account] += self.unit_hold_ucr(order) * order.leaves
        return held

    def orders_hold_ucr(self, account: str) -> int:
        mine = [order for order in self.live if order.account == account]
        return sum(self.unit_hold_ucr(order) * order.leaves for order in mine)

    def slots(self) -> list[tuple[str, str]]:
        asks = [(host, o.asked.symbol) for o in self.live for host in o.slots]
        return asks + self.lease_slots()


def series_of(symbol: str) -> str:
    """The symbol of spot; of a window what all hours of its series share."""
    return symbol if symbol.endswith(".spot") else symbol.rpartition(".")[0]
