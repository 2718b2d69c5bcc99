"""Limits on requests: budgets per account, host, connection and address. Pure.

What a request costs is in `costs`. Each account has one budget for orders, one for cancels and one
for all other changes, at the rate the operator sets. Answers are charged by their size after they
are made: a budget may go negative, and the next question waits until it is positive again. A client
that goes on asking after a refusal is read more slowly. Source: rules.md 3.7; the figures are in
security.md, "Limits".
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from exchange.bucket import Bucket
from exchange.session.addresses import Addresses
from exchange.session.costs import COSTS, KIB, Cost
from exchange.session.session import Session
from exchange.wire.results import Refused

CHANGES_SAVED_S: Final = 2
COSTLY_PER_S: Final = 200
COSTLY_SAVED_S: Final = 10
"""Questions a connection may ask, however small their answers."""
ANSWERS_PER_S: Final = 1024 * KIB
ANSWERS_SAVED_S: Final = 4
"""Bytes of answers a second for an account."""
STRANGER_PER_S: Final = 512 * KIB
STRANGER_SAVED_S: Final = 2
"""Bytes of answers a second for a connection without a login."""
HOST_PER_S: Final = 200
HOST_SAVED_S: Final = 30
"""Messages of a host; after an interruption many may come at once."""
OPERATOR_PER_S: Final = 1_000
OPERATOR_SAVED_S: Final = 10
LOOKED_AT_PER_TOKEN: Final = 100
"""Scanning this many orders takes as long as handling one more request."""
LOOKED_AT_BYTES: Final = 4
"""Bytes charged for each row scanned to find the first row of a page: scanning a row takes as long
as sending this many bytes."""
REFUSALS_PER_S: Final = 200
REFUSALS_SAVED_S: Final = 10
REST_MAX_MS: Final = 500
"""The longest time a connection is not read after refused requests."""
CONNECTIONS_PER_ACCOUNT_MAX: Final = 500


class Budgets:
    """The budgets of one account, shared by all its connections."""

    __slots__ = ("_by_kind", "answers")

    def __init__(self, now_ms: int, orders_per_s: int) -> None:
        self._by_kind = {
            "orders": Bucket(now_ms, orders_per_s),
            "cancels": Bucket(now_ms, orders_per_s),
            "changes": Bucket(now_ms, orders_per_s, CHANGES_SAVED_S),
        }
        self.answers = Bucket(now_ms, ANSWERS_PER_S, ANSWERS_SAVED_S)

    def take(self, kind: str, now_ms: int, orders_per_s: int) -> Refused | None:
        """Spend one token: cancels and changes pass when orders do not."""
        wait_ms = self._by_kind[kind].take(now_ms, orders_per_s)
        return _limited(wait_ms, f"more than {orders_per_s} a second") if wait_ms else None

    def spend(self, kind: str, tokens: int, now_ms: int, orders_per_s: int) -> None:
        """Take this many tokens even if the bucket goes negative: the next request then waits."""
        self._by_kind[kind].spend(now_ms, orders_per_s, tokens)


class Keyed:
    """A bucket for each name, all with one rate. Names are accounts and hosts, so they are
    bounded."""

    def __init__(self, per_s: int, saved_s: int) -> None:
        self.per_s = per_s
        self.saved_s = saved_s
        self._buckets: dict[str, Bucket] = {}

    def of(self, name: str, now_ms: int) -> Bucket:
        """Return the bucket of ``name``."""
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(now_ms, self.per_s, self.saved_s)
        return bucket

    def take(self, name: str, now_ms: int) -> Refused | None:
        """Spend one token of ``name``."""
        wait_ms = self.of(name, now_ms).take(now_ms, self.per_s)
        return _limited(wait_ms, f"more than {self.per_s} a second")


class Limits:
    """All budgets of one gateway. ``orders_per_s(account)``: its limit, 0 is unlimited.

    ``_accounts`` holds at most one entry an account, and only the operator opens accounts.
    """

    def __init__(self, orders_per_s: Callable[[str], int]) -> None:
        self.addresses = Addresses()
        self._orders_per_s = orders_per_s
        self._accounts: dict[str, Budgets] = {}
        self._hosts = Keyed(HOST_PER_S, HOST_SAVED_S)
        self._operators = Keyed(OPERATOR_PER_S, OPERATOR_SAVED_S)
        self.refusals = Keyed(REFUSALS_PER_S, REFUSALS_SAVED_S)

    def refusal(self, session: Session, message: Any, now_ms: int) -> Refused | None:
        """Spend what ``message`` costs; returns why it is not handled, None when it may be."""
        return self.spend(session, type(message), now_ms)

    def spend(self, session: Session, kind: type[Struct], now_ms: int) -> Refused | None:
        """The same, for any message of this type."""
        if session.role is None:
            wait_ms = self.addresses.frame(session.peer, now_ms)
            if wait_ms:
                return _limited(wait_ms, "too many requests before login")
        cost = COSTS[kind]
        match cost.budget:
            case "orders" | "cancels" | "changes":
                per_s = self._orders_per_s(session.account)
                return self._of(session.account, now_ms).take(cost.budget, now_ms, per_s)
            case "questions":
                return self._question(session, cost, now_ms)
            case "host":
                return self._hosts.take(session.host, now_ms)
            case "operator":
                return self._operators.take(session.account, now_ms)
            case "enrollments":
                wait_ms = self.addresses.enroll(session.peer, now_ms)
                return _limited(wait_ms, "too many enrollments from your address")
            case "applications":
                wait_ms = self.addresses.apply(session.peer, now_ms)
                return _limited(wait_ms, "one application a minute from one address")

    def answered(self, session: Session, message: Any, size: int, now_ms: int) -> None:
        """Charge ``size`` bytes of answers to ``message``, if its answers are weighed."""
        cost = COSTS[type(message)]
        if cost.weighed:
            self._pay(session, max(size, cost.least), now_ms)

    def canceled(self, account: str, count: int, now_ms: int) -> None:
        """One request, or a lost connection, canceled ``count`` orders of ``account``: charge them
        all, so that placing as many again must wait."""
        self._charge(account, "orders", count, now_ms)

    def looked_at(self, session: Session, kind: type[Struct], count: int, now_ms: int) -> None:
        """A request scanned ``count`` orders: charge it as several requests."""
        tokens, budget = count // LOOKED_AT_PER_TOKEN, COSTS[kind].budget
        if budget == "host":
            self._hosts.of(session.host, now_ms).spend(now_ms, HOST_PER_S, tokens)
        elif budget in ("orders", "cancels", "changes"):
            self._charge(session.account, budget, tokens, now_ms)

    def rows_looked_at(self, session: Session, count: int, now_ms: int) -> None:
        """A page needed ``count`` rows to be scanned: charge them in addition to its bytes."""
        self._pay(session, count * LOOKED_AT_BYTES, now_ms)

    def looked_at_end(self, account: str, count: int, now_ms: int) -> None:
        """The same for a dropped armed connection: its account must wait to arm the next one."""
        self._charge(account, "changes", count // LOOKED_AT_PER_TOKEN, now_ms)

    def _charge(self, account: str, budget: str, tokens: int, now_ms: int) -> None:
        if tokens:
            per_s = self._orders_per_s(account)
            self._of(account, now_ms).spend(budget, tokens, now_ms, per_s)

    def rest_ms(self, session: Session, now_ms: int) -> int:
        """A request of the session was refused: return for how long not to read its connection."""
        if who := session.host or session.account:
            bucket = self.refusals.of(who, now_ms)
        else:
            bucket = session.refusals or Bucket(now_ms, REFUSALS_PER_S, REFUSALS_SAVED_S)
            session.refusals = bucket
        bucket.spend(now_ms, REFUSALS_PER_S, 1, debt_s=1)
        return min(bucket.wait_ms(now_ms, REFUSALS_PER_S), REST_MAX_MS)

    def _of(self, account: str, now_ms: int) -> Budgets:
        budgets = self._accounts.get(account)
        if budgets is None:
            budgets = Budgets(now_ms, self._orders_per_s(account))
            self._accounts[account] = budgets
        return budgets

    def _question(self, session: Session, cost: Cost, now_ms: int) -> Refused | None:
        bucket = session.costly
        if bucket is None:
            bucket = session.costly = Bucket(now_ms, COSTLY_PER_S, COSTLY_SAVED_S)
        if cost.weighed:
            self._pay(session, session.take_unpaid(), now_ms)
            answers, per_s = self._answers(session, now_ms)
            if wait_ms := answers.wait_ms(now_ms, per_s):
                return _limited(wait_ms, f"answers of more than {per_s // KIB} KiB a second")
        return _limited(bucket.take(now_ms, COSTLY_PER_S), f"more than {COSTLY_PER_S} a second")

    def _pay(self, session: Session, size: int, now_ms: int) -> None:
        if size:
            answers, per_s = self._answers(session, now_ms)
            answers.spend(now_ms, per_s, size)

    def _answers(self, session: Session, now_ms: int) -> tuple[Bucket, int]:
        """Return the bucket that pays for the session's answers, and its rate."""
        if session.account:
            return self._of(session.account, now_ms).answers, ANSWERS_PER_S
        if session.answers is None:
            session.answers = Bucket(now_ms, STRANGER_PER_S, STRANGER_SAVED_S)
        return session.answers, STRANGER_PER_S


def _limited(wait_ms: int, text: str) -> Refused | None:
    return Refused("rate_limited", text, retry_after_ms=wait_ms) if wait_ms else None
