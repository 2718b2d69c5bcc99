"""Price-time order book of one instrument, and its matching (rules.md 4.1, 4.3, 4.4).

Shape (measured fastest in CPython): per side a dict from key to `Level` and a sorted list of keys;
the key is the price on the bid side and minus the price on the ask side, so the best level of
either side is the last key. A level chains its orders in the order of their arrival, so a cancel
costs no search, and a level of one order, the most frequent kind, needs no container. The book
changes quantities only; the caller handles money, leases and events.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Literal, TypeAlias

from exchange.model.account import Level, Order
from exchange.wire.types import Side

StepKind = Literal["fill", "cancel_maker", "decrement", "cancel_taker"]


Step: TypeAlias = tuple[StepKind, Order, int]
"""What a taker met, in queue order: (kind, maker, qty), a fill or a self-trade prevention."""


class HalfBook:
    """One side: levels by key and their keys in ascending order, the best last."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels: dict[int, Level] = {}
        self.keys: list[int] = []

    def open(self, key: int) -> Level:
        """Add an empty level."""
        level = self.levels[key] = Level(key)
        keys = self.keys
        if not keys or key > keys[-1]:
            keys.append(key)
        else:
            insort(keys, key)
        return level

    def close(self, key: int) -> None:
        """Forget an empty level."""
        del self.levels[key]
        keys = self.keys
        if keys[-1] == key:
            keys.pop()
        else:
            del keys[bisect_left(keys, key)]


class Book:
    """Bids and asks of one instrument. ``touched`` names changed levels (+price bid, -price ask)
    until the feed takes them, ``looked_at`` counts the orders that a check went through until that
    is paid; neither is part of the state."""

    __slots__ = ("asks", "bids", "looked_at", "touched")

    def __init__(self) -> None:
        self.bids = HalfBook(1)
        self.asks = HalfBook(-1)
        self.touched: dict[int, None] = {}
        self.looked_at = 0

    def take_looked_at(self) -> int:
        """Return how many orders checks went through since the last call."""
        count, self.looked_at = self.looked_at, 0
        return count

    def best_ucr(self, sign: int) -> int | None:
        """Return the best price of the bids (``sign`` +1) or asks (-1), None when empty."""
        keys = self.bids.keys if sign > 0 else self.asks.keys
        return keys[-1] * sign if keys else None

    def crosses(self, sign: int, price_ucr: int) -> bool:
        """Return whether an order of this side and limit would trade with the best of the other
        side."""
        keys = self.asks.keys if sign > 0 else self.bids.keys
        return bool(keys) and keys[-1] >= -sign * price_ucr

    def rest(self, order: Order) -> None:
        """Add the order's open quantity at the end of the queue of its price."""
        sign, price_ucr = order.sign, order.price_ucr
        assert price_ucr is not None, "only an order with a price can rest"
        half = self.bids if sign > 0 else self.asks
        key = sign * price_ucr
        level = half.levels.get(key)
        if level is None:
            level = half.open(key)
            level.first = order
        else:
            last = order.before = level.last
            assert last is not None, "a level without orders is closed"
            last.behind = order
        level.last = order
        level.qty += order.leaves_qty
        level.count += 1
        order.level = level
        self.touched[key] = None

    def remove(self, order: Order) -> None:
        """Take a resting order out of the book."""
        level = order.level
        assert level is not None, "only a resting order can be removed"
        key = level.key
        self.touched[key] = None
        order.level = None
        if level.count == 1:
            half = self.bids if order.sign > 0 else self.asks
            half.close(key)
            return
        level.qty -= order.leaves_qty
        level.count -= 1
        before, behind = order.before, order.behind
        if before is None:
            level.first = behind
        else:
            before.behind = behind
            order.before = None
        if behind is None:
            level.last = before
        else:
            behind.before = before
            order.behind = None

    def reduce(self, order: Order, by_qty: int) -> None:
        """Shrink a resting order in place: it keeps its priority (rules.md 4.2)."""
        level = order.level
        assert level is not None and 0 < by_qty < order.leaves_qty
        order.leaves_qty -= by_qty
        level.qty -= by_qty
        self.touched[level.key] = None

    def match(self, taker: Order, limit_ucr: int) -> list[Step]:
        """Trade ``taker`` against the other side up to ``limit_ucr``; best price, oldest first.

        Updates makers and removes those that are done, each the first of its queue then, because
        one that is not done leaves nothing to the taker; the taker's own quantities are left to the
        caller, who takes the steps one by one. A ``cancel_taker`` step is the last (rules.md 4.3).
        """
        half = self.asks if taker.sign > 0 else self.bids
        keys, levels, account = half.keys, half.levels, taker.account
        threshold = -taker.sign * limit_ucr
        left = taker.leaves_qty
        steps: list[Step] = []
        while left and keys and keys[-1] >= threshold:
            level = levels[keys[-1]]
            self.touched[level.key] = None
            maker = level.first
            while left and maker is not None:
                if maker.account is account:
                    left = _prevent_self_trade(taker, maker, left, steps)
                else:
                    leaves_qty = maker.leaves_qty
                    qty = leaves_qty if leaves_qty < left else left
                    left -= qty
                    level.qty -= qty
                    maker.leaves_qty = leaves_qty - qty
                    if qty == leaves_qty:
                        maker.level = None
                    steps.append(("fill", maker, qty))
                if maker.level is None:
                    maker = _next_in_queue(level, maker)
            if maker is None:
                del levels[keys.pop()]
        return steps

    def fillable(self, taker: Order, limit_ucr: int, enough: int) -> int:
        """Return how much could fill at once, counting up to ``enough`` (rules.md 4.4).

        Counts other accounts' orders up to the first own one in the way; under
        ``cancel_oldest`` own orders step aside and the count goes on.
        """
        total = 0
        for maker in self._crossed(taker, limit_ucr):
            if maker.account is not taker.account:
                total += maker.leaves_qty
                if total >= enough:
                    return total
            elif taker.request.stp != "cancel_oldest":
                return total
        return total

    def meets_own(self, taker: Order, limit_ucr: int) -> bool:
        """Return whether ``taker`` would reach an own order before it is filled (rules.md 4.3)."""
        left = taker.leaves_qty
        for maker in self._crossed(taker, limit_ucr):
            if maker.account is taker.account:
                return True
            left -= maker.leaves_qty
            if left <= 0:
                return False
        return False

    def _crossed(self, taker: Order, limit_ucr: int) -> Iterator[Order]:
        """Yield what ``taker`` would meet up to its limit, best price first, oldest first."""
        half = self.asks if taker.sign > 0 else self.bids
        threshold = -taker.sign * limit_ucr
        for key in reversed(half.keys):
            if key < threshold:
                return
            for maker in half.levels[key].queue():
                self.looked_at += 1
                yield maker

    def levels(self, side: Side, depth: int) -> list[tuple[int, int, int]]:
        """Return (price_ucr, qty, orders) best first; ``depth`` 0 means all."""
        half = self.bids if side == "buy" else self.asks
        keys = half.keys[-depth:] if depth else half.keys
        rows = (half.levels[key] for key in reversed(keys))
        return [(abs(level.key), level.qty, level.count) for level in rows]

    def level(self, key: int) -> tuple[int, int, int] | None:
        """Return the row of the level with this key, None when nothing rests there."""
        level = (self.bids if key > 0 else self.asks).levels.get(key)
        return None if level is None else (abs(key), level.qty, level.count)

    def orders(self, sign: int) -> list[Order]:
        """Return the resting orders of a side, best price first, oldest first."""
        half = self.bids if sign > 0 else self.asks
        return [order for key in reversed(half.keys) for order in half.levels[key].queue()]


def _next_in_queue(level: Level, done: Order) -> Order | None:
    """Take the first order of a level out of its queue; returns the one that is first now."""
    level.count -= 1
    behind = level.first = done.behind
    if behind is not None:
        behind.before = done.behind = None
    return behind


def _prevent_self_trade(taker: Order, maker: Order, left: int, steps: list[Step]) -> int:
    """Apply the taker's self-trade mode to an own maker; returns what the taker has left.

    A maker that is done has no level any more; the caller takes it out of the queue.
    """
    mode, level = taker.request.stp, maker.level
    assert level is not None
    if mode == "decrement_and_cancel":
        qty = min(maker.leaves_qty, left)
        level.qty -= qty
        maker.leaves_qty -= qty
        if not maker.leaves_qty:
            maker.level = None
        steps.append(("decrement", maker, qty))
        return left - qty
    if mode != "cancel_newest":
        steps.append(("cancel_maker", maker, maker.leaves_qty))
        level.qty -= maker.leaves_qty
        maker.level = None
        if mode == "cancel_oldest":
            return left
    steps.append(("cancel_taker", maker, 0))
    return 0
