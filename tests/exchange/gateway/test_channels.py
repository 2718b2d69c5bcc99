"""Ticker, candles, directory and fleet over real loopback sockets, and after a restart."""

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from exchange.client import Client
from exchange.wire.instructions import HostSync
from exchange.wire.requests import HostHeartbeat, HostSynced
from exchange.wire.types import HostLoad
from tests.exchange.server.test_server import next_of, place, play, trader
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

DAY_MS = 86_400_000


async def listen(connection: Raw, channel: str, **more: Any) -> None:
    """Subscribe to a public channel on a fresh connection."""
    assert (await connection.frame())["type"] == "hello"
    assert (await connection.ask("subscribe", channel=channel, **more))["type"] == "ack"


async def ask(connection: Raw, tag: str, **fields: Any) -> dict[str, Any]:
    """Send a request on a connection that hears other things too; returns its answer."""
    await connection.send({"type": tag, "req_id": 99, **fields})
    while (reply := await connection.frame()).get("req_id") != 99:
        pass
    return reply


@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_ticker_and_candles_follow_the_trades(tmp_path: Path, codec: str) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as alice, raw(url) as bob, raw(url, codec) as public:
            await trader(alice, "alice")
            await trader(bob, "bob")
            await listen(public, "ticker", symbol=SYMBOL)
            ticker = await public.frame()
            assert (ticker["type"], ticker["volume_24h"]) == ("ticker", 0)
            assert "bid_ucr" not in ticker and "last_ucr" not in ticker
            await place(alice, "a", "sell", 5, 3_000)
            ticker = await next_of(public, "ticker")
            assert (ticker["ask_ucr"], ticker["ask_qty"]) == (3_000, 5)
            await place(bob, "b", "buy", 2, 3_000)
            ticker = await next_of(public, "ticker")
            assert (ticker["last_ucr"], ticker["volume_24h"], ticker["ask_qty"]) == (3_000, 2, 3)
            assert ticker["open_24h_ucr"] == 3_000
            await ask(public, "unsubscribe", channel="ticker", symbol=SYMBOL)
            reply = await ask(
                public, "subscribe", channel="candles", symbol=SYMBOL, interval_ms=1_000
            )
            assert reply["type"] == "ack"
            first = await next_of(public, "candle")
            assert (first["open_ucr"], first["volume"], first["interval_ms"]) == (3_000, 2, 1_000)
            while not first["closed"]:
                first = await next_of(public, "candle")
            await place(bob, "c", "buy", 1, 3_000)
            second = await next_of(public, "candle")
            assert (second["closed"], second["volume"]) == (False, 1)
            assert second["open_ms"] > first["open_ms"]

    play(tmp_path, scene)


def test_candles_come_first_the_history_then_live(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as alice, raw(url) as bob, raw(url) as public:
            await trader(alice, "alice")
            await trader(bob, "bob")
            await place(alice, "a", "sell", 5, 3_000)
            await place(bob, "b", "buy", 2, 3_000)
            await listen(public, "candles", symbol=SYMBOL, interval_ms=DAY_MS)
            history = await public.frame()
            assert (history["type"], history["volume"]) == ("candle", 2)
            assert history["open_ms"] % DAY_MS == 0
            await place(bob, "c", "buy", 1, 3_000)
            assert (await next_of(public, "candle"))["volume"] == history["volume"] + 1

    play(tmp_path, scene)


def test_a_restart_shows_the_same_ticker_and_candles(tmp_path: Path) -> None:
    """By replay of every row; what a snapshot holds of it is tested with the feed."""

    async def seen(url: str) -> list[dict[str, Any]]:
        frames = []
        async with raw(url) as public:
            await listen(public, "ticker", symbol=SYMBOL)
            frames.append(await public.frame())
            await ask(public, "subscribe", channel="candles", symbol=SYMBOL, interval_ms=DAY_MS)
            frames.append(await next_of(public, "candle"))
            await ask(public, "subscribe", channel="trades", symbol=SYMBOL)
            frames.append(await next_of(public, "trades.snapshot"))
        return [
            {name: frame[name] for name in frame if name not in ("seq", "ts_ms")}
            for frame in frames
        ]

    async def main() -> None:
        data = tmp_path / "data"
        async with running(data) as server:
            async with Client(server.url, OPERATOR) as operator:
                for name in ("alice", "bob"):
                    await add_account(operator, name)
            async with Client(server.url, key_of("alice")) as alice:
                await add_host(server.url, alice, "a", sha256(b"a").hexdigest(), "a")
            async with raw(server.url) as alice_raw, raw(server.url) as bob:
                await trader(alice_raw, "alice")
                await trader(bob, "bob")
                for number in range(4):
                    await place(alice_raw, f"a{number}", "sell", 2, 3_000 + number)
                    await place(bob, f"b{number}", "buy", 1, 3_000 + number)
            before = await seen(server.url)
        async with running(data) as server:
            after = await seen(server.url)
        # Without its host the market has no asks any more; the past is what must be the same.
        for frame in (before[0], after[0]):
            for gone in ("ask_ucr", "ask_qty"):
                frame.pop(gone, None)
        assert after == before
        assert (before[0]["volume_24h"], before[1]["volume"]) == (4, 4)

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))


def test_directory_and_fleet_over_the_wire(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as public, raw(url) as alice:
            await listen(public, "directory")
            snapshot = await public.frame()
            assert [row["host"] for row in snapshot["hosts"]] == ["h-1"]
            await trader(alice, "alice")
            assert (await alice.ask("subscribe", channel="fleet"))["type"] == "ack"
            assert (await alice.frame())["name"] == "a"
            await place(alice, "a", "sell", 2, 3_000)
            update = await next_of(public, "directory.update")
            assert update["best_ask"] == {"symbol": SYMBOL, "price_ucr": 3_000, "qty": 2}
            used = await next_of(alice, "host.update")
            assert used["used"]["mvcpu"] == 2_000
            async with Client(url, key_of("host-a")) as host:
                await beat(host)
                told = await next_of(alice, "host.update")
                while "load" not in told:
                    told = await next_of(alice, "host.update")
                assert (told["load"], told["vms"]) == ({"cpu_pct": 40.0, "mem_pct": 20.0}, 7)
            reply = await ask(public, "directory.search", **{"class": "small", "free_min": 1})
            assert [row["host"] for row in reply["result"]["hosts"]] == ["h-1"]

    play(tmp_path, scene)


async def beat(host: Client) -> None:
    async for event in host.events():
        if isinstance(event, HostSync):
            await host.send(HostSynced(instruction_id=event.instruction_id, boot_id="boot", vms=[]))
            break
    await host.send(HostHeartbeat(load=HostLoad(40.0, 20.0), vms=7))


def test_the_client_keeps_candles_of_two_intervals_apart(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        async with raw(url) as alice, raw(url) as bob, Client(url) as public:
            await trader(alice, "alice")
            await trader(bob, "bob")
            await place(alice, "a", "sell", 5, 3_000)
            await place(bob, "b", "buy", 2, 3_000)
            for interval_ms in (3_600_000, DAY_MS):
                await public.subscribe("candles", SYMBOL, interval_ms=interval_ms)
            seen: set[int] = set()
            async for event in public.events():
                seen.add(getattr(event, "interval_ms", 0))
                if seen >= {3_600_000, DAY_MS}:
                    break
            await public.unsubscribe("candles", SYMBOL)

    play(tmp_path, scene)
