"""An organisation's account, its orders, and the queue of one price in which orders rest.

The three are in one file because they refer to each other: an account has orders, an order rests
at a level, and a level chains its orders.
"""

from __future__ import annotations  # Order and Level name each other

from collections.abc import Iterator

from exchange.model.capacity import Backing, Host
from exchange.model.records import Limits
from exchange.wire.requests import OrderPlace
from exchange.wire.results import FillRow
from exchange.wire.types import OrderStatus, Side


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
        """By client_order_id: live and finished last; others are in `EndedOrders`."""
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


class Order:
    """A live or finished order. ``sign`` is +1 for a bid and -1 for an ask.

    `make_order` fills in what follows from the request.
    """

    __slots__ = (
        "account",
        "backing",
        "before",
        "behind",
        "done_ms",
        "filled_notional_ucr",
        "filled_qty",
        "fills",
        "hold_unit_ucr",
        "leaves_qty",
        "level",
        "number",
        "order_id",
        "price_ucr",
        "qty",
        "reason",
        "request",
        "session",
        "sign",
        "status",
    )

    def __init__(
        self,
        number: int,
        order_id: str,
        account: Account,
        request: OrderPlace,
        sign: int,
        price_ucr: int | None,
        session: int = 0,
        hold_unit_ucr: int = 0,
        backing: Backing | None = None,
    ) -> None:
        self.number = number
        self.order_id = order_id
        self.account = account
        self.request = request
        self.sign = sign
        self.price_ucr = price_ucr
        self.qty = self.leaves_qty = request.qty
        self.session = session
        self.hold_unit_ucr = hold_unit_ucr
        self.backing = backing
        self.filled_qty = self.filled_notional_ucr = 0
        self.status: OrderStatus = "new"
        self.reason: str | None = None
        self.fills: list[FillRow] | None = None
        self.done_ms: int | None = None
        self.level: Level | None = None
        """Where it rests; None before and after."""
        self.before: Order | None = None
        """The orders before and after it in the level's queue while it rests."""
        self.behind: Order | None = None

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
    sign = 1 if request.side == "buy" else -1
    return Order(number, f"o-{number}", account, request, sign, price_ucr, session)


class Level:
    """All resting orders of one price, oldest first; ``qty`` is the sum of their leaves."""

    __slots__ = ("count", "first", "key", "last", "qty")

    def __init__(self, key: int) -> None:
        self.key = key
        self.qty = 0
        self.count = 0
        """How many orders rest at this level."""
        self.first: Order | None = None
        self.last: Order | None = None

    def queue(self) -> Iterator[Order]:
        """Yield the orders, oldest first."""
        order = self.first
        while order is not None:
            yield order
            order = order.behind
