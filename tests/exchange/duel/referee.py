"""Engine and oracle side by side: each command goes to both, then everything must be equal.

`Duel` is the referee. It knows how a message is put to the oracle; leases and VMs are judged in
`duel.leases`. After each command all laws must hold, and reply, trades, every order heard of
and everything in `duel.compare` must be the same on both sides.
"""

from collections.abc import Callable
from typing import Any

from exchange.model.commands import Started
from exchange.wire.requests import OrderCancel, OrderMassCancel, OrderPlace, OrderReplace
from exchange.wire.results import Done, OrderResult, Refused
from tests.exchange.duel import compare as duel_compare
from tests.exchange.duel import leases
from tests.exchange.duel.leases import Faults, same_verdict
from tests.exchange.oracle.exchange import Oracle
from tests.exchange.oracle.orders import Order
from tests.exchange.oracle.owed import DAY_MS
from tests.exchange.support import laws
from tests.exchange.support.market import Market


class Duel:
    """A market and its oracle, in the same state after every command."""

    def __init__(self, market: Market, oracle: Oracle) -> None:
        self.market = market
        self.oracle = oracle
        self.trades_seen = 0
        self.epoch = 1
        self.commands = 0
        """How many were put to both."""

    def advance(self, by_ms: int) -> None:
        """Let time pass for both."""
        heard = len(self.market.order_news)
        self.market.advance(by_ms)
        self.oracle.settle(self.market.now_ms)
        self.compare(heard)

    def restart(self, after_ms: int) -> None:
        """The exchange was down for so long: `Started` comes before settling."""
        heard = len(self.market.order_news)
        down_since_ms = self.market.now_ms
        self.market.now_ms += after_ms
        self.epoch += 1
        self.market.must(Started(self.epoch, down_since_ms))
        self.oracle.restart(down_since_ms, self.market.now_ms)
        self.compare(heard)

    def send(self, message: Any, account: str = "", host: str = "", session: int = 0) -> None:
        """Put a command to both; the engine's answer must be one the oracle allows."""
        heard = self.settle()
        reply = self.market.send(message, account, host, session=session)
        self.judge(reply, account, host, message, session)
        self.compare(heard)

    def act(
        self,
        message: Any,
        account: str,
        host: str,
        effect: Callable[[], None],
        key_id: str = "",
        session: int = 0,
    ) -> None:
        """Put a command to the engine that is never refused, and do ``effect`` to the oracle."""
        heard = self.settle()
        reply = self.market.send(message, account, host, key_id, session)
        assert isinstance(reply, Done), f"{message}: {reply}"
        effect()
        self.compare(heard)

    def settle(self) -> int:
        """What is due happens before a command; returns how many order frames came before."""
        heard = len(self.market.order_news)
        self.market.settle()
        self.oracle.settle(self.market.now_ms)
        return heard

    # --- putting a request to the oracle ---

    def judge(
        self, reply: Done | Refused, account: str, host: str, message: Any, session: int
    ) -> None:
        """The oracle accepts or refuses too, and an accepted request has the same result."""
        if isinstance(message, OrderPlace):
            self.judge_place(reply, account, message, session)
        elif isinstance(message, OrderReplace | OrderCancel):
            self.judge_change(reply, account, message)
        elif isinstance(message, OrderMassCancel):
            self.judge_mass_cancel(reply, account, message)
        else:
            leases.judge(self.oracle, reply, account, host, message)

    def judge_place(
        self, reply: Done | Refused, account: str, asked: OrderPlace, session: int
    ) -> None:
        known = self.oracle.find(account, asked.client_order_id)
        if known is not None:
            if same_body(known.asked, asked):
                self.same_result(reply, known, duplicate=True)
            else:
                same_verdict(reply, ["duplicate_client_order_id"])
        elif same_verdict(reply, self.oracle.place_faults(account, asked)):
            self.same_result(reply, self.oracle.place(account, asked, session))

    def judge_mass_cancel(
        self, reply: Done | Refused, account: str, asked: OrderMassCancel
    ) -> None:
        oracle = self.oracle
        faults: Faults = []
        if asked.symbol is not None and not oracle.known(asked.symbol):
            faults.append("unknown_instrument")
        if same_verdict(reply, faults):
            mine = [o for o in oracle.live if o.account == account]
            mine = [o for o in mine if asked.symbol in (None, o.asked.symbol)]
            for order in [o for o in mine if asked.side in (None, o.asked.side)]:
                oracle.finish(order, "canceled", "mass_cancel")

    def judge_change(
        self, reply: Done | Refused, account: str, asked: OrderReplace | OrderCancel
    ) -> None:
        order = self.named(account, asked)
        if order is None:
            same_verdict(reply, ["unknown_order"])
        elif order.done_ms is not None:
            old = order.done_ms <= self.oracle.now_ms - DAY_MS
            same_verdict(reply, ["order_done", *(["unknown_order"] if old else [])])
        elif isinstance(asked, OrderCancel):
            self.oracle.finish(order, "canceled", "user")
            self.same_result(reply, order)
        elif same_verdict(reply, self.oracle.replace_faults(order, asked)):
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

    # --- comparing ---

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

    def compare(self, heard: int | None = None) -> None:
        """All laws hold and everything is equal; ``heard``: order frames told of before."""
        self.commands += 1
        books = laws.check(self.market)
        duel_compare.same(self.market, self.oracle, books)
        self.compare_news(len(self.market.order_news) if heard is None else heard)

    def compare_news(self, heard: int) -> None:
        """The last frame of every order told of now, and the trades, are the oracle's."""
        last = {frame.order_id: frame for frame in self.market.order_news[heard:]}
        for order_id, frame in last.items():
            order = self.oracle.orders[int(order_id.removeprefix("o-")) - 1]
            assert frame.status == order.status, frame
            assert (frame.order_qty, frame.filled_qty) == (order.qty, order.filled), frame
            assert (frame.leaves_qty, frame.price_ucr) == (order.leaves, order.price_ucr), frame
            assert frame.filled_notional_ucr == order.notional_ucr, frame
            assert order.live or frame.reason == order.reason, frame
        trades = self.market.trades[self.trades_seen :]
        self.trades_seen = len(self.market.trades)
        expected = self.oracle.trades[self.trades_seen - len(trades) :]
        assert [(t.symbol, t.price_ucr, t.qty) for t in trades] == [row[:3] for row in expected]


def same_body(one: OrderPlace, other: OrderPlace) -> bool:
    names = [name for name in OrderPlace.__struct_fields__ if name != "req_id"]
    return all(getattr(one, name) == getattr(other, name) for name in names)
