"""What the exchange tells of the account: its state after a login, then frames in order. Pure."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from exchange.units import count_text, credits_text
from exchange.wire.frames import (
    AccountFrame,
    BalanceUpdate,
    Charge,
    LeaseUpdate,
    Notice,
    OrderUpdate,
    VmUpdate,
)
from manager.core.account import Account, bought_by_rule
from manager.core.backoff import AVOID_MS, Backoff
from manager.core.bids import placed_ms, rule_of
from manager.core.budget import Budget
from manager.core.deposit import Deposit
from manager.core.farm import Farm
from manager.core.forward import Forward
from manager.core.hand import whose
from manager.core.handover import Handover
from manager.core.messages import Connected, PastCharge
from manager.core.outgoing import Outgoing
from manager.core.past_failures import failures
from manager.core.purchase import Purchases
from manager.core.rented import RentedUnits
from manager.core.rules import Rules
from manager.core.windows import window_ms

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
        handover: Handover,
        forward: Forward,
        deposit: Deposit,
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
        self._handover = handover
        self._forward = forward
        self._deposit = deposit
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
        self._forward.rebuild(state.orders)
        self._handover.reset()
        state = replace(state, leases=[r for r in state.leases if not self._handover.keeps(r)])
        ids = [row.client_order_id for row in state.orders if not window_ms(row.symbol)]
        ids += [row.client_order_id or "" for row in state.leases if not window_ms(row.symbol)]
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
                self._forward.updated(frame)
            case LeaseUpdate():
                self._lease(frame)
            case VmUpdate():
                self._account.vm(frame)
            case Notice():
                self._account.notice(frame)
            case Charge():
                self._charge(frame)
            case BalanceUpdate():
                self._deposit.balance(frame.available_ucr)

    def adopt(self, row: LeaseUpdate) -> None:
        """Take a lease of a rule into the rented units, or what is new about it."""
        lease = self._account.lease(row)
        if lease is not None:
            self._budget.lease(lease.lease_id, lease.rule, row.charged_ucr, self._outgoing.now_ms)

    def _lease(self, row: LeaseUpdate) -> None:
        seen = row.lease_id in self._rented.leases or self._handover.knows(row.lease_id)
        if not seen and row.state != "ended":
            order_id = row.client_order_id or ""
            self._purchases.leased(order_id, row.units)
            self._forward.leased(order_id, row.units)
            self._tell_ahead(row)
        if not self._handover.keeps(row):
            self.adopt(row)

    def _tell_ahead(self, row: LeaseUpdate) -> None:
        if window_ms(row.symbol) and bought_by_rule(row):
            price, name = credits_text(row.price_ucr), rule_of(row.client_order_id or "")
            what = f"{count_text(row.units, 'unit')} of {row.symbol} at {price} credits"
            self._outgoing.log("leased", f"{whose(name)}: {row.lease_id}: {what}")

    def _charge(self, frame: Charge) -> None:
        """A window is charged at its end, and counts for the day in which it began."""
        now_ms, lease = self._outgoing.now_ms, self._rented.leases.get(frame.lease_id)
        for_ms = lease.window_ms if lease is not None and lease.window_ms else now_ms
        rule = self._budget.charged(frame.lease_id, frame.amount_ucr, now_ms, for_ms)
        if rule is not None:
            self._rules.charged(rule)
