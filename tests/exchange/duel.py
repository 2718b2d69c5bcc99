"""Engine and oracle side by side: each command goes to both, then everything must be equal.

`Duel` is the referee. It knows how a message is put to the oracle, and after each command compares
the reply, the trades, every order heard of, every account's money, both queues and all levels of
every book, every lease, the use of every host and the next deadline.
"""

from collections.abc import Callable
from itertools import groupby
from typing import Any

from exchange.commands import Done, OrderResult, Refused
from exchange.frames import OrderUpdate
from exchange.protocol import (
    LeaseRecall,
    LeaseRelease,
    OrderCancel,
    OrderMassCancel,
    OrderPlace,
    OrderReplace,
)
from tests.exchange.laws import SIDES
from tests.exchange.market import Market, queue
from tests.exchange.oracle import Oracle
from tests.exchange.oracle_leases import Lease
from tests.exchange.oracle_orders import Order

Faults = list[str]
DAY_MS = 24 * 3_600_000


class Duel:
    """A market and its oracle, in the same state after every command."""

    def __init__(self, market: Market, oracle: Oracle) -> None:
        self.market = market
        self.oracle = oracle
        self.trades_seen = 0
        self.order_frames_seen: list[OrderUpdate] = []

    def advance(self, by_ms: int) -> None:
        """Let time pass for both."""
        self.market.advance(by_ms)
        self.oracle.settle(self.market.now_ms)
        self.compare()

    def send(self, message: Any, account: str = "", host: str = "") -> None:
        """Put a command to both; the engine's answer must be one the oracle allows."""
        self.market.settle()
        self.oracle.settle(self.market.now_ms)
        heard = len(self.market.order_news)
        reply = self.market.send(message, account, host)
        self.judge(reply, account, message)
        self.compare()
        self.compare_news(heard)

    def act(self, message: Any, account: str, host: str, effect: Callable[[], None]) -> None:
        """Put a command to the engine that is never refused, and do ``effect`` to the oracle."""
        self.market.settle()
        self.oracle.settle(self.market.now_ms)
        heard = len(self.market.order_news)
        reply = self.market.send(message, account, host)
        assert isinstance(reply, Done), f"{message}: {reply}"
        effect()
        self.compare()
        self.compare_news(heard)

    # --- putting a request to the oracle ---

    def judge(self, reply: Done | Refused, account: str, message: Any) -> None:
        """The oracle accepts or refuses too, and an accepted request has the same result."""
        oracle = self.oracle
        if isinstance(message, OrderPlace):
            self.judge_place(reply, account, message)
        elif isinstance(message, OrderReplace | OrderCancel):
            self.judge_change(reply, account, message)
        elif isinstance(message, OrderMassCancel):
            mine = [o for o in oracle.live if o.account == account]
            mine = [o for o in mine if message.symbol in (None, o.asked.symbol)]
            for order in [o for o in mine if message.side in (None, o.asked.side)]:
                oracle.finish(order, "canceled", "mass_cancel")
        else:
            assert isinstance(message, LeaseRelease | LeaseRecall)
            self.judge_lease(reply, account, message)

    def judge_place(self, reply: Done | Refused, account: str, asked: OrderPlace) -> None:
        known = self.oracle.find(account, asked.client_order_id)
        if known is not None:
            if self.same_body(known.asked, asked):
                self.same_result(reply, known, duplicate=True)
            else:
                self.same_verdict(reply, ["duplicate_client_order_id"])
        elif self.same_verdict(reply, self.oracle.place_faults(account, asked)):
            self.same_result(reply, self.oracle.place(account, asked))

    @staticmethod
    def same_body(one: OrderPlace, other: OrderPlace) -> bool:
        names = [name for name in OrderPlace.__struct_fields__ if name != "req_id"]
        return all(getattr(one, name) == getattr(other, name) for name in names)

    def judge_change(
        self, reply: Done | Refused, account: str, asked: OrderReplace | OrderCancel
    ) -> None:
        order = self.named(account, asked)
        if order is None:
            self.same_verdict(reply, ["unknown_order"])
        elif order.done_ms is not None:
            old = order.done_ms <= self.oracle.now_ms - DAY_MS
            self.same_verdict(reply, ["order_done", *(["unknown_order"] if old else [])])
        elif isinstance(asked, OrderCancel):
            self.oracle.finish(order, "canceled", "user")
            self.same_result(reply, order)
        elif self.same_verdict(reply, self.oracle.replace_faults(order, asked)):
            before = len(order.fills)
            self.oracle.replace(order, asked)
            self.same_result(reply, order, fills_from=before)

    def named(self, account: str, asked: OrderReplace | OrderCancel) -> Order | None:
        """The account's order that a request names."""
        if asked.order_id is None:
            return self.oracle.named.get((account, asked.client_order_id or ""))
        number = int(asked.order_id.removeprefix("o-"))
        orders = self.oracle.orders
        order = orders[number - 1] if number <= len(orders) else None
        return order if order is not None and order.account == account else None

    def judge_lease(
        self, reply: Done | Refused, account: str, asked: LeaseRelease | LeaseRecall
    ) -> None:
        lease = self.lease(asked.lease_id)
        mine = isinstance(asked, LeaseRelease)
        if lease is None or account != (lease.buyer if mine else lease.seller):
            self.same_verdict(reply, ["unknown_lease", "lease_ended"])
        elif isinstance(asked, LeaseRelease):
            self.judge_release(reply, lease, asked)
        elif self.same_verdict(reply, self.oracle.recall_faults(lease, asked.units)):
            self.oracle.recall(lease, asked.units or lease.recallable)

    def judge_release(self, reply: Done | Refused, lease: Lease, asked: LeaseRelease) -> None:
        units = asked.units or lease.units
        if not self.same_verdict(reply, self.oracle.release_faults(lease, units)):
            return
        if asked.at_ms is not None and asked.at_ms > self.oracle.now_ms:
            lease.release = (asked.at_ms, asked.units or 0)
        else:
            self.oracle.give_back(lease, units)

    def lease(self, lease_id: str) -> Lease | None:
        return next((one for one in self.oracle.leases if f"l-{one.number}" == lease_id), None)

    # --- comparing ---

    def same_verdict(self, reply: Done | Refused, faults: Faults) -> bool:
        """Both accept (True), or the engine refuses for one of the oracle's reasons."""
        if isinstance(reply, Refused):
            assert reply.reason in faults, f"refused for {reply}, the oracle finds {faults}"
            return False
        assert not faults, f"accepted: {reply}, the oracle finds {faults}"
        return True

    def same_result(
        self,
        reply: Done | Refused,
        order: Order,
        *,
        duplicate: bool = False,
        fills_from: int = 0,
    ) -> None:
        """The ack says of the order what the oracle has of it."""
        assert isinstance(reply, Done), reply
        result = reply.result
        assert isinstance(result, OrderResult)
        assert result.duplicate == reply.duplicate == duplicate
        assert result.order_id == f"o-{order.number}"
        assert (result.status, result.reason) == (order.status, order.reason), result
        assert (result.filled_qty, result.leaves_qty) == (order.filled, order.leaves), result
        fills = [(fill.price_ucr, fill.qty) for fill in result.fills]
        assert fills == order.fills[fills_from:], result

    def compare(self) -> None:
        """Everything there is, recomputed by the oracle from its smallest parts."""
        engine, oracle = self.market.engine, self.oracle
        state = engine.state
        holds = oracle.holds()
        for name, account in state.ledger.accounts.items():
            expected = (oracle.cash.get(name, 0) - holds[name], holds[name])
            assert (account.available_ucr, account.held_ucr) == expected, name
        assert sum(oracle.cash.values()) == 0
        for symbol in state.instruments:
            self.compare_book(symbol)
        self.compare_leases()
        for name, used in oracle.uses().items():
            use = state.hosts[name].spot
            assert (use.mvcpu, use.mem_mib, use.disk_mib) == used, name
            room = oracle.hosts[name].room
            if used[0] > room[0] or used[1] > room[1] or used[2] > room[2]:
                recalled = [
                    lease for lease in oracle.leases if lease.host == name and lease.recalls
                ]
                assert recalled, f"{name} is oversold"
        assert engine.next_deadline_ms() == oracle.next_deadline_ms()

    def compare_book(self, symbol: str) -> None:
        """Queues in order, level sums, and never crossed."""
        best = []
        for side in SIDES:
            rows = [
                (o.account, o.asked.client_order_id, o.leaves, o.price)
                for o in self.oracle.queue(symbol, side)
            ]
            assert queue(self.market.engine, symbol, side) == rows
            levels = []
            for price, level in groupby(rows, lambda row: row[3]):
                leaves = [row[2] for row in level]
                levels.append((price, sum(leaves), len(leaves)))
            assert self.market.engine.levels(symbol, side, 0) == levels
            best += [levels[0][0]] if levels else []
        assert len(best) < len(SIDES) or best[0] < best[1], f"{symbol} is crossed"

    def compare_leases(self) -> None:
        have = [
            (
                lease.number,
                lease.buyer.account_id,
                lease.seller.account_id,
                lease.host.host_id,
                lease.units,
                lease.price_ucr,
                lease.charged_ucr,
                lease.hold_ucr,
                lease.ends_ms,
            )
            for lease in self.market.engine.state.leases.values()
        ]
        assert have == [
            (
                one.number,
                one.buyer,
                one.seller,
                one.host,
                one.units,
                one.price_ucr,
                one.charged_ucr,
                one.hold_ucr,
                one.ends_ms,
            )
            for one in self.oracle.leases
        ]

    def compare_news(self, heard: int) -> None:
        """The last frame of every order told of now, and the trades, are the oracle's."""
        last = {frame.order_id: frame for frame in self.market.order_news[heard:]}
        for order_id, frame in last.items():
            order = self.oracle.orders[int(order_id.removeprefix("o-")) - 1]
            assert frame.status == order.status, frame
            assert (frame.order_qty, frame.filled_qty) == (order.qty, order.filled), frame
            assert (frame.leaves_qty, frame.price_ucr) == (order.leaves, order.price_ucr), frame
            assert frame.filled_notional_ucr == order.notional_ucr, frame
        trades = self.market.trades[self.trades_seen :]
        self.trades_seen = len(self.market.trades)
        expected = self.oracle.trades[self.trades_seen - len(trades) :]
        assert [(t.symbol, t.price_ucr, t.qty) for t in trades] == [row[:3] for row in expected]
