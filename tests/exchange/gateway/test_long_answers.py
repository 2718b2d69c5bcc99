"""An account and a book that are too long for one frame: what old and new clients get.

60,000 open orders on virtual time, for which the answers' budget would take a while; 4,000 against
a real exchange, read by a WebSocket library that was told nothing.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from websockets.asyncio.client import connect

from exchange.client import Client, LocalBook, Refused, pages
from exchange.client.pages import OnAck
from exchange.engine.engine import Engine
from exchange.gateway.batch import Batch
from exchange.keys import public_key_b64, sign_b64
from exchange.model.commands import Command
from exchange.wire.codec import JSON
from exchange.wire.frames import BookSnapshot, BookUpdate, ErrorReply, Hello, OrderUpdate
from exchange.wire.instructions import HostSync
from exchange.wire.login import login_message
from exchange.wire.requests import AccountState, OrderList, OrderMassCancel, OrderPlace, Subscribe
from exchange.wire.results import Done
from exchange.wire.types import PROTOCOL_MINOR, SENT_FRAME_BYTES
from tests.exchange.gateway.test_gateway import Rig, hosting, trading
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    SYMBOL,
    Raw,
    add_account,
    key_of,
    running,
)
from tests.hostagent.rig import launch

MANY: Final = 60_000
TICK_UCR: Final = 100
Book: Final = BookSnapshot | BookUpdate


def bid(number: int) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id=f"order-{number}",
        symbol=SYMBOL,
        side="buy",
        order_type="limit",
        qty=1,
        price_ucr=number * TICK_UCR,
    )


def place(engine: Engine, account: str, count: int, now_ms: int) -> None:
    """Rest ``count`` bids, each at a price of its own."""
    for number in range(1, count + 1):
        reply = engine.apply(Command(account, "", 0, bid(number)), now_ms)[0][1]
        assert isinstance(reply, Done), reply


class Scales:
    """Weighs every frame a rig hands out."""

    def __init__(self, rig: Rig) -> None:
        self.heaviest = 0
        self._take: Callable[[], Batch] = rig.take
        rig.take = self.take  # type: ignore[method-assign]

    def take(self) -> Batch:
        batch = self._take()
        for items in batch.deliveries.values():
            sizes = [len(item) for item in items if isinstance(item, bytes)]
            self.heaviest = max(self.heaviest, *sizes, 0)
        return batch


def rich() -> tuple[Rig, int]:
    rig, alice = trading()
    operator = rig.log_in("operator")
    rig.ask(operator, "admin.deposit", account="alice", amount_ucr=2**50, ref="2")
    place(rig.engine, "alice", MANY, rig.now_ms)
    rig.take()
    return rig, alice


def test_60_000_orders_are_read_in_pages() -> None:
    """(Seen to fail: the answer was one frame of 18 MB.)"""
    rig, alice = rich()
    scales = Scales(rig)
    for tag in ("subscribe", "account.state", "order.list"):
        refused = rig.ask(alice, tag, **({"channel": "account"} if tag == "subscribe" else {}))
        assert (refused["reason"], refused["field"]) == ("frame_too_large", "limit")
    assert not rig.gateway.sessions[alice].channels, "a refused subscription is none"

    async def ask(message: Any, on_ack: OnAck | None) -> Any:
        """A patient client: the budget of answers is waited for."""
        fields = msgspec.to_builtins(message)
        tag = fields.pop("type")
        del fields["req_id"]
        while (reply := rig.ask(alice, tag, **fields)).get("reason") == "rate_limited":
            rig.now_ms += reply["retry_after_ms"]
        if reply["type"] == "error":
            raise Refused(msgspec.convert(reply, ErrorReply))
        if on_ack is not None:
            on_ack(reply["result"])
        return reply["result"]

    begun: list[Any] = []
    listen = Subscribe(req_id=1, channel="account")
    state = asyncio.run(pages.subscribe(ask, listen, begun.append))
    assert begun == [state]
    assert [row["order_id"] for row in state["orders"]] == [
        row.order_id for row in rig.engine.order_list("alice")
    ]
    assert state["account_seq"] == rig.engine.account_seq("alice")
    listed = asyncio.run(pages.whole_answer(ask, OrderList(req_id=1), None))
    assert len(listed["orders"]) == MANY
    assert SENT_FRAME_BYTES // 2 < scales.heaviest <= SENT_FRAME_BYTES
    rig.tell(alice, "order.place", **{**_fields(bid(1)), "client_order_id": "new", "req_id": 9_999})
    assert len(rig.frames(alice, "order.update")) == 1, "the stream goes on behind the pages"


def test_a_book_of_60_000_levels_comes_in_frames_of_bounded_length() -> None:
    """(Seen to fail: a snapshot of 829 kB, and an update as long when they all go.)"""
    rig, alice = rich()
    scales = Scales(rig)
    readers = [rig.connect(), rig.connect("msgpack")]
    for reader in readers:
        rig.ask(reader, "subscribe", channel="book", symbol=SYMBOL, depth=0)
    books = [_kept(rig, reader) for reader in readers]
    for book in books:
        assert book.levels("buy") == rig.engine.levels(SYMBOL, "buy", 0)
        assert book.seq == rig.engine.seq
    rig.ask(alice, "order.cancel", client_order_id="order-5")
    rig.ask(alice, "order.mass_cancel")
    rig.now_ms += 600_000  # so many cancels at once are paid for in orders
    rig.ask(alice, "order.place", **{**_fields(bid(7)), "client_order_id": "last"})
    for reader, book in zip(readers, books, strict=True):
        assert _kept(rig, reader, book).levels("buy") == [(700, 1, 1)]
    assert 0 < scales.heaviest <= SENT_FRAME_BYTES


def _fields(order: OrderPlace) -> dict[str, Any]:
    fields = dict(msgspec.to_builtins(order))
    del fields["type"], fields["req_id"]
    return fields


def _kept(rig: Rig, reader: int, book: LocalBook | None = None) -> LocalBook:
    """Apply what the reader was sent by the rule; every single frame must fit."""
    book = book or LocalBook(SYMBOL)
    sent, rig.inbox[reader] = rig.inbox[reader], []
    for frame in sent:
        if frame["type"].startswith("book."):
            assert book.apply(msgspec.convert(frame, Book)) == "applied"
    return book


def test_a_default_client_and_ours_read_4_000_orders(tmp_path: Path) -> None:
    """(Seen to fail: the default client hung up with 1009.)"""
    count = 4_000

    async def main() -> None:
        async with running(tmp_path / "data") as server:
            async with Client(server.url, OPERATOR) as operator:
                await add_account(operator, "bob", ucr=2**45)
            gateway = server.pump.gateway
            server.pump.submit(
                lambda now: [gateway.internal(bid(n), now, "bob") for n in range(1, count + 1)]
            )
            async with connect(server.url, compression=None, proxy=None) as connection:
                raw = Raw(connection, "json")
                await raw.log_in(key_of("bob"))
                refused = await raw.ask("subscribe", channel="account")
                assert refused["reason"] == "frame_too_large"
                page = await raw.ask("account.state", limit=10_000)
                rows, begun = page["result"]["orders"], page["result"]["account_seq"]
                while (after := page["result"]["next"]) is not None:
                    page = await raw.ask("account.state", limit=10_000, after=after)
                    rows += page["result"]["orders"]
                assert len(rows) == count
                ack = await raw.ask("subscribe", channel="account", resume_from=begun)
                assert ack["result"] == {"account_seq": begun}
            async with Client(server.url, key_of("bob")) as bob:
                state = await bob.subscribe("account")
                assert [row["client_order_id"] for row in state["orders"]] == [
                    f"order-{number}" for number in range(1, count + 1)
                ]
                assert (await bob.request(AccountState(req_id=1, limit=3)))["next"] == "orders:3"
                await bob.request(OrderMassCancel(req_id=1))
                gone = 0
                async with asyncio.timeout(DEADLINE_S):
                    async for event in bob.events():
                        gone += isinstance(event, OrderUpdate) and event.status == "canceled"
                        if gone == count:
                            break

    asyncio.run(main())


def test_a_long_sync_comes_in_parts_to_who_knows_them() -> None:
    """An agent that says no minor version gets one frame, as ever."""
    rig, _, old = hosting()
    scales = Scales(rig)
    launches = [launch(f"v-{number}", user_data="x" * 16_000) for number in range(100)]
    long = HostSync("s-9", 1, [], launches)
    new = rig.connect()
    hello = msgspec.convert(rig.inbox[new][0], Hello)
    key = key_of("host")
    login = login_message(public_key_b64(key), lambda text: sign_b64(key, text), hello)
    assert login.minor == PROTOCOL_MINOR
    rig.gateway.receive(new, JSON.encode(login), rig.now_ms)
    rig.take()
    scales.heaviest = 0
    for number, count in ((new, 4), (old, 1)):
        rig.inbox[number].clear()
        rig.gateway.context.instructions.send_to(rig.gateway.sessions[number], long)
        rig.take()
        parts = rig.frames(number, "host.sync")
        assert [part.get("more", False) for part in parts] == [True] * (count - 1) + [False]
        assert {part["instruction_id"] for part in parts} == {"s-9"}
        vms = [vm["vm_id"] for part in parts for vm in part["vms"]]
        assert vms == [order.vm_id for order in launches]
        assert (scales.heaviest <= SENT_FRAME_BYTES) is (number == new)
