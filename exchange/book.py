"""Price-time order book of one instrument, and the matching rules of domain.md.

Shape (measured fastest in CPython): per side a dict from key to `Level` and a sorted list of keys;
the key is the price on the bid side and minus the price on the ask side, so the best level of
either side is the last key. Orders of a level form an intrusive doubly linked list, so a cancel
costs no search. The book moves quantities only; money, leases and events are the caller's.
"""

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Literal, TypeAlias

from exchange.protocol import OrderPlace, OrderStatus, Side

if TYPE_CHECKING:
    from exchange.capacity import Backing
    from exchange.commands import FillRow
    from exchange.ledger import Account

StepKind = Literal["fill", "cancel_maker", "decrement", "cancel_taker"]


class Order:
    """A live or finished order. ``sign`` is +1 for a bid and -1 for an ask."""

    __slots__ = (
        "account",
        "backing",
        "done_ms",
        "filled_notional_ucr",
        "filled_qty",
        "fills",
        "hold_unit_ucr",
        "leaves_qty",
        "level",
        "next",
        "number",
        "order_id",
        "prev",
        "price_ucr",
        "qty",
        "reason",
        "request",
        "session",
        "sign",
        "status",
    )

    def __init__(
        self, number: int, account: "Account", request: OrderPlace, price_ucr: int | None
    ) -> None:
        self.number = number
        self.order_id = f"o-{number}"
        self.account = account
        self.request = request
        self.sign = 1 if request.side == "buy" else -1
        self.price_ucr = price_ucr
        self.qty = request.qty
        self.leaves_qty = request.qty
        self.filled_qty = 0
        self.filled_notional_ucr = 0
        self.status: OrderStatus = "new"
        self.reason: str | None = None
        self.hold_unit_ucr = 0
        self.backing: Backing | None = None
        self.fills: list[FillRow] | None = None
        self.session = 0
        self.done_ms: int | None = None
        self.level: Level | None = None
        self.prev: Order | None = None
        self.next: Order | None = None

    @property
    def client_order_id(self) -> str:
        return self.request.client_order_id

    @property
    def symbol(self) -> str:
        return self.request.symbol

    @property
    def side(self) -> Side:
        return self.request.side


Step: TypeAlias = tuple[StepKind, Order, int]
"""What a taker met, in queue order: (kind, maker, qty), a fill or a self-trade prevention."""


class Level:
    """All resting orders of one price, oldest first; ``qty`` is the sum of their leaves."""

    __slots__ = ("count", "head", "key", "qty", "tail")

    def __init__(self, key: int) -> None:
        self.key = key
        self.qty = 0
        self.count = 0
        self.head: Order | None = None
        self.tail: Order | None = None

    def append(self, order: Order) -> None:
        """Queue ``order`` behind all others of this price."""
        tail = self.tail
        order.level = self
        order.prev = tail
        order.next = None
        if tail is None:
            self.head = order
        else:
            tail.next = order
        self.tail = order
        self.qty += order.leaves_qty
        self.count += 1

    def unlink(self, order: Order) -> None:
        """Take ``order`` out of the queue; its leaves count as long as they are not zero."""
        before, after = order.prev, order.next
        if before is None:
            self.head = after
        else:
            before.next = after
        if after is None:
            self.tail = before
        else:
            after.prev = before
        order.level = order.prev = order.next = None
        self.qty -= order.leaves_qty
        self.count -= 1


class HalfBook:
    """One side: levels by key and their keys in ascending order, the best last."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels: dict[int, Level] = {}
        self.keys: list[int] = []


class Book:
    """Bids and asks of one instrument. ``touched`` names changed levels (+price bid, -price ask)
    until the feed takes them; it is no part of the state."""

    __slots__ = ("asks", "bids", "touched")

    def __init__(self) -> None:
        self.bids = HalfBook(1)
        self.asks = HalfBook(-1)
        self.touched: dict[int, None] = {}

    def best_ucr(self, sign: int) -> int | None:
        """Return the best price of the bids (``sign`` +1) or asks (-1), None when empty."""
        keys = self.bids.keys if sign > 0 else self.asks.keys
        return keys[-1] * sign if keys else None

    def crosses(self, sign: int, price_ucr: int) -> bool:
        """Would an order of this side and limit trade with the best of the other side?"""
        keys = self.asks.keys if sign > 0 else self.bids.keys
        return bool(keys) and keys[-1] >= -sign * price_ucr

    def rest(self, order: Order) -> None:
        """Queue the order's leaves at its price, behind what is there."""
        assert order.price_ucr is not None, "only an order with a price can rest"
        half = self.bids if order.sign > 0 else self.asks
        key = order.sign * order.price_ucr
        level = half.levels.get(key)
        if level is None:
            level = half.levels[key] = Level(key)
            keys = half.keys
            if not keys or key > keys[-1]:
                keys.append(key)
            else:
                insort(keys, key)
        level.append(order)
        self.touched[key] = None

    def remove(self, order: Order) -> None:
        """Take a resting order out of the book."""
        level = order.level
        assert level is not None, "only a resting order can be removed"
        level.unlink(order)
        self.touched[level.key] = None
        if level.head is None:
            _drop(self.bids if order.sign > 0 else self.asks, level.key)

    def reduce(self, order: Order, by_qty: int) -> None:
        """Shrink a resting order in place: it keeps its priority (rule 1)."""
        level = order.level
        assert level is not None and 0 < by_qty < order.leaves_qty
        order.leaves_qty -= by_qty
        level.qty -= by_qty
        self.touched[level.key] = None

    def match(self, taker: Order, limit_ucr: int) -> list[Step]:
        """Trade ``taker`` against the other side up to ``limit_ucr``; best price, oldest first.

        Updates makers and removes those that are done; the taker's own quantities are left to the
        caller, who takes the steps one by one. A ``cancel_taker`` step is the last (rules 6, 9).
        """
        half = self.asks if taker.sign > 0 else self.bids
        keys, levels, account = half.keys, half.levels, taker.account
        threshold = -taker.sign * limit_ucr
        left = taker.leaves_qty
        steps: list[Step] = []
        while left and keys and keys[-1] >= threshold:
            level = levels[keys[-1]]
            self.touched[level.key] = None
            maker = level.head
            while maker is not None and left:
                after = maker.next
                if maker.account is account:
                    left = _prevent_self_trade(taker, maker, left, steps)
                else:
                    qty = maker.leaves_qty if maker.leaves_qty < left else left
                    left -= qty
                    level.qty -= qty
                    maker.leaves_qty -= qty
                    if not maker.leaves_qty:
                        level.unlink(maker)
                    steps.append(("fill", maker, qty))
                maker = after
            if level.head is None:
                del levels[keys.pop()]
        return steps

    def fillable(self, taker: Order, limit_ucr: int, enough: int) -> int:
        """Return how much could fill at once, counting up to ``enough`` (rule 5).

        Counts other accounts' orders up to the first own one in the way; under
        ``cancel_oldest`` own orders step aside and the count goes on.
        """
        half = self.asks if taker.sign > 0 else self.bids
        threshold = -taker.sign * limit_ucr
        total = 0
        for key in reversed(half.keys):
            if key < threshold:
                break
            maker = half.levels[key].head
            while maker is not None:
                if maker.account is not taker.account:
                    total += maker.leaves_qty
                    if total >= enough:
                        return total
                elif taker.request.stp != "cancel_oldest":
                    return total
                maker = maker.next
        return total

    def meets_own(self, taker: Order, limit_ucr: int) -> bool:
        """Would ``taker`` reach an own order before it is filled? (rule 3)"""
        half = self.asks if taker.sign > 0 else self.bids
        threshold = -taker.sign * limit_ucr
        left = taker.leaves_qty
        for key in reversed(half.keys):
            if key < threshold or left <= 0:
                return False
            maker = half.levels[key].head
            while maker is not None and left > 0:
                if maker.account is taker.account:
                    return True
                left -= maker.leaves_qty
                maker = maker.next
        return False

    def levels(self, side: Side, depth: int) -> list[tuple[int, int, int]]:
        """Return (price_ucr, qty, orders) best first; ``depth`` 0 means all."""
        half = self.bids if side == "buy" else self.asks
        keys = half.keys[-depth:] if depth else half.keys
        rows = (half.levels[key] for key in reversed(keys))
        return [(abs(level.key), level.qty, level.count) for level in rows]

    def orders(self, sign: int) -> list[Order]:
        """Return the resting orders of a side, best price first, oldest first."""
        half = self.bids if sign > 0 else self.asks
        found: list[Order] = []
        for key in reversed(half.keys):
            order = half.levels[key].head
            while order is not None:
                found.append(order)
                order = order.next
        return found


def _prevent_self_trade(taker: Order, maker: Order, left: int, steps: list[Step]) -> int:
    """Apply the taker's self-trade mode to an own maker; returns what the taker has left."""
    mode, level = taker.request.stp, maker.level
    assert level is not None
    if mode == "decrement_and_cancel":
        qty = min(maker.leaves_qty, left)
        level.qty -= qty
        maker.leaves_qty -= qty
        if not maker.leaves_qty:
            level.unlink(maker)
        steps.append(("decrement", maker, qty))
        return left - qty
    if mode != "cancel_newest":
        steps.append(("cancel_maker", maker, maker.leaves_qty))
        level.unlink(maker)
        if mode == "cancel_oldest":
            return left
    steps.append(("cancel_taker", maker, 0))
    return 0


def _drop(half: HalfBook, key: int) -> None:
    """Forget an empty level."""
    del half.levels[key]
    if half.keys[-1] == key:
        half.keys.pop()
    else:
        del half.keys[bisect_left(half.keys, key)]
