"""An organisation's account, its orders, and the queue of one price in which orders rest.

The three are in one file because they refer to each other: an account has orders, an order rests
at a level, and a level chains its orders.
"""

from __future__ import annotations  # Order and Level name each other

from collections.abc import Iterator

from msgspec import Struct

from exchange.model.capacity import Backing, Host
from exchange.wire.requests import OrderPlace
from exchange.wire.results import FillRow
from exchange.wire.types import OrderStatus, Side


class Limits(Struct):
    """An account's limits; 0 means unlimited (rules.md 3.4)."""

    max_qty: int = 0
    max_notional_ucr: int = 0
    max_open_orders: int = 0
    orders_per_s: int = 1000


class Account:
    """An organisation's money, orders and hosts."""

    __slots__ = (
        "account_id",
        "account_seq",
        "available_ucr",
        "held_ucr",
        "hosts",
        "killed",
        "limited",
        "limits",
        "name",
        "open_orders",
        "orders",
    )

    def __init__(self, account_id: str, name: str) -> None:
        self.account_id = account_id
        self.name = name
        self.available_ucr = 0
        self.held_ucr = 0
        self.account_seq = 0
        self.orders: dict[str, Order] = {}
        """By client_order_id: live, and finished within 24 h (rules.md 4.6)."""
        self.open_orders: dict[int, Order] = {}
        """By order number, in the order of placing."""
        self.hosts: dict[str, list[Host]] = {}
        """By zone, oldest first."""
        self.limits = Limits()
        self.limited = False
        """True when any of the order limits is set."""
        self.killed = False

    def every_host(self) -> list[Host]:
        """Return the account's hosts of all zones."""
        return [host for hosts in self.hosts.values() for host in hosts]


class Order(Struct, eq=False):
    """A live or finished order. ``sign`` is +1 for a bid and -1 for an ask.

    A Struct because it is made for every order: one call in C instead of twenty stores. Use
    `make_order`, which fills in what follows from the request.
    """

    number: int
    order_id: str
    account: Account
    request: OrderPlace
    sign: int
    price_ucr: int | None
    qty: int
    leaves_qty: int
    session: int = 0
    hold_unit_ucr: int = 0
    backing: Backing | None = None
    filled_qty: int = 0
    filled_notional_ucr: int = 0
    status: OrderStatus = "new"
    reason: str | None = None
    fills: list[FillRow] | None = None
    done_ms: int | None = None
    level: Level | None = None
    """Where it rests; None before and after."""
    before: Order | None = None
    """The orders before and after it in the level's queue while it rests."""
    behind: Order | None = None

    @property
    def client_order_id(self) -> str:
        return self.request.client_order_id

    @property
    def symbol(self) -> str:
        return self.request.symbol

    @property
    def side(self) -> Side:
        return self.request.side


def make_order(
    number: int,
    account: Account,
    request: OrderPlace,
    price_ucr: int | None,
    session: int = 0,
) -> Order:
    """Return a new order; ``price_ucr`` is its limit, None when there is nothing to trade with."""
    qty = request.qty
    sign = 1 if request.side == "buy" else -1
    return Order(number, f"o-{number}", account, request, sign, price_ucr, qty, qty, session)


class Level(Struct, eq=False):
    """All resting orders of one price, oldest first; ``qty`` is the sum of their leaves."""

    key: int
    qty: int = 0
    count: int = 0
    """How many orders rest at this level."""
    first: Order | None = None
    last: Order | None = None

    def queue(self) -> Iterator[Order]:
        """Yield the orders, oldest first."""
        order = self.first
        while order is not None:
            yield order
            order = order.behind
