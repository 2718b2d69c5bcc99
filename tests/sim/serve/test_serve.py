"""A served scenario: the same run for watchers, orders of real clients, pause, step, seek.

Seen to fail on planted bugs: real sessions numbered among the simulated ones, time that goes on
while a client logs in, and a past that is not played anew.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from exchange.client import Client, Disconnected
from exchange.keys import load_private_key
from exchange.wire.frames import Heartbeat, VmUpdate
from exchange.wire.requests import (
    AccountState,
    LeaseRelease,
    OrderCancel,
    OrderCancelOnDisconnect,
    OrderPlace,
    VmStart,
)
from exchange.wire.types import Request
from sim.run.buyer import IMAGE
from sim.run.world import World
from sim.scenario.file import Loaded
from sim.serve import past
from sim.serve.keys import write_keys
from sim.serve.play import Play
from sim.serve.server import SimulatedServer
from tests.command import run
from tests.exchange.support.harness import DEADLINE_S, until
from tests.sim.scenes import TRADERS, loaded, scene

SYMBOL = "small.eu-de.flat.spot"
ROOT = Path(__file__).parents[3]
FAST = 10_000.0


class Served:
    """A scene that is served in this process; keys are in ``folder``."""

    def __init__(self, found: Loaded, policy: str, folder: Path, speed: float) -> None:
        seed = found.scenario.seed
        write_keys(found.scenario, seed, folder)
        self.folder = folder
        self.play = Play(lambda: World(found, policy, seed), speed)
        self.server = SimulatedServer(self.play.pump, folder)

    def client(self, account: str = "shop") -> Client:
        key = load_private_key(self.folder / f"{account}.key")
        return Client(self.server.url, key, backoff_max_s=0.1)

    async def at(self, at_s: float) -> None:
        """Seek to ``at_s``, and be there."""
        self.play.seek(at_s)
        async with asyncio.timeout(DEADLINE_S):
            await self.play.arrived.wait()
        assert self.play.at_s == at_s

    async def end(self) -> str:
        async with asyncio.timeout(DEADLINE_S):
            await self.play.ended.wait()
        return self.play.world.digest.hex()


@asynccontextmanager
async def serving(
    folder: Path,
    text: str,
    policy: str = "threshold",
    speed: float = FAST,
    at_s: float | None = None,
) -> AsyncIterator[Served]:
    """``at_s``: time stands still there first, however long a client takes to come in."""
    served = Served(loaded(folder, text), policy, folder, speed)
    await served.server.open("127.0.0.1", 0)
    playing = asyncio.create_task(served.play.run())
    try:
        if at_s is not None:
            await served.at(at_s)
        yield served
    finally:
        playing.cancel()
        await served.server.close()
        with suppress(asyncio.CancelledError):
            await playing


def unpaced(folder: Path, text: str, policy: str = "threshold") -> str:
    found = loaded(folder, text)
    return World(found, policy, found.scenario.seed).run().digest


async def read(client: Client, kinds: type[Any], found: list[Any]) -> None:
    async for event in client.events():
        found += [event] * isinstance(event, kinds)


@asynccontextmanager
async def reading(client: Client, kinds: Any) -> AsyncIterator[list[Any]]:
    """Read the client's events meanwhile; yields those of ``kinds``."""
    found: list[Any] = []
    task = asyncio.create_task(read(client, kinds, found))
    try:
        yield found
    finally:
        task.cancel()


def test_a_watched_run_is_the_unpaced_run(tmp_path: Path) -> None:
    text = scene(TRADERS, duration_s=600)

    async def watched() -> tuple[str, int, list[Any]]:
        async with serving(tmp_path, text, at_s=0) as served, served.client() as client:
            await client.subscribe("account")
            await client.subscribe("book", SYMBOL)
            await client.subscribe("trades", SYMBOL)
            async with reading(client, object) as events:
                served.play.go()
                digest = await served.end()
                return digest, served.play.interfered, events

    digest, interfered, events = asyncio.run(watched())
    assert digest == unpaced(tmp_path, text)
    assert interfered == 0
    assert len(events) > 50


def test_who_comes_at_once_can_log_in(tmp_path: Path) -> None:
    """(Seen to fail: the accounts opened within the first instants of virtual time.)"""

    async def at_once() -> bool:
        slow = 0.001
        async with (
            serving(tmp_path, scene(duration_s=600), speed=slow) as served,
            asyncio.timeout(DEADLINE_S),
            served.client() as client,
        ):
            return client.connected

    assert asyncio.run(at_once())


def test_who_watches_hears_of_the_exchange_while_time_stands_still(tmp_path: Path) -> None:
    """(Seen to fail: the terminal called a paused run stale, and held every order back.)"""

    async def watched() -> None:
        async with (
            serving(tmp_path, scene(duration_s=600), at_s=60) as served,
            served.client() as client,
        ):
            await client.subscribe("ticker", SYMBOL)
            async with reading(client, Heartbeat) as beats:
                await until(lambda: len(beats) >= 2)
            assert {beat.ts_ms for beat in beats} == {served.play.world.stage.now_ms}
            assert served.play.at_s == 60

    asyncio.run(watched())


def order(qty: int = 1) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id="by hand",
        symbol=SYMBOL,
        side="buy",
        order_type="limit",
        time_in_force="ioc",
        qty=qty,
        price_ucr=50_000,
    )


def test_a_real_client_rents_from_a_simulated_seller(tmp_path: Path) -> None:
    text = scene(duration_s=600)

    async def trade() -> None:
        async with (
            serving(tmp_path, text, "no_burst", 60.0, at_s=60) as served,
            served.client() as client,
        ):
            play = served.play
            await client.subscribe("account")
            async with reading(client, VmUpdate) as updates:
                result = await client.request(order())
                assert result["status"] == "filled"
                assert (play.at_s, play.interfered) == (60, 1)  # time stands still
                state = await client.request(AccountState(req_id=1))
                lease_id = state["leases"][0]["lease_id"]
                vm = VmStart(req_id=1, lease_id=lease_id, name="web", image=IMAGE, ports=[80])
                await client.request(vm)
                play.step(180)
                await until(lambda: any(row.ready_ms is not None for row in updates))
                await client.request(LeaseRelease(req_id=1, lease_id=lease_id))
            play.speed(FAST)
            play.go()
            assert await served.end() != unpaced(tmp_path, text, "no_burst")
            assert play.interfered == 3

    asyncio.run(trade())


def test_step_and_seek_to_the_past(tmp_path: Path) -> None:
    """What a client does later is undone, and all that came of it."""
    text = scene(duration_s=300)

    async def walk() -> str:
        async with serving(tmp_path, text, at_s=120) as served, served.client() as client:
            play = served.play
            await client.subscribe("account")
            async with reading(client, Disconnected) as links:
                play.step(7.5)
                await until(lambda: play.at_s == 127.5)
                # Where it goes on from: not from before the step.
                due_ms = play.pace.due_ms(asyncio.get_running_loop().time())
                assert due_ms == play.world.stage.now_ms
                await client.request(order())
                assert (play.pace.paused, play.interfered, links) == (True, 1, [])
                await served.at(30)
                await until(lambda: len(links) >= 1 and client.connected)
                assert (play.interfered, play.at_s) == (0, 30)
            play.speed(FAST)
            play.go()
            return await served.end()

    assert asyncio.run(walk()) == unpaced(tmp_path, text)


@pytest.mark.source
@pytest.mark.parametrize("seeks", [(250, 100, 200, 10, 299), (120, 119.999, 0, 60, 310, 150)])
def test_after_any_seeks_the_run_is_the_unpaced_run(
    tmp_path: Path, seeks: tuple[float, ...]
) -> None:
    text = scene(TRADERS, duration_s=300)

    async def walk() -> str:
        async with serving(tmp_path, text) as served:
            for at_s in seeks:
                await served.at(at_s)
            assert 5 < len(served.play.past.kept_ms) <= past.KEPT_MAX
            served.play.go()
            return await served.end()

    assert asyncio.run(walk()) == unpaced(tmp_path, text)


def test_what_a_client_did_by_the_time_of_a_seek_stays(tmp_path: Path) -> None:
    """(Seen to fail: with a past that is played anew without what clients did.)"""
    done: dict[int, Request] = {
        100: order(),
        107: OrderCancelOnDisconnect(req_id=1, enabled=True),
        150: replace(order(2), client_order_id="bid", time_in_force="gtc", price_ucr=10_000),
        200: replace(order(2), client_order_id="more"),
        201: OrderCancel(req_id=1, client_order_id="bid"),
    }

    async def walk() -> None:
        async with (
            serving(tmp_path, scene(TRADERS, duration_s=300), "no_burst", at_s=100) as served,
            served.client() as client,
        ):
            play = served.play
            was: dict[float, tuple[str, int]] = {}

            def back(links: list[Any], times: int) -> bool:
                return len(links) == times and client.connected

            def state() -> tuple[str, int]:
                return play.world.stage.marketplace.engine.state_hash(), play.interfered

            for at_s, request in done.items():
                await served.at(at_s)
                await client.request(request)
                was[at_s] = state()
            await served.at(290)
            await client.subscribe("account")
            async with reading(client, Disconnected) as links:
                for number, back_s in enumerate((201, 200.5, 150, 107, 99.999)):
                    ended = number + 1
                    await served.at(back_s)
                    assert state() == was.get(back_s, state())
                    # No order is canceled with the connection: a seek changes nobody's.
                    await until(partial(back, links, ended))
                    assert state() == was.get(back_s, state())
                assert play.interfered == 0

    asyncio.run(walk())


def test_what_is_asked_for_during_a_seek_comes_behind_it(tmp_path: Path) -> None:
    async def walk() -> None:
        async with serving(tmp_path, scene(duration_s=300)) as served:
            play = served.play
            for act in (partial(play.seek, 200), partial(play.seek, 50), partial(play.step, 5)):
                act()
            await until(lambda: play.at_s == 55)
            assert play.pace.paused
            play.seek(250)
            play.go()
            play.pause()  # gives up what is under way, and what waits
            assert play.arrived.is_set()
            assert play.at_s < 250

    asyncio.run(walk())


@pytest.mark.source
def test_copies_are_thinned_out_in_a_large_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "OBJECTS_MAX", 10_000)
    found = loaded(tmp_path, scene(duration_s=300))
    world = World(found, "threshold", found.scenario.seed, leaves_out=False)
    world.begin()
    start_ms = world.scenario.start_ms
    kept = past.Past(start_ms, start_ms + 300_000, ())
    for at_ms in range(start_ms, start_ms + 300_000, 1000):
        world.stage.env.run(until=at_ms)
        kept.keep(world, world.stage.env.peek())
    assert 2 < len(kept.kept_ms) < 10
    assert kept.kept_ms[0] < start_ms + 10_000
    assert sum(one.objects for one in kept._kept) <= 10_000


def test_a_restart_of_the_exchange_ends_real_connections_too(tmp_path: Path) -> None:
    text = scene('[[fault]]\nkind = "exchange_restart"\nat_s = 100\n', duration_s=300)

    async def watched() -> str:
        async with serving(tmp_path, text, at_s=0) as served, served.client() as client:
            await client.subscribe("account")
            async with reading(client, Disconnected) as links:
                served.play.seek(200)
                await until(lambda: len(links) >= 1 and client.connected)
                served.play.speed(FAST)
                served.play.go()
                return await served.end()

    assert asyncio.run(watched()) == unpaced(tmp_path, text)


def test_it_ends_by_itself_when_nobody_types(tmp_path: Path) -> None:
    text = scene(duration_s=120)
    digest = unpaced(tmp_path, text)
    file, keys = tmp_path / "scene.toml", tmp_path / "keys"
    words = ["--policy", "threshold", "--speed", "50000", "--listen", "127.0.0.1:0"]
    done = run(["sim", "serve", str(file), *words, "--keys", str(keys)])
    assert done.code == 0, done
    assert f"digest {digest}" in done.out
    assert "headroom: serving ws://127.0.0.1:" in done.out
    assert {path.name for path in keys.iterdir()} == {"shop.key", "uni-lab.key", "operator.key"}


def test_what_is_typed_in_advance_is_done_in_turn(tmp_path: Path) -> None:
    text = scene(duration_s=120)
    digest = unpaced(tmp_path, text)
    typed = "seek 0:12:00\nseek 60\nstep 5\nnonsense\nspeed 50000\ngo\n"
    words = ["--policy", "threshold", "--listen", "127.0.0.1:0"]
    line = [sys.executable, str(ROOT / "headroom.py"), "sim", "serve", str(tmp_path / "scene.toml")]
    done = subprocess.run(
        line + words, input=typed, text=True, capture_output=True, timeout=DEADLINE_S, check=True
    )
    assert " of 0:12:00, 50000 x, 0 commands of yours\n" in done.stdout
    assert "nonsense: no such command; try help\n" in done.stdout
    assert done.stdout.count(f"digest {digest}") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--policy none", "--policy none: the scenario has"),
        ("--speed 0", "--speed 0"),
        ("--speed nan", "not a finite number"),
        ("--listen nowhere", "not ADDRESS:PORT"),
        ("--listen 192.0.2.1:0", "beyond loopback needs"),
    ],
)
def test_what_cannot_be_served_is_one_line(tmp_path: Path, words: str, said: str) -> None:
    loaded(tmp_path, scene())
    done = run(["sim", "serve", str(tmp_path / "scene.toml"), *words.split()])
    assert done.code == 2
    assert said in done.errors
