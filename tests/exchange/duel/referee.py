"""Engine and oracle side by side: each command goes to both, then everything must be equal.

`Duel` is the referee; a `Clerk` puts each message to the oracle. After each command all laws must
hold, and reply, trades, every order heard of and everything in `duel.compare` must be the same on
both sides.
"""

from typing import Any

from exchange.model.commands import Command, Started
from exchange.wire.requests import (
    OrderCancel,
    OrderPlace,
    OrderReplace,
    UsageReport,
    VmStart,
    VmStatus,
)
from exchange.wire.results import Done, OrderResult, Refused
from sim.oracle.clerk import Clerk
from sim.oracle.entry_leases import known_vm
from sim.oracle.entry_orders import named
from sim.oracle.orders import Order
from sim.oracle.owed import DAY_MS
from tests.exchange.duel import compare as duel_compare
from tests.exchange.support import laws
from tests.exchange.support.market import Market


class Duel:
    """A market and its oracle, in the same state after every command."""

    def __init__(self, market: Market) -> None:
        """Whatever ``market`` has done so far is put to the oracle first."""
        self.market = market
        self.clerk = Clerk()
        self.oracle = self.clerk.oracle
        for command, now_ms in market.journal:
            self.clerk.settle(command, now_ms)
            self.clerk.enter(command)
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

    def send(
        self, message: Any, account: str = "", host: str = "", session: int = 0
    ) -> Done | Refused:
        """Put a command to both; the engine's answer must be one the oracle allows."""
        heard = self.settle()
        reply = self.market.send(message, account, host, session=session)
        self.judge(reply, Command(account, host, session, message))
        self.compare(heard)
        return reply

    def act(
        self,
        message: Any,
        account: str = "",
        host: str = "",
        key_id: str = "",
        session: int = 0,
    ) -> None:
        """Put a command to both that is never refused."""
        heard = self.settle()
        reply = self.market.send(message, account, host, key_id, session)
        assert isinstance(reply, Done), f"{message}: {reply}"
        if not reply.duplicate:
            self.clerk.enter(Command(account, host, session, message, key_id))
        self.compare(heard)

    def settle(self) -> int:
        """What is due happens before a command; returns how many order frames came before."""
        heard = len(self.market.order_news)
        self.market.settle()
        self.oracle.settle(self.market.now_ms)
        return heard

    # --- putting a request to the oracle ---

    def judge(self, reply: Done | Refused, command: Command) -> None:
        """The oracle accepts or refuses too, and an accepted request has the same result."""
        asked, oracle = command.message, self.oracle
        if isinstance(asked, OrderPlace) and self.repeated(reply, command.account, asked):
            return
        if isinstance(asked, VmStart) and self.started_before(reply, command.account, asked):
            return
        if not same_verdict(reply, self.clerk.faults(command)):
            return
        assert isinstance(reply, Done)
        if isinstance(asked, VmStatus) and oracle.repeats(known_vm(oracle, asked.vm_id), asked):
            return
        order, before = None, 0
        if isinstance(asked, OrderReplace | OrderCancel):
            order = named(oracle, command, asked)
        if order is not None and isinstance(asked, OrderReplace):
            before = len(order.fills)
        self.clerk.enter(command)
        if isinstance(asked, OrderPlace):
            order = oracle.orders[-1]
        if order is not None:
            self.same_result(reply, order, fills_from=before)
        else:
            self.same_answer(reply, asked)

    def same_answer(self, reply: Done, asked: Any) -> None:
        """What the answer says of a VM."""
        match asked:
            case VmStart():
                expected: Any = {"vm_id": f"v-{self.oracle.started}", "duplicate": False}
                assert (reply.result, reply.duplicate) == (expected, False)
            case VmStatus():
                assert (reply.result, reply.duplicate) == ({"state": asked.state}, False)
            case UsageReport():
                vm = known_vm(self.oracle, asked.vm_id)
                assert reply.result == {"cpu_ms": vm.cpu_ms}
            case _:
                pass

    def repeated(self, reply: Done | Refused, account: str, asked: OrderPlace) -> bool:
        """Was an order of that id placed before? Then it is the same, or refused."""
        known = self.oracle.find(account, asked.client_order_id)
        if known is None:
            return False
        if same_body(known.asked, asked):
            self.same_result(reply, known, duplicate=True)
        else:
            same_verdict(reply, ["duplicate_client_order_id"])
        return True

    def started_before(self, reply: Done | Refused, account: str, asked: VmStart) -> bool:
        """Asked for twice by the same name and body it is the same VM (rules.md 4.6)."""
        oracle, number = self.oracle, int(asked.lease_id.removeprefix("l-"))
        known = oracle.names.get((number, asked.name))
        if known is None or known[1].lease.buyer != account:
            return False
        body, vm = known
        if isinstance(reply, Refused) and reply.reason == "unknown_lease":
            assert oracle.ended.get(number, oracle.now_ms) <= oracle.now_ms - DAY_MS
        elif body == asked:
            assert isinstance(reply, Done) and reply.duplicate, reply
            assert reply.result == {"vm_id": f"v-{vm.number}", "duplicate": True}
        else:
            same_verdict(reply, ["vm_exists"])
        return True

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


def same_verdict(reply: Done | Refused, faults: list[str]) -> bool:
    """Both accept (True), or the engine refuses for one of the oracle's reasons."""
    if isinstance(reply, Refused):
        assert reply.reason in faults, f"refused for {reply}, the oracle finds {faults}"
        return False
    assert not faults, f"accepted: {reply}, the oracle finds {faults}"
    return True
