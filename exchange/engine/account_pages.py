"""The present state of an account, in pages: rows in an order that does not change.

Orders, leases and VMs are in the order of their numbers, which only grow: a row on a later page
either existed before, or also has a frame in the account channel. Reads, which leave in
``state.looked_at`` how many rows they scanned, returned or not.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias, TypeVar

from exchange.engine import views
from exchange.model import emit
from exchange.model.account import Account
from exchange.model.state import State
from exchange.wire import paging
from exchange.wire.results import Refused

Rows: TypeAlias = Iterator[tuple[str, Any]]

T = TypeVar("T")

KINDS: Final = ("orders", "leases", "vms", "images")
FOR_SALE: Final = ("for_sale",)
_BY_DIGEST: Final = ("images", "for_sale")
_UNKNOWN: Final = Refused("invalid_field", "not what an answer of this kind had as next", "after")


def account_page(
    state: State, account_id: str, kinds: tuple[str, ...], after: str | None, limit: int
) -> tuple[dict[str, list[Any]], str | None] | Refused:
    """Return the rows of ``kinds`` behind the cursor ``after``, by kind, and the next cursor."""
    kind, _, key = (after or f"{kinds[0]}:").partition(":")
    if kind not in kinds or not (key == "" or kind in _BY_DIGEST or key.isdecimal()):
        return _UNKNOWN
    account, state.looked_at = state.ledger.accounts[account_id], 0
    rows, following = paging.page(_rows(state, account, kinds, kind, key), limit)
    found: dict[str, list[Any]] = {name: [] for name in kinds}
    for name, row in rows:
        found[name].append(row)
    return found, following


def balance_page(
    state: State, after: str | None, limit: int
) -> tuple[dict[str, views.BalanceRow], str | None] | Refused:
    """Return the money of the accounts behind ``after``, and the next cursor."""
    if after is not None and after not in state.ledger.accounts:
        return _UNKNOWN
    state.looked_at = 0
    rows, following = paging.page(_balances(state, after), limit)
    return {name: balance for row in rows for name, balance in row.items()}, following


def _rows(
    state: State, account: Account, kinds: tuple[str, ...], first: str, key: str
) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Yield (cursor, (kind, row)), from behind ``key`` of the kind ``first`` on."""
    for kind in kinds[kinds.index(first) :]:
        for name, row in _OF_KIND[kind](state, account, key if kind == first else ""):
            yield f"{kind}:{name}", (kind, row)


def _behind(state: State, rows: dict[int, T], key: str) -> Iterator[T]:
    """Yield the rows with a number above ``key``; a dict by number is in the order of numbers."""
    for number in _numbers_behind(state, rows, key) if key else rows:
        state.looked_at += 1
        yield rows[number]


def _numbers_behind(state: State, rows: dict[int, T], key: str) -> Iterator[int]:
    numbers = list(rows)
    state.looked_at += len(numbers)
    return islice(numbers, bisect_right(numbers, int(key)), None)


def _orders(state: State, account: Account, key: str) -> Rows:
    for order in _behind(state, account.open_orders, key):
        yield str(order.number), views.order_row(state, account, order)


def _leases(state: State, account: Account, key: str) -> Rows:
    for lease in _behind(state, state.leases, key):
        if account is lease.buyer or account is lease.seller:
            yield str(lease.number), views.lease_row(state, account, lease)


def _vms(state: State, account: Account, key: str) -> Rows:
    account_seq = account.account_seq
    for vm in _behind(state, state.vms, key):
        if vm.lease.buyer is account:
            yield str(vm.number), emit.vm_row(vm, account_seq, state.seq, state.now_ms)


def _images(state: State, account: Account, key: str) -> Rows:
    return _by_digest(state, views.usable_images(state, account.account_id), key)


def _for_sale(state: State, account: Account, key: str) -> Rows:
    return _by_digest(state, views.images_for_sale(state, account.account_id), key)


def _by_digest(state: State, rows: Sequence[views.ImageRow], key: str) -> Rows:
    # An image may be given up, and a later one must not take its place.
    state.looked_at += len(state.images)
    for row in sorted(rows, key=lambda image: image.sha256):
        if row.sha256 > key:
            yield row.sha256, row


_OF_KIND: Final[dict[str, Callable[[State, Account, str], Rows]]] = {
    "orders": _orders,
    "leases": _leases,
    "vms": _vms,
    "images": _images,
    "for_sale": _for_sale,
}


def _balances(state: State, after: str | None) -> Iterator[tuple[str, dict[str, views.BalanceRow]]]:
    waiting = after is not None
    for name, account in state.ledger.accounts.items():
        state.looked_at += 1
        if not waiting:
            yield name, {name: views.balance_row(state, account)}
        waiting = waiting and name != after
