"""What the exchange tells of the account: its state after a login, then frames in order. Pure."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from exchange.wire.frames import (
    AccountFrame,
    BalanceUpdate,
    Charge,
    LeaseUpdate,
    Notice,
    OrderUpdate,
    VmUpdate,
)
from manager.core.account import Account
from manager.core.backoff import AVOID_MS, Backoff
from manager.core.budget import Budget
from manager.core.farm import Farm
from manager.core.messages import Connected, PastCharge
from manager.core.outgoing import Outgoing
from manager.core.past_failures import failures
from manager.core.purchase import Purchases, placed_ms, rule_of
from manager.core.rented import RentedUnits
from manager.core.rules import Rules

EARLY_MAX: Final = 1_000
"""Frames kept while the account's state is being read."""


class AccountFeed:
    """Tells each part of the core what concerns it, and nothing twice."""

    def __init__(
        self,
        outgoing: Outgoing,
        farm: Farm,
        rented: RentedUnits,
        account: Account,
        purchases: Purchases,
        budget: Budget,
        backoff: Backoff,
        rules: Rules,
    ) -> None:
        self._outgoing = outgoing
        self._farm = farm
        self._rented = rented
        self._account = account
        self._purchases = purchases
        self._budget = budget
        self._backoff = backoff
        self._past: Sequence[PastCharge] = []
        self._rules = rules
        self._account_seq = 0
        self._early: deque[AccountFrame] = deque(maxlen=EARLY_MAX)

    def past(self, rows: Sequence[PastCharge]) -> None:
        """Take this month's charges from before the start."""
        self._budget.past(rows, self._outgoing.now_ms)
        self._past = rows

    def state(self, state: Connected) -> None:
        """Take the account's state after a login."""
        self._account_seq = state.account_seq
        if state.exchange_ms:
            self._outgoing.heard(state.exchange_ms)
        self._purchases.rebuild(state.orders, self._farm.by_name)
        ids = [row.client_order_id for row in state.orders]
        ids += [row.client_order_id or "" for row in state.leases]
        for client_order_id in ids:
            self._rules.fired_before(rule_of(client_order_id), placed_ms(client_order_id))
        self._account.rebuild(state)
        self._remember(state.leases)
        now_ms = self._outgoing.now_ms
        for row in state.leases:
            lease = self._rented.leases.get(row.lease_id)
            if lease is not None:
                self._budget.lease(lease.lease_id, lease.rule, row.charged_ucr, now_ms)

    def _remember(self, leases: Sequence[LeaseUpdate]) -> None:
        """Back off as the Manager before this one would, once."""
        past, self._past = self._past, []
        now_ms = self._outgoing.exchange_ms
        found = failures(past, leases, now_ms - AVOID_MS, now_ms)
        for rule in self._farm.config.rules if found else ():
            vm, symbols = self._farm.vm_of(rule.name), self._purchases.symbols(rule)
            if vm is not None and rule.buys:
                failed = [one for one in found if one.symbol in symbols]
                self._backoff.remember(vm, failed, now_ms - self._outgoing.now_ms)

    def early(self) -> None:
        """Take the frames that came while the state was being read."""
        early, self._early = list(self._early), deque(maxlen=EARLY_MAX)
        for frame in early:
            self.frame(frame)

    def frame(self, frame: AccountFrame) -> None:
        """Take one frame; what the state already contained changes nothing."""
        if frame.account_seq <= self._account_seq:
            return  # contained in the state that `Connected` brought
        if not self._outgoing.online:
            self._early.append(frame)  # newer than the state to come, or contained in it
            return
        self._account_seq = frame.account_seq
        self._outgoing.heard(frame.ts_ms)
        match frame:
            case OrderUpdate():
                self._purchases.updated(frame)
            case LeaseUpdate():
                self._lease(frame)
            case VmUpdate():
                self._account.vm(frame)
            case Notice():
                self._account.notice(frame)
            case Charge():
                rule = self._budget.charged(frame.lease_id, frame.amount_ucr, self._outgoing.now_ms)
                if rule is not None:
                    self._rules.charged(rule)
            case BalanceUpdate():
                pass

    def _lease(self, row: LeaseUpdate) -> None:
        lease = self._account.lease(row)
        if lease is not None:
            self._purchases.leased(row.client_order_id or "", row.units)
            self._budget.lease(lease.lease_id, lease.rule, row.charged_ucr, self._outgoing.now_ms)
