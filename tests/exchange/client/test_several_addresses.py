"""A client that was given several addresses of one exchange: it follows whoever serves.

Against scripted exchanges on real sockets, in virtual time.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from exchange.cli.one_request import logged_in
from exchange.client import Client, Disconnected, Unknown, Unreachable, fetch_image
from exchange.wire.close_codes import CLOSE_RESTART
from exchange.wire.requests import AccountState
from tests.exchange.support.client_scene import Scene
from tests.exchange.support.harness import SYMBOL, key_of
from tests.exchange.support.scripted import Scripted
from tests.exchange.support.virtual_loop import run_virtual

BOB = key_of("bob")


def play(story: Callable[[Scene, list[Scripted]], Awaitable[None]]) -> None:
    """A client of three exchanges, connected to the first; the others do not listen yet."""

    async def main() -> None:
        exchanges = [Scripted() for _ in range(3)]
        for exchange in exchanges:
            await exchange.start()
        for exchange in exchanges[1:]:
            await exchange.kill()
        try:
            async with Client(",".join(each.url for each in exchanges), BOB) as client:
                scene = Scene(exchanges[0], client)
                listening = asyncio.create_task(scene.listen())
                await client.subscribe("book", SYMBOL)
                await story(scene, exchanges)
            await listening
        finally:
            for exchange in exchanges:
                await exchange.kill()

    run_virtual(main())


async def connected_to(scene: Scene, exchange: Scripted) -> None:
    await asyncio.sleep(1)  # until it has noticed that it was cut off
    await scene.client.request(AccountState(req_id=1), timeout_s=60)
    assert scene.client.url == exchange.url


def test_a_killed_exchange_is_left_for_the_next_and_its_subscriptions_with_it() -> None:
    async def story(scene: Scene, exchanges: list[Scripted]) -> None:
        first, _, third = exchanges
        await third.start()
        await first.kill()
        await connected_to(scene, third)
        await asyncio.sleep(1)
        assert {place for peer in third.peers for place in peer.listens} == {("book", SYMBOL)}
        lost = scene.told(Disconnected)[0]
        assert lost.reason == f"{first.url}: the exchange hung up"

    play(story)


def test_the_one_that_worked_last_is_dialed_first() -> None:
    async def story(scene: Scene, exchanges: list[Scripted]) -> None:
        first, second, _ = exchanges
        await second.start()
        await first.kill()
        await connected_to(scene, second)
        await first.start()
        before = first.dials
        second.cut()
        await asyncio.sleep(5)
        await connected_to(scene, second)
        assert first.dials == before

    play(story)


def test_a_close_says_where_to_go_first() -> None:
    async def story(scene: Scene, exchanges: list[Scripted]) -> None:
        first, second, third = exchanges
        await second.start()
        await third.start()
        await first.stop(CLOSE_RESTART, f"handed over to {third.url}")
        await connected_to(scene, third)
        assert (second.dials, third.dials) == (0, 1)
        (lost,) = scene.told(Disconnected)
        assert (lost.code, first.url in lost.reason) == (CLOSE_RESTART, True)

    play(story)


def test_a_standby_says_where_the_leader_is() -> None:
    async def story(scene: Scene, exchanges: list[Scripted]) -> None:
        first, second, third = exchanges
        await second.start()
        await third.start()
        third.mode, third.reason = "standby", f"standby; dial {second.url}"
        await first.stop(CLOSE_RESTART, f"dial {third.url}")
        await connected_to(scene, second)
        assert (second.dials, third.dials) == (1, 1)

    play(story)


@pytest.mark.parametrize("place", ["close", "refusal"])
def test_a_stranger_that_a_close_names_is_never_dialed(place: str) -> None:
    async def story(scene: Scene, exchanges: list[Scripted]) -> None:
        first, second, _ = exchanges
        stranger = Scripted()
        await stranger.start()
        await second.start()
        if place == "refusal":
            first.mode, first.reason = "standby", f"dial {stranger.url}"
            first.cut()
        else:
            await first.stop(CLOSE_RESTART, f"handed over to {stranger.url}")
        await connected_to(scene, second)
        await stranger.kill()
        assert stranger.dials == 0

    play(story)


def test_one_that_lets_nobody_in_does_not_keep_a_client_from_the_next() -> None:
    async def story(scene: Scene, exchanges: list[Scripted]) -> None:
        first, second, _ = exchanges
        await second.start()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.listen()
            await first.kill()
            urls = f"ws://127.0.0.1:{silent.getsockname()[1]},{second.url}"
            async with Client(urls, BOB) as client:
                assert client.url == second.url

    play(story)


def test_two_standbys_that_name_each_other_are_dialed_with_pauses() -> None:

    async def story(scene: Scene, exchanges: list[Scripted]) -> None:
        first, second, _ = exchanges
        await second.start()
        for one, other in ((first, second), (second, first)):
            one.mode, one.reason = "standby", f"dial {other.url}"
        before = first.dials + second.dials
        first.cut()
        await asyncio.sleep(3_600)
        assert 400 < first.dials + second.dials - before < 2_000

    play(story)


def test_when_none_answers_the_error_names_each() -> None:
    async def main() -> None:
        dead, standby = Scripted(), Scripted()
        standby.mode, standby.reason = "standby", "standby"
        for exchange in (dead, standby):
            await exchange.start()
        await dead.kill()
        with pytest.raises(Unreachable) as error:
            async with Client(f"{dead.url},{standby.url}", BOB):
                raise AssertionError
        await standby.kill()
        assert str(error.value) == (
            f"{dead.url}: no exchange listens there; {standby.url}: the exchange restarts (standby)"
        )

    run_virtual(main())


def test_images_are_fetched_where_the_exchange_serves(tmp_path: Path) -> None:
    async def main() -> None:
        standby, leader = Scripted(), Scripted()
        for exchange in (standby, leader):
            await exchange.start()
        standby.mode, standby.reason = "standby", f"dial {leader.url}"
        with pytest.raises(Unknown, match="less than 64 KiB"):
            await fetch_image(f"{standby.url},{leader.url}", BOB, "0" * 64, tmp_path / "image")
        assert leader.asked["image.get "] == 1
        for exchange in (standby, leader):
            await exchange.kill()

    run_virtual(main())


def test_a_list_that_cannot_be_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unreachable, match="address 2 of 2 is empty"):
        Client("wss://a,", BOB)
    with pytest.raises(BaseException):  # noqa: B017, PT011 - typer's own way to end
        logged_in("wss://a,wss://a", None, lambda client: client.close())
    assert capsys.readouterr().err == "headroom: wss://a: given twice\n"
