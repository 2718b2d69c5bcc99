"""Cancel-on-disconnect and the dead man's switch over real sockets, also across a restart.

Whoever arms them wants no order to outlive its eyes on the market; that the exchange itself was
down in between must not change that.
"""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from exchange.client import Client
from exchange.keys import public_key_b64
from exchange.wire.requests import OrderPlace
from tests.exchange.server.test_server import place, play, trader
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    SYMBOL,
    Raw,
    ServerProcess,
    add_account,
    add_host,
    create_exchange,
    key_of,
    raw,
    until,
)

DEAD_MAN_MS = 400


async def open_orders(url: str, name: str) -> list[str]:
    async with raw(url) as reader:
        await trader(reader, name)
        rows = (await reader.ask("order.list"))["result"]["orders"]
    return [row["client_order_id"] for row in rows]


async def ends(url: str, name: str, at_least: int = 0) -> dict[str, str]:
    """Return why each order of the account was canceled, from its durable channel.

    Waits until there are ``at_least`` so many, and for all that happened up to now.
    """
    async with raw(url) as reader:
        await trader(reader, name)
        ack = await reader.ask("subscribe", channel="account", resume_from=0)
        last = ack["result"]["account_seq"]
        reasons: dict[str, str] = {}
        account_seq = 0
        while account_seq < last or len(reasons) < at_least:
            frame = await reader.frame()
            account_seq = frame["account_seq"]
            if frame.get("exec") == "canceled":
                reasons[frame["client_order_id"]] = frame["reason"]
    return reasons


async def leave_rudely(connection: Raw) -> None:
    connection.connection.transport.abort()
    await connection.connection.wait_closed()


@pytest.mark.parametrize("rude", [True, False])
def test_a_dropped_connection_takes_its_own_orders_along(tmp_path: Path, rude: bool) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as other, raw(url, "msgpack") as armed:
            await trader(other, "bob")
            await trader(armed, "bob")
            await place(other, "kept", "buy", 1, 100)
            await place(armed, "before", "buy", 1, 99)
            reply = await armed.ask("order.cancel_on_disconnect", enabled=True)
            assert reply["result"] == {"enabled": True}
            await place(armed, "after", "buy", 1, 98)
            if rude:
                await leave_rudely(armed)
                gone = dict.fromkeys(("before", "after"), "disconnected")
                assert await ends(url, "bob", at_least=2) == gone
                assert await open_orders(url, "bob") == ["kept"]
            else:
                await armed.connection.close()
                assert await open_orders(url, "bob") == ["kept", "before", "after"]
                assert await ends(url, "bob") == {}

    play(tmp_path, scene)


def test_disarmed_again_nothing_happens(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as armed:
            await trader(armed, "bob")
            for enabled in (True, False):
                await armed.ask("order.cancel_on_disconnect", enabled=enabled)
            await place(armed, "kept", "buy", 1, 99)
            await leave_rudely(armed)
        async with raw(url) as later:
            await trader(later, "bob")
            await place(later, "later", "buy", 1, 98)
        assert await open_orders(url, "bob") == ["kept", "later"]

    play(tmp_path, scene)


def test_the_dead_mans_switch_fires_unless_renewed(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as bob, raw(url) as alice:
            await trader(bob, "bob")
            await trader(alice, "alice")
            await place(alice, "other", "buy", 1, 90)
            await place(bob, "mine", "buy", 1, 99)
            armed = await bob.ask("order.cancel_all_after", timeout_ms=60_000)
            assert armed["result"]["at_ms"] >= armed["ts_ms"] + 59_000
            off = await bob.ask("order.cancel_all_after", timeout_ms=0)
            assert off["result"] == {"at_ms": None}
            await bob.ask("order.cancel_all_after", timeout_ms=DEAD_MAN_MS)
            assert await ends(url, "bob", at_least=1) == {"mine": "dead_man"}
            assert await open_orders(url, "alice") == ["other"]
            await place(bob, "again", "buy", 1, 99)
            assert await open_orders(url, "bob") == ["again"], "it fires once"

    play(tmp_path, scene)


def test_one_keys_switch_is_not_anothers(tmp_path: Path) -> None:
    """Renewing with one key does not save the orders from the other key's switch."""

    async def scene(url: str) -> None:
        async with raw(url) as bob, raw(url) as second, raw(url) as operator:
            await operator.log_in(OPERATOR)
            fields = {"account": "bob", "key_id": "bob-2", "role": "trader"}
            public_key = public_key_b64(key_of("bob's second"))
            await operator.ask("admin.key", public_key=public_key, **fields)
            await trader(bob, "bob")
            await second.log_in(key_of("bob's second"))
            await place(bob, "mine", "buy", 1, 99)
            await bob.ask("order.cancel_all_after", timeout_ms=DEAD_MAN_MS)
            await second.ask("order.cancel_all_after", timeout_ms=60_000)
            assert await ends(url, "bob", at_least=1) == {"mine": "dead_man"}

    play(tmp_path, scene)


Arm = Callable[[Raw], Awaitable[Any]]


async def on_disconnect(connection: Raw) -> None:
    await connection.ask("order.cancel_on_disconnect", enabled=True)


async def dead_man(connection: Raw) -> None:
    await connection.ask("order.cancel_all_after", timeout_ms=DEAD_MAN_MS)


async def far_away(connection: Raw) -> None:
    await connection.ask("order.cancel_all_after", timeout_ms=3_600_000)


@pytest.mark.parametrize("kill", [True, False])
@pytest.mark.parametrize(
    ("arm", "reason"), [(on_disconnect, "disconnected"), (dead_man, "dead_man"), (far_away, None)]
)
def test_across_a_restart(tmp_path: Path, arm: Arm, reason: str | None, kill: bool) -> None:
    """The exchange ends, orderly or by kill -9; the next run does what was asked of the last.

    (Seen to fail with a start that forgets armed sessions.)
    """
    data = tmp_path / "data"
    create_exchange(data)

    async def before(server: ServerProcess) -> None:
        url = await server.url()
        async with Client(url, OPERATOR) as operator:
            for name in ("alice", "bob"):
                await add_account(operator, name)
        async with Client(url, key_of("alice")) as alice:
            await add_host(url, alice, "a", sha256(b"a").hexdigest(), "a")
        async with Client(url, key_of("bob")) as other:
            await other.place(order("kept"))
            async with raw(url) as armed:
                await trader(armed, "bob")
                await place(armed, "armed", "buy", 1, 99)
                await arm(armed)
                (server.process.kill if kill else server.process.terminate)()
                await armed.drained()
        await until(lambda: server.process.poll() is not None)
        server.end()

    async def after(server: ServerProcess) -> None:
        url = await server.url()
        if reason == "dead_man":  # of the account: both orders
            gone = dict.fromkeys(("kept", "armed"), reason)
            assert await ends(url, "bob", at_least=2) == gone
            assert await open_orders(url, "bob") == []
        elif reason:
            assert await open_orders(url, "bob") == ["kept"]
            assert await ends(url, "bob") == {"armed": reason}
        else:
            assert await open_orders(url, "bob") == ["kept", "armed"]
            assert await ends(url, "bob") == {}

    for scene in (before, after):
        server = ServerProcess(data)
        try:
            asyncio.run(asyncio.wait_for(scene(server), DEADLINE_S))
        finally:
            server.process.kill()
            server.end()


def order(name: str) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id=name,
        symbol=SYMBOL,
        side="buy",
        order_type="limit",
        qty=1,
        price_ucr=100,
    )
