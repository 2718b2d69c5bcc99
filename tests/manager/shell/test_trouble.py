"""The Manager on an exchange in trouble: it is not left deaf or mute, and never in silence."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from exchange.client import Client, Refused
from exchange.wire.frames import ErrorReply
from exchange.wire.requests import OrderPlace, Subscribe
from manager.core.messages import Connected, Disconnected
from manager.shell.daemon import Daemon
from manager.shell.memory_balancer import MemoryBalancer
from tests.exchange.support.harness import SYMBOL, key_of
from tests.exchange.support.scripted import Mode, Peer, Scripted
from tests.exchange.support.virtual_loop import run_virtual
from tests.manager.farm import new_manager

BID = OrderPlace(
    req_id=1,
    client_order_id="rule/burst/1",
    symbol=SYMBOL,
    side="buy",
    order_type="limit",
    qty=1,
    price_ucr=1,
)


class Calm:
    async def read_rps(self) -> float:
        return 0.0


class Scene:
    """A Manager at work. ``heard``: what its core was told."""

    def __init__(self, exchange: Scripted, client: Client) -> None:
        self.exchange = exchange
        self.heard: list[Any] = []
        manager = new_manager()
        apply = manager.apply

        def hear(message: Any, now_ms: int) -> Any:
            self.heard.append(message)
            return apply(message, now_ms)

        manager.apply = hear  # type: ignore[method-assign]
        self.daemon = Daemon(client, manager, Calm(), MemoryBalancer(), 10)
        self.running = asyncio.create_task(self.daemon.run())

    def knows_its_account(self) -> bool:
        link = [message for message in self.heard if isinstance(message, Connected | Disconnected)]
        return isinstance(link[-1], Connected)


def play(story: Callable[[Scene], Awaitable[None]]) -> None:
    async def main() -> None:
        exchange = Scripted()
        await exchange.start()
        try:
            async with Client(exchange.url, key_of("bob")) as client:
                scene = Scene(exchange, client)
                try:
                    await asyncio.sleep(1)
                    assert scene.knows_its_account()
                    await story(scene)
                finally:
                    scene.running.cancel()
                    await asyncio.gather(scene.running, return_exceptions=True)
        finally:
            await exchange.kill()

    run_virtual(main())


@pytest.mark.parametrize("mode", ["busy", "rate_limited", "shutting_down", "mute"])
def test_it_reads_its_account_until_it_has_it(mode: Mode) -> None:
    """(Seen to fail: refused once, it fired no rule and released nothing any more.)"""

    async def story(scene: Scene) -> None:
        scene.exchange.mode = mode
        scene.exchange.cut()
        await asyncio.sleep(300)
        assert scene.exchange.asked["account.state "] < 200
        scene.exchange.mode = "up"
        await asyncio.sleep(60)
        assert scene.knows_its_account()

    play(story)


def test_what_it_is_told_to_ask_later_it_asks_later() -> None:
    """(Seen to fail: one busy moment ended its dead man's switch for good.)"""

    async def story(scene: Scene) -> None:
        scene.exchange.mode = "busy"
        asking = asyncio.create_task(scene.daemon._ask(BID))
        await asyncio.sleep(10)
        scene.exchange.mode = "up"
        await asking
        assert not any(isinstance(message, ErrorReply) for message in scene.heard)
        assert scene.exchange.orders.popitem()[1] == {BID.client_order_id: 1}

    play(story)


@pytest.mark.parametrize("how", ["key", "channel"])
def test_it_ends_when_it_can_hear_its_account_no_more(how: str) -> None:
    async def story(scene: Scene) -> None:
        tasks = []

        def forbidden(peer: Peer, message: Subscribe) -> bool:
            reply = ErrorReply(message.req_id, "forbidden", "no account channel")
            tasks.append(asyncio.create_task(peer.send(reply)))
            return True

        if how == "key":
            scene.exchange.mode = "bad_signature"
        else:
            scene.exchange.on_subscribe = forbidden
        scene.exchange.cut()
        with pytest.raises(Refused, match=r"bad_signature|forbidden"):
            await asyncio.wait_for(scene.running, 60)

    play(story)
