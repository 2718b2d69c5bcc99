"""Background traders that make a book move: market maker, noise, buyer, seller. Pure cores.

`apply(message, now_ms)` takes the frames of the trader's own connection (`Ack`, `ErrorReply`,
account and book frames), or `LinkUp` once it is logged in and subscribed, and returns requests
with their ``req_id`` set. Drive it at `next_deadline_ms` with a `Tick`. Randomness comes from the
stream passed in, so equal streams and frames give equal orders. The simulator drives these over
its virtual network, the demo over a WebSocket.
"""

from collections.abc import Mapping
from random import Random
from typing import Any, Final, TypeAlias

from msgspec import Struct

from exchange.units import MAX_PRICE_UCR, MS_PER_MINUTE
from exchange.wire.frames import Ack, ErrorReply, LeaseUpdate
from exchange.wire.requests import LeaseRelease, OrderCancel, OrderPlace, OrderReplace
from exchange.wire.types import Request, Side, TimeInForce
from sim.actors.position import Position, Working

MAX_OPEN_ORDERS = 40
"""Bound of a noise trader's resting orders; beyond it the oldest goes."""


RETRY_MS = MS_PER_MINUTE
FIRST_ASK_PCT: Final = 25
"""So far above its price a seller asks where nobody else does."""


class LinkUp(Struct, frozen=True):
    """Logged in and subscribed to ``account`` and ``book``.

    ``account_state`` is the result of subscribing to ``account``: what the robot still has.
    """

    account_state: Mapping[str, Any] | None = None


class Tick(Struct, frozen=True):
    """The deadline has come."""


class TraderConfig(Struct, frozen=True):
    """``units`` is how many the trader's own hosts can back; 0: it never sells.

    ``max_bought`` bounds what it has bought and bids for, so that noise does not eat the market;
    it keeps a lease for a random time between the two ``hold`` times (under 5 minutes it owes 5).
    """

    name: str
    symbol: str
    price_ucr: int
    rate_per_min: float
    units: int = 0
    levels: int = 4
    spread_pct: float = 3.0
    step_pct: float = 1.5
    level_units: int = 2
    max_bought: int = 6
    hold_min_ms: int = 6 * MS_PER_MINUTE
    hold_max_ms: int = 20 * MS_PER_MINUTE


class _Robot:
    """What both kinds do: act at random times, remember orders, give leases back in time."""

    def __init__(self, config: TraderConfig, random: Random) -> None:
        self.config = config
        self.position = Position()
        self._random = random
        self._act_at_ms: int | None = None
        self._release_at_ms: dict[str, int] = {}
        self._release_next_ms: int | None = None
        self._asked: dict[int, str] = {}
        self._count = 0

    def next_deadline_ms(self) -> int | None:
        if self._release_next_ms is None or self._act_at_ms is None:
            return self._act_at_ms
        return min(self._release_next_ms, self._act_at_ms)

    def apply(self, message: Any, now_ms: int) -> list[Request]:
        """Return what the trader sends now."""
        match message:
            case LinkUp():
                self.position.rebuild(message.account_state)
                self._plan_releases(now_ms)
                self._act_at_ms = now_ms
            case ErrorReply():
                self.position.orders.pop(self._asked.pop(message.req_id, ""), None)
            case Ack():
                self._asked.pop(message.req_id, None)
            case LeaseUpdate():
                self.position.fold(message)
                self._plan_releases(now_ms)
            case _:
                self.position.fold(message)
        out = self._due_releases(now_ms)
        if self._act_at_ms is not None and self._act_at_ms <= now_ms:
            mean_ms = MS_PER_MINUTE / self.config.rate_per_min
            self._act_at_ms = now_ms + max(1, round(self._random.expovariate(1 / mean_ms)))
            out += self.act(now_ms)
        return out

    def act(self, now_ms: int) -> list[Request]:
        raise AssertionError("each kind of trader has its own act")

    def _plan_releases(self, now_ms: int) -> None:
        for lease_id, lease in self.position.leases.items():
            if lease.side == "buy" and lease_id not in self._release_at_ms:
                hold_ms = self._random.randint(self.config.hold_min_ms, self.config.hold_max_ms)
                self._release_at_ms[lease_id] = now_ms + hold_ms
        for lease_id in list(self._release_at_ms):
            if lease_id not in self.position.leases:
                del self._release_at_ms[lease_id]
        self._release_next_ms = min(self._release_at_ms.values(), default=None)

    def _due_releases(self, now_ms: int) -> list[Request]:
        if self._release_next_ms is None or self._release_next_ms > now_ms:
            return []
        due = [lease_id for lease_id, at_ms in self._release_at_ms.items() if at_ms <= now_ms]
        for lease_id in due:
            # Asked again later, should this one be refused or lost.
            self._release_at_ms[lease_id] = now_ms + RETRY_MS
        self._release_next_ms = min(self._release_at_ms.values(), default=None)
        return [LeaseRelease(req_id=self.position.next_req_id(), lease_id=lease) for lease in due]

    def _room(self, side: Side, wanted: int) -> int:
        """Return how many of ``wanted`` units may be asked or bid for now."""
        open_units = self.position.open_units(side)
        taken = open_units + sum(h.units for h in self.position.leases.values() if h.side == side)
        bound = self.config.max_bought if side == "buy" else self.config.units
        return max(0, min(wanted, bound - taken))

    def _place(
        self, side: Side, price_ucr: int, qty: int, time_in_force: TimeInForce = "gtc"
    ) -> OrderPlace:
        self._count += 1
        req_id = self.position.next_req_id()
        client_order_id = f"{self.config.name}/{self._count}"
        price_ucr = min(max(1, price_ucr), MAX_PRICE_UCR)
        self._asked[req_id] = client_order_id
        self.position.orders[client_order_id] = Working(side, price_ucr, qty)
        return OrderPlace(
            req_id=req_id,
            client_order_id=client_order_id,
            symbol=self.config.symbol,
            side=side,
            order_type="limit",
            qty=qty,
            price_ucr=price_ucr,
            time_in_force=time_in_force,
        )

    def _cancel(self, client_order_id: str) -> OrderCancel:
        return OrderCancel(req_id=self.position.next_req_id(), client_order_id=client_order_id)


class MarketMaker(_Robot):
    """Keeps ``levels`` prices on both sides of a fair price that walks and drifts home.

    Each act moves one quote: a missing one is placed, a stale one replaced. It never crosses the
    market on purpose; it asks only for what its hosts can back.
    """

    def __init__(self, config: TraderConfig, random: Random) -> None:
        super().__init__(config, random)
        self._drift = 0.0

    def act(self, now_ms: int) -> list[Request]:
        self._drift = self._drift * 0.995 + self._random.gauss(0.0, 0.004)
        side: Side = "sell" if self.config.units and self._random.random() < 0.5 else "buy"
        level = self._random.randrange(self.config.levels)
        price_ucr = self._quote_ucr(side, level)
        mine = [(key, order) for key, order in self.position.orders.items() if order.side == side]
        qty = self._room(side, self._random.randint(1, self.config.level_units))
        if qty and len(mine) < self.config.levels:
            return [self._place(side, price_ucr, qty)]
        if not mine:
            return []
        key, order = self._farthest(mine, price_ucr)
        if not order.order_id or order.price_ucr == price_ucr:
            return []
        return [
            OrderReplace(
                req_id=self.position.next_req_id(), client_order_id=key, price_ucr=price_ucr
            )
        ]

    def _quote_ucr(self, side: Side, level: int) -> int:
        fair = self.config.price_ucr * (1 + self._drift)
        away = (self.config.spread_pct / 2 + level * self.config.step_pct) / 100
        ask_ucr, bid_ucr = self.position.best_ask_ucr(), self.position.best_bid_ucr()
        if side == "buy":
            price_ucr = round(fair * (1 - away))
            return price_ucr if ask_ucr is None else min(price_ucr, round(ask_ucr * (1 - away)))
        price_ucr = round(fair * (1 + away))
        return price_ucr if bid_ucr is None else max(price_ucr, round(bid_ucr * (1 + away)))

    def _farthest(self, mine: list[tuple[str, Working]], price_ucr: int) -> tuple[str, Working]:
        return max(mine, key=lambda row: abs(row[1].price_ucr - price_ucr))


class NoiseTrader(_Robot):
    """Buys and sells a little at random: takes what rests, rests near the best, changes its mind.

    A taker's price never strays more than a few percent from what rests, and never above
    one and a half times its own reference, so that an empty book does not make it pay anything.
    """

    def act(self, now_ms: int) -> list[Request]:
        chance = self._random.random()
        if len(self.position.orders) >= MAX_OPEN_ORDERS or (self.position.orders and chance < 0.3):
            return [self._cancel(next(iter(self.position.orders)))]
        side: Side = "sell" if self.config.units and self._random.random() < 0.5 else "buy"
        qty = self._room(side, self._random.randint(1, self.config.level_units))
        if qty < 1:
            return []
        if chance < 0.6:
            return [self._place(side, self._near_ucr(side), qty)]
        return [self._place(side, self._crossing_ucr(side), qty, "ioc")]

    def _near_ucr(self, side: Side) -> int:
        away = 1 + self._random.uniform(0.002, 0.05) * (1 if side == "sell" else -1)
        return round(self._mid_ucr() * away)

    def _crossing_ucr(self, side: Side) -> int:
        own_ucr = self.config.price_ucr
        if side == "buy":
            return min(self.position.best_ask_ucr() or own_ucr, round(own_ucr * 1.5))
        return max(self.position.best_bid_ucr() or own_ucr, own_ucr // 2)

    def _mid_ucr(self) -> float:
        bid_ucr, ask_ucr = self.position.best_bid_ucr(), self.position.best_ask_ucr()
        known = [price for price in (bid_ucr, ask_ucr) if price is not None]
        mid = sum(known) / len(known) if known else self.config.price_ucr
        # Pulled home, or noise would slowly carry the whole market away.
        return 0.8 * mid + 0.2 * self.config.price_ucr


class PatientBuyer(_Robot):
    """Bids for all that it lacks of ``max_bought`` at its own price, and waits for it."""

    def act(self, now_ms: int) -> list[Request]:
        qty = self._room("buy", self.config.max_bought)
        return [self._place("buy", self.config.price_ucr, qty)] if qty else []


class FollowingSeller(_Robot):
    """Asks for all that its hosts can back, a little below the others, never below its price."""

    def act(self, now_ms: int) -> list[Request]:
        price_ucr = self._ask_ucr()
        qty = self._room("sell", self.config.units)
        if qty:
            return [self._place("sell", price_ucr, qty)]
        for key, order in self.position.orders.items():
            if order.order_id and order.price_ucr != price_ucr:
                req_id = self.position.next_req_id()
                return [OrderReplace(req_id=req_id, client_order_id=key, price_ucr=price_ucr)]
        return []

    def _ask_ucr(self) -> int:
        """Return one step below the best ask, or that ask where it is its own."""
        own_ucr, best_ucr = self.config.price_ucr, self.position.best_ask_ucr()
        if best_ucr is None:
            return round(own_ucr * (1 + FIRST_ASK_PCT / 100))
        mine = {order.price_ucr for order in self.position.orders.values() if order.order_id}
        return max(own_ucr, best_ucr if best_ucr in mine else best_ucr - 1)


KINDS: Final[dict[str, type[_Robot]]] = {
    "market_maker": MarketMaker,
    "noise": NoiseTrader,
    "buyer": PatientBuyer,
    "seller": FollowingSeller,
}
Trader: TypeAlias = _Robot


def make_trader(kind: str, config: TraderConfig, random: Random) -> Trader:
    """Return the trader that a scenario calls ``kind``, one of `KINDS`."""
    return KINDS[kind](config, random)
