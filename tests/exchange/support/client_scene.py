"""A client on the scripted exchange, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from exchange.client import Client, Event, Refused
from tests.exchange.support.harness import SYMBOL, key_of
from tests.exchange.support.scripted import Scripted
from tests.exchange.support.virtual_loop import run_virtual


class Scene:
    """A client on the scripted exchange, with account and book, and all that it was told."""

    def __init__(self, exchange: Scripted, client: Client) -> None:
        self.exchange, self.client = exchange, client
        self.events: list[Event] = []
        self.ended: Exception | None = None

    async def listen(self) -> None:
        try:
            async for event in self.client.events():
                self.events.append(event)
        except Refused as error:
            self.ended = error

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def subscribes(self) -> int:
        return sum(n for what, n in self.exchange.asked.items() if what.startswith("subscribe"))

    def listens(self) -> set[tuple[str, str]]:
        return {place for peer in self.exchange.peers for place in peer.listens}


def play(story: Callable[[Scene], Awaitable[None]]) -> None:
    async def main() -> None:
        exchange = Scripted()
        await exchange.start()
        try:
            async with Client(exchange.url, key_of("bob")) as client:
                scene = Scene(exchange, client)
                listening = asyncio.create_task(scene.listen())
                await client.subscribe("account")
                await client.subscribe("book", SYMBOL)
                await story(scene)
            await listening
        finally:
            await exchange.kill()

    run_virtual(main())
