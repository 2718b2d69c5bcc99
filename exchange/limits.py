"""Who sends too much: budgets per account, per connection and per address. Pure.

Orders and cancels have a budget per account, set by the operator. What is costly to answer has one
per connection, and whoever has not logged in one per address. Source: protocol.md ("Login",
"Operator and sign-up"); domain.md: rate limits come before the engine.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from exchange import operator_requests
from exchange.addresses import Addresses
from exchange.bucket import Bucket
from exchange.commands import Refused
from exchange.protocol import (
    AccountApply,
    AccountState,
    AccountStatement,
    ImageList,
    OrderCancel,
    OrderList,
    OrderMassCancel,
    OrderPlace,
    OrderReplace,
    Subscribe,
    VmConsole,
)
from exchange.session import Session

BUDGETED: Final = frozenset({OrderPlace, OrderReplace, OrderCancel, OrderMassCancel})
"""Counted per account."""
COSTLY: Final = frozenset(
    {
        Subscribe,
        AccountState,
        AccountStatement,
        OrderList,
        ImageList,
        VmConsole,
        operator_requests.AdminBalances,
    }
)
"""Counted per connection: the answer is much longer than the question."""
COSTLY_PER_S: Final = 200
COSTLY_SAVED_S: Final = 10
CONNECTIONS_PER_ACCOUNT_MAX: Final = 500


class Budgets:
    """Order and cancel budgets of one account, shared by all its connections."""

    __slots__ = ("_cancels", "_orders")

    def __init__(self, now_ms: int, orders_per_s: int) -> None:
        self._orders = Bucket(now_ms, orders_per_s)
        self._cancels = Bucket(now_ms, orders_per_s)

    def take(self, message_type: type[Struct], now_ms: int, orders_per_s: int) -> Refused | None:
        """Spend one token; cancels have a budget of their own, so they pass when orders do not."""
        cancels = message_type is OrderCancel or message_type is OrderMassCancel
        bucket = self._cancels if cancels else self._orders
        return _limited(bucket.take(now_ms, orders_per_s), f"more than {orders_per_s} a second")


class Limits:
    """All budgets of one gateway. ``orders_per_s(account)``: its limit, 0 is unlimited.

    ``_accounts`` holds at most one entry an account, and only the operator opens accounts.
    """

    def __init__(self, orders_per_s: Callable[[str], int]) -> None:
        self.addresses = Addresses()
        self._orders_per_s = orders_per_s
        self._accounts: dict[str, Budgets] = {}

    def refusal(self, session: Session, message: Any, now_ms: int) -> Refused | None:
        """Spend what ``message`` costs; returns why it is not handled, None when it may be."""
        kind = type(message)
        if session.role is None:
            wait_ms = self.addresses.frame(session.peer, now_ms)
            if wait_ms:
                return _limited(wait_ms, "too many requests before login")
        if kind is AccountApply:
            wait_ms = self.addresses.apply(session.peer, now_ms)
            return _limited(wait_ms, "one application a minute from one address")
        if kind in BUDGETED:
            return self._orders(session.account, kind, now_ms)
        if kind in COSTLY:
            return self._costly(session, now_ms)
        return None

    def _orders(self, account: str, kind: type[Struct], now_ms: int) -> Refused | None:
        per_s = self._orders_per_s(account)
        budgets = self._accounts.get(account)
        if budgets is None:
            budgets = self._accounts[account] = Budgets(now_ms, per_s)
        return budgets.take(kind, now_ms, per_s)

    def _costly(self, session: Session, now_ms: int) -> Refused | None:
        bucket = session.costly
        if bucket is None:
            bucket = session.costly = Bucket(now_ms, COSTLY_PER_S, COSTLY_SAVED_S)
        return _limited(bucket.take(now_ms, COSTLY_PER_S), f"more than {COSTLY_PER_S} a second")


def _limited(wait_ms: int, text: str) -> Refused | None:
    return Refused("rate_limited", text, retry_after_ms=wait_ms) if wait_ms else None
