"""Login and every channel over real loopback sockets, frame by frame as docs/protocol.md says."""

import asyncio
import json
import urllib.request
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from exchange.client import Client
from exchange.feed.book_stream import checksum
from exchange.keys import public_key_b64
from exchange.wire.requests import OrderPlace
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    SYMBOL,
    Raw,
    add_account,
    add_host,
    key_of,
    raw,
    running,
)

Scene = Callable[[str], Awaitable[None]]


def play(tmp_path: Path, scene: Scene) -> None:
    """Run ``scene(url)`` on a new exchange with alice and bob, and a host of alice's."""

    async def main() -> None:
        async with running(tmp_path / "data") as server:
            async with Client(server.url, OPERATOR) as operator:
                for name in ("alice", "bob"):
                    await add_account(operator, name)
            async with Client(server.url, key_of("alice")) as alice:
                await add_host(server.url, alice, "a", sha256(b"a").hexdigest(), "a")
            async with asyncio.timeout(DEADLINE_S):
                await scene(server.url)

    asyncio.run(main())


async def trader(connection: Raw, name: str) -> None:
    reply = await connection.log_in(key_of(name))
    assert reply["result"] == {"account": name, "role": "trader"}


async def place(connection: Raw, name: str, side: str, qty: int, price: int, **more: Any) -> Any:
    reply = await connection.ask(
        "order.place",
        client_order_id=name,
        symbol=SYMBOL,
        side=side,
        order_type="limit",
        qty=qty,
        price_ucr=price,
        **more,
    )
    assert reply["type"] == "ack", reply
    return reply["result"]


@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_login_by_key_id_or_public_key(tmp_path: Path, codec: str) -> None:
    async def scene(url: str) -> None:
        for key_id in ("alice-1", public_key_b64(key_of("alice"))):
            async with raw(url, codec) as connection:
                reply = await connection.log_in(key_of("alice"), key_id)
                assert reply["result"] == {"account": "alice", "role": "trader"}
                again = await connection.ask("auth", key_id=key_id, signature="x")
                assert again["reason"] == "forbidden"

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("signer", "key_id"), [("mallory", "alice-1"), ("alice", "nobody"), ("alice", "bob-1")]
)
def test_a_wrong_key_is_refused_and_cut(tmp_path: Path, signer: str, key_id: str) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as connection:
            reply = await connection.log_in(key_of(signer), key_id)
            assert (reply["type"], reply["reason"]) == ("error", "bad_signature")
            with pytest.raises(ConnectionClosedError) as closed:
                await connection.frame()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401

    play(tmp_path, scene)


def test_a_revoked_key_loses_its_connections(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as bob, raw(url) as operator:
            await trader(bob, "bob")
            await operator.log_in(OPERATOR)
            assert (await operator.ask("admin.key_revoke", key_id="bob-1"))["type"] == "ack"
            with pytest.raises(ConnectionClosedError):
                await bob.frame()
        async with raw(url) as bob:
            assert (await bob.log_in(key_of("bob")))["reason"] == "bad_signature"

    play(tmp_path, scene)


def test_a_server_that_enrols_again_loses_its_older_connection(tmp_path: Path) -> None:
    """(Seen to wait in vain while enrolling again left the connection open.)"""

    async def scene(url: str) -> None:
        token = {"zone": "eu-de", "token_sha256": sha256(b"2").hexdigest(), "uses": 1, "ttl_s": 60}
        public_key = public_key_b64(key_of("live-boot"))
        server = {"name": "a", "hardware_id": "a", "public_key": public_key, "take_over": True}
        async with raw(url) as older, raw(url) as alice, raw(url) as newer:
            assert (await older.log_in(key_of("host-a")))["type"] == "ack"
            assert (await older.frame())["type"] == "host.sync"
            await trader(alice, "alice")
            await alice.ask("host.token", **token)
            await newer.frame()
            assert (await newer.ask("host.enroll", token="2", **server))["result"]["again"]
            with pytest.raises(ConnectionClosedError) as closed:
                await older.frame()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401

    play(tmp_path, scene)


def test_roles_and_anonymous_connections(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as connection:
            await connection.frame()
            assert (await connection.ask("order.list"))["reason"] == "auth_required"
            reply = await connection.ask("subscribe", channel="account")
            assert reply["reason"] == "auth_required"
        async with raw(url) as connection:
            await connection.log_in(OPERATOR)
            reply = await connection.ask("order.cancel", client_order_id="x")
            assert reply["reason"] == "forbidden"
        async with raw(url) as connection:
            await trader(connection, "alice")
            assert (await connection.ask("admin.balances"))["reason"] == "forbidden"
            reply = await connection.ask(
                "usage.report",
                vm_id="v-1",
                boot="b",
                at_ms=1,
                cpu_ms_total=1,
                mem_mib=1,
                net_rx_total=1,
                net_tx_total=1,
            )
            assert reply["reason"] == "forbidden"

    play(tmp_path, scene)


def test_book_and_trades_frame_by_frame(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as public, raw(url) as alice, raw(url) as bob:
            await trader(alice, "alice")
            await trader(bob, "bob")
            await place(alice, "a1", "sell", 3, 3_000)
            await public.frame()
            for channel in ("book", "trades"):
                reply = await public.ask("subscribe", channel=channel, symbol=SYMBOL)
                assert reply["type"] == "ack"
                first = await public.frame()
                assert first["type"] == f"{channel}.snapshot"
                if channel == "book":
                    book = first
            assert (book["bids"], book["asks"]) == ([], [[3_000, 3, 1]])
            assert book["checksum"] == checksum([], [(3_000, 3, 1)])
            await place(bob, "b1", "buy", 1, 3_000)
            trade, update = await next_of(public, "trade"), await next_of(public, "book.update")
            assert (trade["price_ucr"], trade["qty"], trade["taker_side"]) == (3_000, 1, "buy")
            assert update["prev_seq"] == book["seq"]
            assert (update["asks"], update["bids"]) == ([[3_000, 2, 1]], [])
            await place(bob, "b2", "buy", 2, 3_000)
            await next_of(public, "trade")
            update = await next_of(public, "book.update")
            assert update["asks"] == [[3_000, 0, 0]]
            reply = await public.ask("unsubscribe", channel="book", symbol=SYMBOL)
            assert reply["type"] == "ack"

    play(tmp_path, scene)


async def next_of(connection: Raw, tag: str) -> dict[str, Any]:
    """Return the next frame that is no heartbeat; it must be a ``tag``."""
    while (frame := await connection.frame())["type"] == "heartbeat":
        pass
    assert frame["type"] == tag, frame
    return frame


def test_instruments_and_heartbeat(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as public, raw(url) as operator:
            await public.frame()
            await public.ask("subscribe", channel="instruments")
            snapshot = await public.frame()
            assert snapshot["type"] == "instruments.snapshot"
            row = next(row for row in snapshot["instruments"] if row["symbol"] == SYMBOL)
            assert (row["class"], row["zone"], row["pricing"]) == ("small", "eu-de", "flat")
            assert (row["state"], row["tick_ucr"], row["country"]) == ("open", 1, "DE")
            await operator.log_in(OPERATOR)
            await operator.ask("admin.halt", symbol=SYMBOL, halted=True)
            update = await next_of(public, "instrument.update")
            assert (update["symbol"], update["state"]) == (SYMBOL, "halted")
            beat = await public.frame()
            assert set(beat) == {"type", "ts_ms", "seq"}
            assert beat["type"] == "heartbeat"

    play(tmp_path, scene)


def test_account_frames_are_contiguous_and_resume(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as bob:
            await trader(bob, "bob")
            state = (await bob.ask("subscribe", channel="account"))["result"]
            assert state["account_seq"] == 1, "the deposit's balance.update was the first frame"
            live = []
            for number in range(3):
                await place(bob, f"b{number}", "buy", 1, 100 + number)
                live += [await bob.frame(), await bob.frame()]
        assert [frame["account_seq"] for frame in live] == list(range(2, 8))
        assert {frame["type"] for frame in live} == {"order.update", "balance.update"}
        async with raw(url, "msgpack") as bob:
            await trader(bob, "bob")
            ack = await bob.ask("subscribe", channel="account", resume_from=3)
            assert ack["type"] == "ack"
            assert [await bob.frame() for _ in range(4)] == live[2:]
            await place(bob, "b9", "buy", 1, 100)
            assert (await bob.frame())["account_seq"] == 8
            await bob.frame()
            ahead = await bob.ask("subscribe", channel="account", resume_from=99)
            assert (ahead["reason"], ahead["field"]) == ("invalid_field", "resume_from")

    play(tmp_path, scene)


def test_a_long_resume_is_paged_and_joins_the_live_frames(tmp_path: Path) -> None:
    """More frames than may be held back, with the account busy meanwhile: none lost or doubled."""

    async def scene(url: str) -> None:
        async with Client(url, key_of("bob")) as bob, raw(url) as reader:
            await asyncio.gather(*[client_place(bob, number) for number in range(900)])
            await trader(reader, "bob")
            await reader.send(
                {"type": "subscribe", "req_id": 9, "channel": "account", "resume_from": 0}
            )
            busy = asyncio.gather(*[client_place(bob, 1_000 + number) for number in range(300)])
            assert (await reader.frame())["req_id"] == 9
            numbers = [(await reader.frame())["account_seq"] for _ in range(1 + 2 * 1_200)]
            assert numbers == list(range(1, 2 + 2 * 1_200))
            await busy

    play(tmp_path, scene)


async def client_place(client: Client, number: int) -> None:
    await client.request(
        OrderPlace(
            req_id=1,
            client_order_id=f"n{number}",
            symbol=SYMBOL,
            side="buy",
            order_type="limit",
            qty=1,
            price_ucr=100,
        )
    )


MISPLACED: list[tuple[dict[str, Any], str]] = [
    ({"channel": "book"}, "symbol"),
    ({"channel": "account", "symbol": SYMBOL}, "symbol"),
    ({"channel": "trades", "symbol": SYMBOL, "depth": 25}, "depth"),
    ({"channel": "instruments", "resume_from": 1}, "resume_from"),
]


def test_a_field_of_another_channel_is_invalid(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as alice:
            await trader(alice, "alice")
            for fields, field in MISPLACED:
                reply = await alice.ask("subscribe", **fields)
                assert (reply["reason"], reply["field"]) == ("invalid_field", field)
            reply = await alice.ask("subscribe", channel="book", symbol="tiny.mars.flat.spot")
            assert (reply["reason"], reply["field"]) == ("unknown_instrument", "symbol")

    play(tmp_path, scene)


def test_orders_over_the_budget_are_told_when_to_come_back(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as bob, raw(url) as operator:
            await operator.log_in(OPERATOR)
            await operator.ask("admin.limits", account="bob", orders_per_s=5)
            await trader(bob, "bob")
            order = {"symbol": SYMBOL, "side": "buy", "order_type": "limit", "qty": 1}
            replies = [
                await bob.ask("order.place", client_order_id=f"b{n}", price_ucr=5, **order)
                for n in range(30)
            ]
            refused = [reply for reply in replies if reply["type"] == "error"]
            assert {reply["reason"] for reply in refused} == {"rate_limited"}
            assert all(0 < reply["retry_after_ms"] <= 200 for reply in refused)
            cancel = await bob.ask("order.cancel", client_order_id="b0")
            assert cancel["type"] == "ack", "cancels have a budget of their own"

    play(tmp_path, scene)


def test_plain_http(tmp_path: Path) -> None:
    def get(url: str) -> tuple[int, bytes]:
        with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read()

    async def scene(url: str) -> None:
        base = url.replace("ws:", "http:").removesuffix("/v1/ws")
        assert await asyncio.to_thread(get, f"{base}/healthz") == (200, b"ok\n")
        status, body = await asyncio.to_thread(get, f"{base}/v1/instruments")
        assert status == 200
        assert SYMBOL in [row["symbol"] for row in json.loads(body)]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            await asyncio.to_thread(get, f"{base}/nothing")

    play(tmp_path, scene)
