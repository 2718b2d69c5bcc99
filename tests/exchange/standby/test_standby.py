"""A standby beside a leader: it has the leader's state, says that it is a standby, and does not
take over with another state."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from exchange.client import Client
from exchange.recovery.loading import load, replayed
from exchange.server.server import ExchangeServer, Settings
from exchange.standby.follower import Follower
from exchange.standby.lead import DataLead
from exchange.standby.refusing import reason
from exchange.standby.standby import Standby
from exchange.storage import snapshots, whereabouts
from exchange.storage.sqlite_journal import DataLock
from exchange.storage.sqlite_store import SqliteStore
from exchange.wire.close_codes import CLOSE_RESTART, REASON_BYTES_MAX
from tests.exchange.support.harness import DEADLINE_S, ServerProcess, create_exchange, until
from tests.exchange.support.trading import trade, traders

ORDERS = 150
EVERY = 100


def follower_of(data_dir: Path) -> Follower:
    store = SqliteStore(data_dir)
    return Follower(store, load(store))


def caught_up(follower: Follower) -> None:
    while follower.look():
        continue


@asynccontextmanager
async def leading(data_dir: Path) -> AsyncIterator[ExchangeServer]:
    settings = Settings(data_dir=data_dir, host="127.0.0.1", port=0, snapshot_every=EVERY)
    with DataLock(data_dir):
        server = ExchangeServer(settings, load(SqliteStore(data_dir)))
        await server.open()
        task = asyncio.create_task(server.run())
        try:
            yield server
        finally:
            server.stop()
            assert await asyncio.wait_for(task, DEADLINE_S) == 0


@asynccontextmanager
async def standing_by(data_dir: Path, follower: Follower) -> AsyncIterator[Standby]:
    settings = Settings(data_dir=data_dir, host="127.0.0.1", port=0)
    lead = DataLead(data_dir)
    standby = Standby(settings, follower, lead)
    await standby.open()
    yield standby
    lead.give_up()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    create_exchange(tmp_path / "data")
    return tmp_path / "data"


async def dealt(url: str, seed: str) -> None:
    async with traders(url) as (alice, bob):
        await asyncio.gather(trade(alice, "alice", ORDERS, seed), trade(bob, "bob", ORDERS, seed))


def page(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_it_has_the_leaders_state_and_memory_and_the_comparison_says_so(data_dir: Path) -> None:

    async def story() -> Follower:
        async with leading(data_dir) as server:
            follower = follower_of(data_dir)
            dealing = asyncio.create_task(dealt(server.url, "first"))
            while not dealing.done():
                follower.look()
                await asyncio.sleep(0)
            await dealing
        return follower

    follower = asyncio.run(story())
    caught_up(follower)
    whole = replayed(SqliteStore(data_dir))
    ours = follower.loaded
    assert whole.engine.state.counters.trade > 20
    assert (ours.last_ms, ours.last_chain) == (whole.last_ms, whole.last_chain)
    assert ours.engine.state_hash() == whole.engine.state_hash()
    assert ours.gateway.feed.memory() == whole.gateway.feed.memory()
    seq = follower.snapshot_to_compare()
    assert seq is not None
    follower.compare(seq)
    follower.reap(wait=True)
    assert (follower.agreement, follower.snapshot_to_compare()) == ("same", None)


def test_with_another_state_it_ends_and_does_not_lead(data_dir: Path) -> None:
    leader = ServerProcess(data_dir, "--listen", "127.0.0.1:0", "--snapshot-every", str(EVERY))

    async def story() -> None:
        follower = follower_of(data_dir)
        await dealt(await leader.url(), "first")
        await until(lambda: bool(snapshots.newest_first(data_dir)))
        caught_up(follower)
        follower.loaded.engine.state.epoch += 1
        async with standing_by(data_dir, follower) as standby:
            running = asyncio.create_task(standby.run())
            assert await asyncio.wait_for(running, DEADLINE_S) == "end"
        assert follower.agreement == "different"

    try:
        asyncio.run(story())
    finally:
        leader.process.terminate()
        leader.end()


def test_it_refuses_clients_and_says_who_serves(data_dir: Path) -> None:
    async def story() -> None:
        async with leading(data_dir) as server:
            follower = follower_of(data_dir)
            async with standing_by(data_dir, follower) as standby:
                running = asyncio.create_task(standby.run())
                at = f"127.0.0.1:{standby.settings.port}"
                async with connect(f"ws://{at}/v1/ws") as refused:
                    with pytest.raises(ConnectionClosed) as closed:
                        await refused.recv()
                close = closed.value.rcvd
                assert close is not None
                assert (close.code, close.reason) == (CLOSE_RESTART, reason(server.url))
                assert await asyncio.to_thread(page, f"http://{at}/healthz") == (503, "standby\n")
                status, text = await asyncio.to_thread(page, f"http://{at}/metrics")
                assert (status, "headroom_standby_lag_rows 0\n" in text) == (200, True)
                assert (await asyncio.to_thread(page, f"http://{at}/v1/instruments"))[0] == 503
                async with Client(f"ws://{at}/v1/ws,{server.url}") as client:
                    assert client.url == server.url
                standby.stop()
                assert await asyncio.wait_for(running, DEADLINE_S) == "end"

    asyncio.run(story())


def test_it_leads_with_every_row_once_the_leader_has_ended(data_dir: Path) -> None:
    async def story() -> None:
        follower = follower_of(data_dir)
        async with standing_by(data_dir, follower) as standby:
            assert whereabouts.standby(data_dir).endswith(f":{standby.settings.port}/v1/ws")
            async with leading(data_dir) as server:
                running = asyncio.create_task(standby.run())
                await dealt(server.url, "first")
            assert await asyncio.wait_for(running, DEADLINE_S) == "serve"
        last = load(SqliteStore(data_dir))
        assert (follower.seq, follower.loaded.last_chain) == (last.engine.seq, last.last_chain)
        assert whereabouts.standby(data_dir) == ""

    asyncio.run(story())


def test_a_reason_fits_a_close_frame() -> None:
    assert reason("") == "standby"
    assert reason("ws://a/v1/ws") == "standby; ws://a/v1/ws serves"
    assert reason("ws://" + "a" * REASON_BYTES_MAX) == "standby"
