"""Orders that ended within 24 h, as small records: 100 bytes where an `Order` takes 600.

What rule 4.6 asks of an ended order (its outcome again for the same request, its name taken for
another) and what a snapshot holds of it must stay; how it is kept does not matter. So the last
few thousand stay as they are, for whoever cancels or repeats what has just ended, and older ones
are packed by the block. Nothing here is seen from outside: answers, snapshots and hashes are
the same wherever an order is kept.
"""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any, Final, TypeAlias

import msgspec
from msgspec.structs import astuple

from exchange.model.account import Account, Order, make_order
from exchange.model.hashed import Hashed, name_hash
from exchange.model.in_order import InOrder
from exchange.model.numbered import Numbered
from exchange.wire.requests import OrderPlace
from exchange.wire.results import FillRow
from exchange.wire.types import SelfTrade, TimeInForce

KEEP: Final = 16384
"""Orders that stay as they are; 10 MB."""
BLOCK: Final = 256
"""Orders that are packed at once; takes less than a millisecond."""

Others: TypeAlias = tuple[
    TimeInForce, int | None, bool, int | None, SelfTrade, list[str] | None, int | None
]
"""An order's fields from ``time_in_force`` on, without ``req_id``."""
Row: TypeAlias = tuple[
    int,
    int | None,
    int,
    int,
    int,
    int,
    int,
    int,
    list[FillRow] | None,
    int,
    str,
    int,
    int | None,
    int,
    int,
    int,
    Others | None,
]
"""The first nine of `_OF_ORDER`; ``req_id``, ``client_order_id``, ``qty`` and ``price_ucr`` of its
request; where the block's words have its account and symbol; where `EndedOrders` has its manner;
the request's other fields, None for those of a plain order."""

_OF_ORDER: Final = attrgetter(
    *("number", "price_ucr", "qty", "filled_qty", "filled_notional_ucr", "hold_unit_ucr"),
    *("session", "done_ms", "fills", "status", "reason"),
)
_DONE_AT: Final = 7
_FIELDS: Final = 9
"""Those of an order that each row has of its own; the others are in its manner."""
_OTHERS: Final = 6
"""Where the request's other fields begin; last stands its ``req_id``."""
_PLAIN: Final = astuple(OrderPlace("", "", "buy", "limit", 1, req_id=0))[_OTHERS:-1]

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[list[str], list[Row]]).decode
_decode_rows: Final = msgspec.msgpack.Decoder(tuple[list[str], list[msgspec.Raw]]).decode
_decode_row: Final = msgspec.msgpack.Decoder(Row).decode


class EndedOrders:
    """Packed orders in the order of ending. A place counts all that were ever packed."""

    __slots__ = (
        *("_accounts", "_blocks", "_by_name", "_by_number", "_known_manners", "_manners"),
        *("_oldest", "block", "first_done_ms", "pack_at"),
    )

    def __init__(self, accounts: dict[str, Account], keep: int = KEEP, block: int = BLOCK) -> None:
        self._accounts = accounts
        self.block = block
        self.pack_at = keep + block
        """With so many a block is packed: one a command, so that none takes long."""
        self._blocks: dict[int, bytes] = {}
        """By number of the block, oldest first."""
        self._by_name, self._by_number = Hashed(), Numbered()
        self._manners: list[tuple[Any, ...]] = []
        """Side, type, status and reason: words of closed sets, so they are few."""
        self._known_manners: dict[tuple[Any, ...], int] = {}
        self._oldest = 0
        """Place of the oldest that is not forgotten."""
        self.first_done_ms: int | None = None
        """When it ended, None when there is none."""

    def __len__(self) -> int:
        blocks = self._blocks
        return (next(reversed(blocks)) + 1) * self.block - self._oldest if blocks else 0

    def pack(self, done: InOrder[int, Order]) -> None:
        """Move the oldest ``block`` orders out of ``done`` and out of their accounts' names."""
        orders = done.take_first(self.block)
        assert len(orders) == self.block, "a block is packed when it is full"
        if self.first_done_ms is None:
            self.first_done_ms = orders[0].done_ms
        number = next(reversed(self._blocks), self._oldest // self.block - 1) + 1
        words: dict[str, int] = {}
        rows = [self._row(order, words) for order in orders]
        self._blocks[number] = _encode((list(words), rows))
        place = number * self.block
        hashes = [name_hash(o.account.account_id, o.client_order_id) for o in orders]
        self._by_name.add(hashes, place)
        self._by_number.add([order.number for order in orders], place)
        self._by_name.sweep(self._oldest, place + self.block)
        self._by_number.sweep(self._oldest)

    def _row(self, order: Order, words: dict[str, int]) -> tuple[Any, ...]:
        assert not (order.leaves_qty or order.backing), "an order that ended holds nothing"
        account, own = order.account, _OF_ORDER(order)
        name, symbol, *_ = asked = astuple(order.request)
        known, others = account.orders, asked[_OTHERS:-1]
        if known.get(name) is order:
            del known[name]
        manner = asked[2:4] + own[_FIELDS:]
        return (
            *own[:_FIELDS],
            *(asked[-1], name, asked[4], asked[5]),
            words.setdefault(account.account_id, len(words)),
            words.setdefault(symbol, len(words)),
            self._known_manners.get(manner) or self._manner(manner),
            None if others == _PLAIN else others,
        )

    def _manner(self, manner: tuple[Any, ...]) -> int:
        number = self._known_manners.setdefault(manner, len(self._manners))
        if number == len(self._manners):
            self._manners.append(manner)
        return number

    def may_know(self, account: Account, client_order_id: str) -> bool:
        """False when none has this name, which is quicker to tell than which one has it."""
        if self.first_done_ms is None:
            return False
        return self._by_name.may_have(name_hash(account.account_id, client_order_id))

    def named(self, account: Account, client_order_id: str) -> Order | None:
        """Return the account's order of this name that ended last, made anew; None for none."""
        hashed = name_hash(account.account_id, client_order_id)
        for place in self._by_name.places(hashed, self._oldest):
            found = self._at(place)
            same = found is not None and found.client_order_id == client_order_id
            if found is not None and same and found.account is account:
                return found
        return None

    def numbered(self, number: int) -> Order | None:
        """Return the order of this number, made anew; None for none."""
        return self._at(self._by_number.place(number))

    def _at(self, place: int) -> Order | None:
        number, at = divmod(place, self.block)
        block = self._blocks.get(number)
        if block is None or place < self._oldest:
            return None
        words, rows = _decode_rows(block)
        return self._order(words, _decode_row(rows[at]))

    def values(self) -> Iterator[Order]:
        """Yield all of them, made anew, in the order of ending."""
        skip = self._oldest % self.block
        for block in self._blocks.values():
            words, rows = _decode(block)
            for row in rows[skip:]:
                yield self._order(words, row)
            skip = 0

    def _order(self, words: list[str], row: Row) -> Order:
        number, price_ucr, qty, filled_qty, notional_ucr, unit_ucr, session, done_ms, fills = row[
            :9
        ]
        fills, req_id, name, placed_qty, placed_ucr, account, symbol, manner, others = row[8:]
        side, kind, status, reason = self._manners[manner]
        placed = (name, words[symbol], side, kind, placed_qty, placed_ucr, *(others or _PLAIN))
        request = OrderPlace(*placed, req_id=req_id)
        order = make_order(number, self._accounts[words[account]], request, price_ucr, session)
        order.qty, order.leaves_qty, order.filled_qty = qty, 0, filled_qty
        order.filled_notional_ucr, order.hold_unit_ucr = notional_ucr, unit_ucr
        order.status, order.reason, order.done_ms = status, reason, done_ms
        if order.sign < 0 and price_ucr is not None:
            order.backing = []
        order.fills = fills
        return order

    def forget(self, before_ms: int) -> None:
        """Drop those that ended at ``before_ms`` or earlier."""
        if self.first_done_ms is None or self.first_done_ms > before_ms:
            return
        while self._blocks:
            number = next(iter(self._blocks))
            rows = _decode(self._blocks[number])[1][self._oldest % self.block :]
            old = sum(row[_DONE_AT] <= before_ms for row in rows)
            self._oldest += old
            if old < len(rows):
                self.first_done_ms = rows[old][_DONE_AT]
                return
            del self._blocks[number]
        self.first_done_ms = None
        self._by_name, self._by_number = Hashed(), Numbered()
