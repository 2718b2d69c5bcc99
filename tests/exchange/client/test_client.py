"""The client library against a real exchange through a proxy that cuts, delays and goes away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from exchange.client import (
    AccountReset,
    Client,
    Connected,
    Disconnected,
    LocalBook,
    Refused,
    Unknown,
    fetch_image,
    put_image,
)
from exchange.server.server import ExchangeServer
from exchange.wire.frames import BalanceUpdate, BookSnapshot, BookUpdate, OrderUpdate
from exchange.wire.requests import AccountState, ImageDelete, OrderPlace, Subscribe
from exchange.wire.types import Channel
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    SYMBOL,
    add_account,
    key_of,
    running,
    until,
)

CUTS = 50


class Proxy:
    """A TCP relay on loopback whose connections can be cut at any moment."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._server: asyncio.Server
        self._writers: set[asyncio.StreamWriter] = set()
        self._relays: set[asyncio.Task[None]] = set()
        self.accepted = 0
        self.refusing = False

    async def open(self) -> str:
        self._server = await asyncio.start_server(self._come, "127.0.0.1", 0)
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1/ws"

    def cut(self) -> None:
        """Break every connection without a goodbye."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        self._server.close()
        self.cut()
        await self._server.wait_closed()
        await asyncio.gather(*self._relays)

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        relay = asyncio.create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if not self.refusing:
                await self._both(reader, writer)
        except ConnectionRefusedError:
            return
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _both(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, upstream_writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.add(upstream_writer)
        try:
            await asyncio.gather(pipe(reader, upstream_writer), pipe(upstream, writer))
        finally:
            self._writers.discard(upstream_writer)
            upstream_writer.transport.abort()


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()


@asynccontextmanager
async def proxied(data_dir: Path) -> AsyncIterator[tuple[ExchangeServer, Proxy, str]]:
    """Yield (server, proxy, url through the proxy); bob has an account with money."""
    async with running(data_dir) as server:
        async with Client(server.url, OPERATOR) as operator:
            await add_account(operator, "bob")
        proxy = Proxy(server.port)
        url = await proxy.open()
        try:
            yield server, proxy, url
        finally:
            await proxy.close()


def bid(number: int, price: int = 100) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id=f"b{number}",
        symbol=SYMBOL,
        side="buy",
        order_type="limit",
        qty=1,
        price_ucr=price,
    )


def run(main: Any) -> None:
    asyncio.run(asyncio.wait_for(main, DEADLINE_S * 2))


def test_book_and_account_survive_fifty_cuts(tmp_path: Path) -> None:
    """Cut 50 times while orders flow: the book is the engine's, no account frame lost or doubled.

    (Seen to fail with a client that subscribes anew instead of resuming.)
    """

    async def main() -> None:
        async with (
            proxied(tmp_path / "data") as (server, proxy, url),
            Client(server.url, key_of("bob")) as trader,
            Client(url, key_of("bob"), codec="msgpack", backoff_max_s=0.05) as watcher,
        ):
            state = await watcher.subscribe("account")
            await watcher.subscribe("book", symbol=SYMBOL)
            seen: list[int] = []
            book = LocalBook(SYMBOL)
            last = state["account_seq"] + 2 * 8 * CUTS
            done = asyncio.Event()

            async def watch() -> None:
                async for event in watcher.events():
                    if isinstance(event, OrderUpdate | BalanceUpdate):
                        seen.append(event.account_seq)
                    if isinstance(event, BookSnapshot | BookUpdate):
                        assert book.apply(event) == "applied"
                    if seen and seen[-1] == last and book.seq is not None:
                        done.set()

            watching = asyncio.create_task(watch())
            for cut in range(CUTS):
                for number in range(8):
                    await trader.request(bid(cut * 8 + number, 100 + (cut * 7 + number) % 60))
                await until(lambda: watcher.connected)
                proxy.cut()
            await asyncio.wait_for(done.wait(), DEADLINE_S)
            fresh = Client(server.url, key_of("bob"))
            async with fresh:
                await fresh.subscribe("book", symbol=SYMBOL)
                async for event in fresh.events():
                    if isinstance(event, BookSnapshot):
                        break
                expected = fresh.book(SYMBOL).levels("buy")
            await until(lambda: book.levels("buy") == expected)
            watching.cancel()
            assert seen == list(range(state["account_seq"] + 1, last + 1))
            assert proxy.accepted >= CUTS

    run(main())


def test_an_unanswered_order_is_executed_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with proxied(tmp_path / "data") as (server, proxy, url):
            async with Client(url, key_of("bob"), backoff_max_s=0.05) as bob:
                orders = [asyncio.create_task(bob.place(bid(number))) for number in range(200)]
                await asyncio.wait(orders, return_when=asyncio.FIRST_COMPLETED)
                proxy.cut()
                results = await asyncio.gather(*orders)
            assert len({result["order_id"] for result in results}) == 200
            async with Client(server.url, key_of("bob")) as bob:
                state = await bob.request(AccountState(req_id=1))
                assert len(state["orders"]) == 200

    run(main())


def test_what_a_caller_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with proxied(tmp_path / "data") as (_, proxy, url):
            client = Client(url, key_of("bob"), backoff_max_s=0.05)
            async with client:
                with pytest.raises(Refused) as refused:
                    await client.request(replace(bid(1), symbol="tiny.mars.flat.spot"))
                assert (refused.value.reason, refused.value.field) == (
                    "unknown_instrument",
                    "symbol",
                )
                asking = asyncio.create_task(client.request(bid(2)))
                await asyncio.sleep(0)
                await proxy.close()
                with pytest.raises(Unknown, match=r"^the exchange hung up .*; ask again$"):
                    await asking
                with pytest.raises(Unknown, match="no answer within"):
                    await client.request(bid(3), timeout_s=0.2)
                events = client.events()
                assert isinstance(await anext(events), Connected)
                assert isinstance(await anext(events), Disconnected)
            with pytest.raises(Unknown):
                await client.request(bid(4), timeout_s=0.1)

    run(main())


def test_a_resume_that_is_too_old_begins_anew(tmp_path: Path) -> None:
    """The store has forgotten; the client is told to start over from ``account.state``."""

    async def main() -> None:
        async with (
            proxied(tmp_path / "data") as (server, proxy, url),
            Client(url, key_of("bob"), backoff_max_s=0.05) as watcher,
            Client(server.url, key_of("bob")) as trader,
        ):
            await watcher.subscribe("account")
            proxy.refusing = True
            proxy.cut()
            for number in range(3):
                await trader.request(bid(number))
            server.pump.gateway.accounts.kept_from({"bob": 6})
            proxy.refusing = False
            async for event in watcher.events():
                assert not isinstance(event, OrderUpdate | BalanceUpdate)
                if isinstance(event, AccountReset):
                    assert event.account_state["account_seq"] == 7
                    assert len(event.account_state["orders"]) == 3
                    break
            await trader.request(bid(9))
            async for event in watcher.events():
                if isinstance(event, OrderUpdate):
                    assert event.account_seq == 8
                    break

    run(main())


def test_a_long_account_that_begins_anew_is_read_in_pages(tmp_path: Path) -> None:
    """(Seen to fail: the subscription was refused, and with that lost.)"""
    count = 2_500

    async def main() -> None:
        async with (
            proxied(tmp_path / "data") as (server, proxy, url),
            Client(url, key_of("bob"), backoff_max_s=0.05) as watcher,
            Client(server.url, key_of("bob")) as trader,
        ):
            await watcher.subscribe("account")
            proxy.refusing = True
            proxy.cut()
            gateway = server.pump.gateway
            server.pump.submit(
                lambda now: [gateway.internal(bid(n), now, "bob") for n in range(count)]
            )
            await trader.request(bid(count))
            gateway.accounts.kept_from({"bob": 2 * count})
            proxy.refusing = False
            async with asyncio.timeout(DEADLINE_S):
                async for event in watcher.events():
                    if isinstance(event, AccountReset):
                        state = event.account_state
                        break
                assert len(state["orders"]) == count + 1
                await trader.request(bid(count + 1))
                async for event in watcher.events():
                    if isinstance(event, OrderUpdate):
                        assert event.account_seq == state["account_seq"] + 1
                        break

    run(main())


def test_images_are_resumed_verified_and_private(tmp_path: Path) -> None:
    async def main() -> None:
        disk = tmp_path / "disk.raw"
        disk.write_bytes(b"headroom" * 300_032)
        digest = sha256(disk.read_bytes()).hexdigest()
        async with proxied(tmp_path / "data") as (server, proxy, url):
            parts = tmp_path / "data" / "images" / "partial"
            upload = asyncio.create_task(put_image(url, key_of("bob"), disk, "raw"))
            await until(lambda: parts.is_dir() and any(parts.iterdir()))
            proxy.cut()
            with pytest.raises(Unknown):
                await upload
            assert await put_image(url, key_of("bob"), disk, "raw") == digest
            assert await put_image(url, key_of("bob"), disk, "raw") == digest, "again is no error"
            copy = tmp_path / "copy"
            copy.write_bytes(disk.read_bytes()[:1_000])
            assert await fetch_image(url, key_of("bob"), digest, copy) == "raw"
            assert copy.read_bytes() == disk.read_bytes()
            with pytest.raises(Refused, match="image_unknown"):
                await fetch_image(url, OPERATOR, digest, tmp_path / "stolen")
            async with Client(server.url, key_of("bob")) as bob:
                assert await bob.request(ImageDelete(req_id=1, sha256=digest))
            with pytest.raises(Refused, match="image_unknown"):
                await fetch_image(url, key_of("bob"), digest, tmp_path / "gone")

    run(main())


def test_no_subscription_is_lost_when_the_exchange_stops_again_and_again(tmp_path: Path) -> None:
    """It goes down while clients still subscribe again: "shutting down" is not "no".

    (Seen to lose some for good.)
    """
    clients = 12
    channels: tuple[Channel, ...] = ("book", "trades", "ticker", "candles")
    wanted: set[tuple[Channel, str]] = {("instruments", "")}
    wanted |= {(channel, SYMBOL) for channel in channels}

    def sessions(server: ExchangeServer) -> list[dict[tuple[Channel, str], None]]:
        return [one.channels for one in server.pump.gateway.sessions.values()]

    async def refused_as_going_down(server: ExchangeServer, enough: int) -> None:
        """Whoever comes back now is let in still, and refused."""
        outcomes = server.pump.gateway.notes.outcomes
        server.pump.submit(lambda _: server.pump.gateway.shut_down())
        await until(lambda: outcomes.get((Subscribe, "shutting_down"), 0) >= enough)

    async def subscribed(server: ExchangeServer, enough: int) -> None:
        await until(lambda: sum(map(len, sessions(server))) >= enough)

    async def main() -> None:
        async with AsyncExitStack() as stack:
            async with running(tmp_path / "data") as server:
                proxy = Proxy(server.port)
                url = await proxy.open()
                stack.push_async_callback(proxy.close)
                for _ in range(clients):
                    client = Client(url, backoff_max_s=0.05)
                    await stack.enter_async_context(client)
                    for channel, symbol in sorted(wanted):
                        await client.subscribe(channel, symbol or None)
            for part in range(1, 6):
                async with running(tmp_path / "data") as server:
                    proxy.port = server.port
                    await subscribed(server, clients * len(wanted) * part // 6)
                    proxy.cut()
                    await refused_as_going_down(server, clients)
                    proxy.refusing = True
                    proxy.cut()
                    await until(lambda: not server.pump.connections)
                proxy.refusing = False
            async with running(tmp_path / "data") as server:
                proxy.port = server.port
                await subscribed(server, clients * len(wanted))
                assert all(set(channels) == wanted for channels in sessions(server))

    run(main())
