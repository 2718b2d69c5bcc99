"""Every way a connection ends, over real sockets: docs/protocol.md, "How a connection ends".

A row arms both nets on a connection of its own account, ends it, and looks from another one at what
became of the orders: one placed on the connection that ended, one placed elsewhere, which only the
dead man's switch may take. Seen to fail: our close answered with 1000 (the orders stayed), every
close of a peer that reads nothing (they stayed for ever), a goodbye at the exchange's own stop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.protocol import OPEN

from exchange.client import Client
from exchange.engine.engine import Engine
from exchange.keys import public_key_b64
from exchange.model.state import State
from exchange.server import admission, listening
from exchange.server.server import ExchangeServer
from exchange.wire.admin_requests import AdminAccount, AdminDeposit, AdminLimits
from exchange.wire.codec import JSON
from exchange.wire.requests import OrderCancelOnDisconnect
from tests.exchange.engine.test_safety_nets import ends, open_orders
from tests.exchange.server.test_server import place
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    Raw,
    ServerProcess,
    add_account,
    add_host,
    create_exchange,
    key_of,
    raw,
    running,
    until,
)
from tests.exchange.support.ways_to_end import (
    PINGED,
    TABLE,
    Expected,
    Scene,
    Way,
    close_frame,
    expired,
)

KEY_LIVES_MS: Final = 2_000
PING_S: Final = 0.3
OVER_WITHIN_S: Final = 15.0
"""Under the limit for a peer that takes nothing: every other end is quicker."""


def state_of(server: ExchangeServer) -> State:
    engine = server.pump.gateway.engine
    assert isinstance(engine, Engine)
    return engine.state


@asynccontextmanager
async def entered(server: ExchangeServer, way: Way) -> AsyncIterator[Scene]:
    """Log in with a key of the row's account, place an order and arm both nets."""
    account = way.__name__
    async with raw(server.url) as operator, raw(server.url) as armed:
        now_ms = (await operator.log_in(OPERATOR))["ts_ms"]
        for name in ("1", "eyes"):
            public_key = public_key_b64(key_of(f"{account}-{name}"))
            fields = {"account": account, "key_id": f"{account}-{name}", "role": "trader"}
            if way is expired and name == "1":
                fields["not_after_ms"] = now_ms + KEY_LIVES_MS
            await operator.ask("admin.key", public_key=public_key, **fields)
        assert (await armed.log_in(key_of(f"{account}-1")))["type"] == "ack"
        await armed.ask("order.cancel_on_disconnect", enabled=True)
        switch = await armed.ask("order.cancel_all_after", timeout_ms=3_600_000)
        await place(armed, "here", "buy", 1, 99)
        yield Scene(server, operator, account, armed, switch["result"]["at_ms"])
        with suppress(Exception):
            armed.connection.transport.abort()


async def play(server: ExchangeServer, expected: Expected) -> None:
    """Play one row and look at it with the account's other key."""
    way = expected.way
    async with entered(server, way) as scene, raw(server.url) as other:
        await other.log_in(key_of(f"{scene.account}-eyes"))
        await place(other, "there", "buy", 1, 98)
        await way(scene)
        await until(lambda: scene.number not in server.pump.connections)
        rows = (await other.ask("order.list"))["result"]["orders"]
        left = [row["client_order_id"] for row in rows]
        assert left == (["there"] if expected.fires else ["here", "there"]), way.__name__
        await other.ask("subscribe", channel="account", resume_from=0)
        reasons = {}
        while expected.fires and "here" not in reasons:
            frame = await other.frame()
            if frame.get("exec") == "canceled":
                reasons[frame["client_order_id"]] = frame["reason"]
        assert reasons == ({"here": "disconnected"} if expected.fires else {})
        men = state_of(server).dead_men.values()
        (man,) = [man for man in men if man.account == scene.account]
        assert man.at_ms == scene.switch_ms, "the switch goes on, whatever became of its key"
        connection = scene.armed.connection
        connection.transport.abort()
        await connection.wait_closed()
        assert connection.close_code == expected.code, way.__name__


async def all_rows(data_dir: Path, rows: tuple[Expected, ...]) -> list[BaseException | None]:
    async with running(data_dir) as server, Client(server.url, OPERATOR) as operator:
        for expected in rows:
            name = expected.way.__name__
            await operator.request(AdminAccount(req_id=1, account=name, name=name))
            deposit = AdminDeposit(req_id=1, account=name, amount_ucr=10**6, ref="start")
            await operator.request(deposit)
        async with asyncio.timeout(OVER_WITHIN_S):
            played = [play(server, expected) for expected in rows]
            return await asyncio.gather(*played, return_exceptions=True)


def check(outcomes: list[BaseException | None], rows: tuple[Expected, ...]) -> None:
    broken = [
        f"{expected.way.__name__}: {outcome!r}"
        for expected, outcome in zip(rows, outcomes, strict=True)
        if outcome is not None
    ]
    assert not broken, "\n".join(broken)


def test_every_row_of_the_table(tmp_path: Path) -> None:
    """The rows are played at once, each by an account of its own."""
    check(asyncio.run(all_rows(tmp_path / "data", TABLE)), TABLE)


def test_a_peer_that_says_nothing_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits as short as a test is."""
    monkeypatch.setattr(listening, "PING_S", PING_S)
    monkeypatch.setattr(admission, "STALLED_MAX_S", PING_S)
    check(asyncio.run(all_rows(tmp_path / "data", PINGED)), PINGED)


def test_a_pong_behind_what_we_do_not_read_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(Before, who was read more slowly for what was refused was closed: 1011, no pong.)"""
    monkeypatch.setattr(listening, "PING_S", PING_S)
    toggles = [
        JSON.encode(OrderCancelOnDisconnect(req_id=at, enabled=at % 2 == 0)) for at in range(400)
    ]

    async def main() -> None:
        async with running(tmp_path / "data") as server, raw(server.url) as bob:
            server.pump.gateway.limits.refusals.saved_s = 0
            async with Client(server.url, OPERATOR) as operator:
                await add_account(operator, "bob")
                await operator.request(AdminLimits(req_id=1, account="bob", orders_per_s=10))
            await bob.log_in(key_of("bob"))
            begun_s = asyncio.get_running_loop().time()
            for toggle in toggles:
                await bob.connection.send(toggle, text=True)
            replies = [await bob.frame() for _ in toggles]
            assert {reply["req_id"] for reply in replies} == set(range(400))
            assert asyncio.get_running_loop().time() - begun_s > 4 * PING_S

    asyncio.run(main())


def test_the_switch_of_a_revoked_key_fires(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as server, raw(server.url) as operator:
            await operator.log_in(OPERATOR)
            async with Client(server.url, OPERATOR) as client:
                await add_account(client, "bob")
            async with raw(server.url) as bob:
                await bob.log_in(key_of("bob"))
                await place(bob, "mine", "buy", 1, 99)
                await bob.ask("order.cancel_all_after", timeout_ms=300)
                await operator.ask("admin.key_revoke", key_id="bob-1")
                await bob.drained()
            orders = state_of(server).ledger.accounts["bob"].open_orders
            await until(lambda: not orders)

    asyncio.run(main())


@pytest.mark.parametrize("says_goodbye", [True, False])
@pytest.mark.parametrize("kill", [True, False])
def test_the_exchange_itself_ends(tmp_path: Path, says_goodbye: bool, kill: bool) -> None:
    """It counts as a drop, unless the client's goodbye came before the end."""
    data_dir = tmp_path / "data"
    create_exchange(data_dir)

    async def before(server: ServerProcess) -> None:
        url = await server.url()
        async with Client(url, OPERATOR) as operator:
            await add_account(operator, "bob")
        async with raw(url) as bob, raw(url) as other:
            await bob.log_in(key_of("bob"))
            await other.log_in(key_of("bob"))
            await bob.ask("order.cancel_on_disconnect", enabled=True)
            await place(bob, "mine", "buy", 1, 99)
            if says_goodbye:
                await bob.connection.close(1000)
                await other.ask("order.list")
                await place(other, "durable", "buy", 1, 98)
            (server.process.kill if kill else server.process.terminate)()
            await bob.drained()
            code = 1000 if says_goodbye else 1006 if kill else 1001
            assert bob.connection.close_code == code

    async def after(server: ServerProcess) -> None:
        url = await server.url()
        assert await open_orders(url, "bob") == (["mine", "durable"] if says_goodbye else [])
        assert await ends(url, "bob") == ({} if says_goodbye else {"mine": "disconnected"})

    for scene in (before, after):
        server = ServerProcess(data_dir)
        try:
            asyncio.run(asyncio.wait_for(scene(server), DEADLINE_S))
        finally:
            server.process.kill()
            server.end()


def test_a_goodbye_is_heard_while_the_exchange_stops(tmp_path: Path) -> None:
    """It was under way when the stop began; somebody who reads nothing does not hold it up."""
    data_dir = tmp_path / "data"

    async def main() -> None:
        async with running(data_dir) as server:
            async with Client(server.url, OPERATOR) as operator:
                await add_account(operator, "bob")
            async with AsyncExitStack() as stack:
                bob = await stack.enter_async_context(raw(server.url))
                await bob.log_in(key_of("bob"))
                await bob.ask("order.cancel_on_disconnect", enabled=True)
                await place(bob, "mine", "buy", 1, 99)
                (there,) = [c for c in server._admission.connections.values() if c.number > 1]
                deaf = await stack.enter_async_context(raw(server.url))
                await deaf.frame()
                transport: Any = deaf.connection.transport
                transport.pause_reading()
                newest = max(server.pump.connections)
                server._admission.connections[newest].write_payloads([b" " * 60_000] * 200)
                assert there.protocol.state is OPEN
                bob.connection.transport.write(close_frame(1000))
                server.stop()
                await bob.drained()
                await until(lambda: not server.pump.connections)
                transport.abort()

    asyncio.run(main())

    async def again() -> None:
        async with running(data_dir) as server:
            assert await open_orders(server.url, "bob") == ["mine"]

    asyncio.run(again())


# --- a host: what it was told and has not confirmed ---


@asynccontextmanager
async def host_in(url: str) -> AsyncIterator[Raw]:
    async with raw(url) as connection:
        assert (await connection.log_in(key_of("host-a")))["type"] == "ack"
        yield connection


async def told_at_login(host: Raw) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inventory and the owner's limit, which follow a login."""
    sync, limit = await host.frame(), await host.frame()
    assert (sync["type"], limit["type"]) == ("host.sync", "host.limit")
    return sync, limit


async def host_goodbye(host: Raw, url: str) -> None:
    await host.connection.close(1000)


async def host_reset(host: Raw, url: str) -> None:
    host.connection.transport.abort()


async def host_hands_over(host: Raw, url: str) -> None:
    """Another login takes over with its first report; the older one is closed."""
    async with host_in(url) as newer:
        assert (await newer.frame())["type"] == "host.sync"
        load = {"cpu_pct": 1.0, "mem_pct": 1.0}
        await newer.send({"type": "host.heartbeat", "load": load, "vms": 0})
        await host.drained()
        assert host.connection.close_code == 4409
        assert host.connection.close_reason == "the host logged in again", "old agents read it"
        await told_at_login(newer)


HostWay = Callable[[Raw, str], Awaitable[None]]


@pytest.mark.parametrize("way", [host_goodbye, host_reset, host_hands_over, None])
def test_instructions_are_not_resent_but_said_anew(tmp_path: Path, way: HostWay | None) -> None:
    """After every end the next login gets the inventory and the limit under ids of their own;
    the owner's asks stay. None: the exchange restarts."""
    data_dir = tmp_path / "data"

    async def before() -> str:
        async with running(data_dir) as server:
            url = server.url
            async with Client(url, OPERATOR) as operator:
                await add_account(operator, "alice")
            async with Client(url, key_of("alice")) as alice:
                name = await add_host(url, alice, "a", sha256(b"a").hexdigest(), "a")
            async with host_in(url) as host, raw(url) as owner:
                assert (await host.frame())["type"] == "host.sync"
                await owner.log_in(key_of("alice"))
                await place(owner, "ask", "sell", 1, 100)
                await owner.ask("host.offer", host=name, residual_below_pct=7)
                first = await host.frame()
                assert (first["type"], first["residual_below_pct"]) == ("host.limit", 7)
                if way is not None:
                    await way(host, url)
                    await check_told(url, first["instruction_id"])
            return str(first["instruction_id"])

    async def check_told(url: str, before_id: str) -> None:
        async with host_in(url) as host:
            sync, limit = await told_at_login(host)
        assert limit["residual_below_pct"] == 7
        assert len({before_id, sync["instruction_id"], limit["instruction_id"]}) == 3
        assert await open_orders(url, "alice") == ["ask"]

    instruction_id = asyncio.run(asyncio.wait_for(before(), DEADLINE_S))

    async def again() -> None:
        async with running(data_dir) as server:
            await check_told(server.url, instruction_id)

    asyncio.run(asyncio.wait_for(again(), DEADLINE_S))
