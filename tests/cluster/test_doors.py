"""Doors on a real NATS server: orders in at one and seen at another, and what each loss costs."""

import asyncio
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from exchange.client import Client, fetch_image, put_image
from exchange.cluster.nats import Nats
from exchange.doors.door import Door
from exchange.links import messages
from tests.cluster.doors import PATIENCE_BEATS, DoorProcess, a_door, on_the_bus
from tests.exchange.server.test_server import place, trader
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    SYMBOL,
    Raw,
    add_account,
    add_host,
    key_of,
    raw,
    until,
)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no silence."""
    monkeypatch.setattr(messages, "SILENT_BEATS", PATIENCE_BEATS)


async def market(url: str) -> None:
    """Open accounts for alice and bob, and a host of alice's."""
    async with Client(url, OPERATOR) as operator:
        for name in ("alice", "bob"):
            await add_account(operator, name)
    async with Client(url, key_of("alice")) as alice:
        await add_host(url, alice, "a", sha256(b"a").hexdigest(), "a")


async def code_of(connection: Raw) -> int:
    """Read to the end of the connection and return its close code."""
    with suppress(ConnectionClosed):
        while True:
            await asyncio.wait_for(connection.connection.recv(), DEADLINE_S)
    code = connection.connection.close_code
    assert code is not None
    return code


async def next_of(connection: Raw, tag: str) -> dict[str, Any]:
    while (frame := await connection.frame())["type"] != tag:
        pass
    return frame


def test_an_order_at_one_door_is_seen_at_another(nats: Nats, tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            on_the_bus(tmp_path / "data", nats.url) as server,
            a_door(nats.url) as here,
            a_door(nats.url) as there,
        ):
            await market(here.url)
            async with raw(here.url) as alice, raw(there.url, "msgpack") as bob:
                await trader(alice, "alice")
                await trader(bob, "bob")
                await bob.ask("subscribe", channel="book", symbol=SYMBOL)
                assert (await place(alice, "1", "sell", 1, 1000))["status"] == "new"
                update = await next_of(bob, "book.update")
                assert update["symbol"] == SYMBOL
                assert len(server.pump.connections) == 2
                assert not server._admission.connections
            await until(lambda: not server.pump.connections)

    asyncio.run(main())


def test_a_door_that_ends_ends_its_own_sessions_alone(nats: Nats, tmp_path: Path) -> None:
    async def main() -> None:
        async with on_the_bus(tmp_path / "data", nats.url) as server, a_door(nats.url) as stays:
            async with a_door(nats.url) as goes:
                await market(goes.url)
                alice, bob = raw(goes.url), raw(stays.url)
                async with alice as gone, bob as kept:
                    await trader(gone, "alice")
                    await trader(kept, "bob")
                    await gone.ask("order.cancel_on_disconnect", enabled=True)
                    assert (await place(gone, "1", "sell", 1, 1000))["status"] == "new"
                    goes.stop()
                    assert await code_of(gone) == 1012
                    await until(lambda: len(server.pump.connections) == 1)
                    await kept.ask("account.state")
            async with raw(stays.url) as again:
                await trader(again, "alice")
                state = await again.ask("account.state")
                assert not state["result"]["orders"]

    asyncio.run(main())


def test_nats_killed_and_started_again(nats: Nats, tmp_path: Path) -> None:
    async def main() -> None:
        async with on_the_bus(tmp_path / "data", nats.url) as server, a_door(nats.url) as door:
            await market(door.url)
            async with raw(door.url) as alice:
                await trader(alice, "alice")
                placed = await place(alice, "1", "sell", 1, 1000)
                nats.kill()
                assert await code_of(alice) == 1012
            await until(lambda: not server.pump.connections)
            await turned_away(door)
            await asyncio.to_thread(nats.start)
            await until(lambda: door.hall.is_open)
            async with raw(door.url) as alice:
                await trader(alice, "alice")
                again = await place(alice, "1", "sell", 1, 1000)
                assert again["order_id"] == placed["order_id"]

    asyncio.run(main())


def test_images_come_from_the_exchange_itself(nats: Nats, tmp_path: Path) -> None:
    """A client that knows only the door is sent on, and logs in there."""

    async def main() -> None:
        picture, copy = tmp_path / "image", tmp_path / "copy"
        picture.write_bytes(b"x" * 512 * 200)
        async with on_the_bus(tmp_path / "data", nats.url), a_door(nats.url) as door:
            await market(door.url)
            digest = await put_image(door.url, key_of("alice"), picture, "raw")
            await fetch_image(door.url, key_of("alice"), digest, copy)
        assert copy.read_bytes() == picture.read_bytes()

    asyncio.run(main())


def test_a_killed_door_is_noticed_and_its_orders_are_canceled(nats: Nats, tmp_path: Path) -> None:
    async def main() -> None:
        async with on_the_bus(tmp_path / "data", nats.url) as server, a_door(nats.url) as stays:
            await market(stays.url)
            killed = DoorProcess(nats.url, tmp_path)
            async with raw(await killed.url()) as alice, raw(stays.url) as bob:
                await trader(alice, "alice")
                await trader(bob, "bob")
                await alice.ask("order.cancel_on_disconnect", enabled=True)
                await place(alice, "1", "sell", 1, 1000)
                killed.process.kill()
                assert await code_of(alice) == 1006
                await until(lambda: len(server.pump.connections) == 1)
                await bob.ask("account.state")
            killed.end()
            async with raw(stays.url) as alice:
                await trader(alice, "alice")
                assert not (await alice.ask("account.state"))["result"]["orders"]

    asyncio.run(main())


async def turned_away(door: Door) -> None:
    with pytest.raises(Exception, match="503"):
        async with raw(door.url):
            pass


def test_a_new_exchange_on_the_bus(nats: Nats, tmp_path: Path) -> None:
    """The doors stay; clients dial again and find what was acknowledged."""

    async def main() -> None:
        async with on_the_bus(tmp_path / "data", nats.url):
            door = a_door(nats.url)
            entered = await door.__aenter__()
            await market(entered.url)
            async with raw(entered.url) as alice:
                await trader(alice, "alice")
                placed = await place(alice, "1", "sell", 1, 1000)
        await until(lambda: not entered.hall.is_open)
        async with on_the_bus(tmp_path / "data", nats.url):
            await until(lambda: entered.hall.is_open)
            async with raw(entered.url) as alice:
                await trader(alice, "alice")
                again = await place(alice, "1", "sell", 1, 1000)
                assert again["order_id"] == placed["order_id"]
            await door.__aexit__(None, None, None)

    asyncio.run(main())
