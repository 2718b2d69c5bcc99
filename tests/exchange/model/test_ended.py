"""Ended orders packed into small records are told, stored and forgotten as they were before.

Two exchanges get the same commands. One packs each order soon after it ended, the other keeps all
as they are. Orders of every kind end in every way; all that ever were are canceled, replaced and
repeated again, by both their names, for days in which names come free.

Seen to fail on planted bugs: a block that is dropped with the first of its orders, an order found
that is forgotten, one whose name is not looked up, a request without its rare fields, the oldest
order of a name found before the newest, a bucket that is split or joined without an entry.
"""

from random import Random
from typing import Any

import msgspec
import pytest

from exchange.engine.engine import Engine
from exchange.model.commands import AdvanceTime, Command, JournalMessage, Out
from exchange.model.ended import EndedOrders
from exchange.model.hashed import MEAN, Hashed
from exchange.model.numbered import PAGE, Numbered
from exchange.units import MS_PER_DAY, MS_PER_HOUR
from exchange.wire.requests import OrderCancel, OrderMassCancel, OrderPlace, OrderReplace
from exchange.wire.results import Done, OrderResult, Refused
from tests.exchange.support.market import NANO, SYMBOL, Market

ACCOUNTS = ("ann", "bob")
COMMANDS = 1_200
NAMES = 120
encode = msgspec.msgpack.Encoder().encode


def exchange() -> Market:
    market = Market()
    market.thorough = False
    for number, account in enumerate(ACCOUNTS, 1):
        market.open_account(account, 10**9)
        market.add_host(account, units=400)
        market.announce(account, f"h-{number}", 400, classes=("small", "nano"))
    return market


def packs_early(engine: Engine) -> None:
    state = engine.state
    state.ended_orders = EndedOrders(state.ledger.accounts, keep=2, block=3)


class Twins:
    """An exchange that packs what ended, and one that does not."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(f"ended/{seed}")
        self.packing, self.plain = exchange(), exchange()
        packs_early(self.packing.engine)
        self.order_ids = ["o-0"]
        self.last: dict[tuple[str, str], OrderPlace] = {}
        self.replies: list[str] = []

    def send(self, account: str, message: JournalMessage) -> Any:
        told = [self._apply(market, account, message) for market in (self.packing, self.plain)]
        assert encode(told[0]) == encode(told[1]), message
        return told[0][0][1]

    def _apply(self, market: Market, account: str, message: JournalMessage) -> list[Out]:
        return market.engine.apply(Command(account, "", 0, message), market.now_ms)

    def place(self, account: str, name: str) -> None:
        rng = self.rng
        again = self.last.get((account, name))
        if again is None or rng.random() < 0.5:
            again = self.order(name)
        reply = self.send(account, msgspec.structs.replace(again, req_id=rng.randint(1, 99)))
        if isinstance(reply, Done) and isinstance(reply.result, OrderResult):
            self.last[account, name] = again
            self.order_ids.append(reply.result.order_id)
        self.replies.append("again" if getattr(reply, "duplicate", False) else type(reply).__name__)

    def order(self, name: str) -> OrderPlace:
        rng = self.rng
        kind = rng.choice(("gtc", "gtc", "gtc", "ioc", "fok", "gtd", "market"))
        more: dict[str, Any] = {"time_in_force": kind, "price_ucr": 100 + rng.randint(-4, 4)}
        if kind == "market":
            more = {"order_type": "market", "time_in_force": "ioc"}
        if kind == "gtd":
            more["expire_ms"] = self.plain.now_ms + rng.randint(1, MS_PER_HOUR)
        if rng.random() < 0.1:
            more["min_qty"] = rng.randint(1, 3)
        if rng.random() < 0.1:
            more["hosts"] = [f"h-{rng.randint(1, 2)}"]
        return OrderPlace(
            req_id=1,
            client_order_id=name,
            symbol=rng.choice((SYMBOL, NANO)),
            side=rng.choice(("buy", "sell")),
            qty=rng.randint(1, 5),
            stp=rng.choice(("cancel_newest", "cancel_oldest", "decrement_and_cancel")),
            post_only=kind == "gtc" and rng.random() < 0.1,
            **({"order_type": "limit"} | more),
        )

    def change(self, account: str) -> None:
        """Cancel or replace any order that ever was, by either name, or all."""
        rng = self.rng
        by: dict[str, Any] = {"client_order_id": f"c{rng.randrange(NAMES)}"}
        if rng.random() < 0.5:
            by = {"order_id": rng.choice(self.order_ids)}
        chance = rng.random()
        if chance < 0.02:
            self.send(account, OrderMassCancel(req_id=1))
        elif chance < 0.7:
            self.send(account, OrderCancel(req_id=1, **by))
        else:
            qty, price_ucr = rng.randint(1, 6), 100 + rng.randint(-4, 4)
            self.send(account, OrderReplace(req_id=1, qty=qty, price_ucr=price_ucr, **by))

    def wait(self, ms: int) -> None:
        for market in (self.packing, self.plain):
            market.now_ms += ms
        self.send("", AdvanceTime(forget=True))

    def same(self) -> None:
        packing, plain = self.packing.engine, self.plain.engine
        assert packing.state_hash() == plain.state_hash()
        snapshot = packing.snapshot()
        assert snapshot == plain.snapshot()
        self.packing.engine = again = Engine.restore(snapshot)
        assert again.snapshot() == snapshot, "what a snapshot gives is what it was taken of"
        ended = EndedOrders(again.state.ledger.accounts, keep=1, block=2)
        again.state.ended_orders = ended
        while len(again.state.done_orders) >= ended.pack_at:
            ended.pack(again.state.done_orders)


@pytest.mark.parametrize("seed", range(2))
def test_where_an_ended_order_is_kept_makes_no_difference(seed: int) -> None:
    twins = Twins(seed)
    rng, most = twins.rng, 0
    for number in range(COMMANDS):
        account = rng.choice(ACCOUNTS)
        if rng.random() < 0.5:
            twins.place(account, f"c{rng.randrange(NAMES)}")
        else:
            twins.change(account)
        if number % 10 == 0:
            twins.wait(rng.choice((1_000, MS_PER_HOUR, MS_PER_HOUR)))
        most = max(most, len(twins.packing.engine.state.ended_orders))
        if number % 150 == 149:
            twins.same()
    assert most > 100 and not len(twins.plain.engine.state.ended_orders)
    assert {"again", "Done", "Refused"} <= set(twins.replies)
    twins.wait(2 * MS_PER_DAY)
    twins.same()
    assert not len(twins.packing.engine.state.ended_orders), "after a day nothing is left"


def test_a_day_ends_in_the_middle_of_a_block() -> None:
    market = exchange()
    state = market.engine.state
    state.ended_orders = EndedOrders(state.ledger.accounts, keep=0, block=4)
    for number in range(4):
        market.now_ms += MS_PER_HOUR
        assert isinstance(market.place(f"ann.c{number}", "buy", 1, 100), Done)
        market.must(OrderCancel(req_id=1, client_order_id=f"c{number}"), "ann")
    assert len(state.ended_orders) == 4 and not state.done_orders
    market.now_ms += MS_PER_DAY - 2 * MS_PER_HOUR
    market.send(AdvanceTime(forget=True))
    assert len(state.ended_orders) == 2
    for number, reason in enumerate(("unknown_order", "unknown_order", "order_done", "order_done")):
        by_name = OrderCancel(req_id=1, client_order_id=f"c{number}")
        for cancel in (by_name, OrderCancel(req_id=1, order_id=f"o-{number + 1}")):
            refused = market.send(cancel, "ann")
            assert isinstance(refused, Refused) and refused.reason == reason


def test_a_name_is_found_by_its_hash_while_entries_come_and_go() -> None:
    rng, found = Random("hashed"), Hashed()
    hashes = [rng.getrandbits(64) - 2**63 for _ in range(60 * MEAN)]
    start = 2**32 - 500  # the last 32 bits of a place start again
    for at in range(0, len(hashes), 40):
        found.add(hashes[at : at + 40], start + at)
    for at, hashed in enumerate(hashes):
        assert found.may_have(hashed) and start + at in found.places(hashed, start)
    oldest = start + len(hashes) - 5 * MEAN
    for _ in range(100):  # buckets are joined, too: five would do for what is left
        found.sweep(oldest, start + len(hashes))
    for at, hashed in enumerate(hashes):
        assert found.may_have(hashed) == (start + at >= oldest)
    for _ in range(400):
        found.sweep(start + len(hashes), start + len(hashes))
    assert not any(found.may_have(hashed) for hashed in hashes)
    found.add(hashes[:5], start + len(hashes))
    assert all(found.may_have(hashed) for hashed in hashes[:5])


def test_the_newest_of_a_name_is_found_first() -> None:
    found = Hashed()
    found.add([7, 7], 10)
    assert found.places(7, 10) == [11, 10]


def test_a_number_is_found_until_its_page_is_old() -> None:
    found = Numbered()
    found.add(list(range(10 * PAGE)), 0)
    assert [found.place(number) for number in (0, PAGE, 10 * PAGE)] == [0, PAGE, -1]
    for _ in range(10):
        found.sweep(5 * PAGE)
    assert found.place(PAGE) == -1 and found.place(5 * PAGE) == 5 * PAGE
