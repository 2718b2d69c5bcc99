"""A terminal whose exchange goes away, comes back, or does not answer. In virtual time."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from exchange.keys import new_key
from exchange.wire.frames import Ack, BalanceUpdate, Heartbeat, InstrumentsSnapshot
from exchange.wire.requests import Subscribe
from tests.exchange.support.scripted import Peer, Scripted
from tests.exchange.support.virtual_loop import run_virtual
from tests.tui.market import SYMBOL, WINDOW, instrument
from tui.live_link import AGAIN_S, LiveLink
from tui.session import Session
from tui.view.desk import Desk
from tui.view.model import Model

SOON_S = AGAIN_S + 1
"""A pause, and what the dial itself takes."""
MARKET = InstrumentsSnapshot([instrument(SYMBOL), instrument(WINDOW)])
STATE = {
    "account_seq": 0,
    "balances": {"available_ucr": 100, "held_ucr": 0},
    "orders": [],
    "leases": [],
    "vms": [],
}


class Terminal:
    """A terminal without a screen, and its exchange. ``silent``: channels that it never answers."""

    def __init__(self) -> None:
        self.exchange = Scripted()
        self.exchange.on_subscribe = self._subscribed
        self.model = Model()
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.early: list[Any] = []
        """Frames that follow the account's state at once."""
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def _subscribed(self, peer: Peer, message: Subscribe) -> bool:
        self.asked.append(message.channel)
        self._changed.set()
        if message.channel not in self.silent:
            frames = {"account": self.early, "instruments": [MARKET]}.get(message.channel, [])
            result = STATE if message.channel == "account" else None
            ack = Ack(message.req_id, result=result)
            sending = self._send(peer, Heartbeat(0, 0), ack, *frames)  # the first wakes the reader
            self._tasks.add(asyncio.get_running_loop().create_task(sending))
        return True

    async def _send(self, peer: Peer, *frames: Any) -> None:
        with suppress(ConnectionClosed):
            await peer.send(*frames)

    async def until(self, holds: Callable[[], bool], within_s: float = SOON_S) -> None:
        async with asyncio.timeout(within_s):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def phase(self, phase: str) -> None:
        await self.until(lambda: self.model.connection.phase == phase)

    async def run(self, key: Path, story: Callable[["Terminal"], Awaitable[None]]) -> None:
        await self.exchange.start()
        link = LiveLink(self.exchange.url, key)
        await link.open()
        now_s = asyncio.get_running_loop().time
        desk = Desk(self.model, "s")
        session = Session(link, desk, lambda _: self._changed.set(), lambda: int(now_s() * 1000))
        running = asyncio.create_task(session.run())
        try:
            await self.phase("up")
            await story(self)
        finally:
            await link.close()
            await running
            await asyncio.gather(*self._tasks)
            await self.exchange.kill()


def play(folder: Path, story: Callable[[Terminal], Awaitable[None]], **fields: Any) -> None:
    new_key(folder / "key.pem")

    async def main() -> None:
        terminal = Terminal()
        for name, value in fields.items():
            setattr(terminal, name, value)
        await terminal.run(folder / "key.pem", story)

    run_virtual(main())


@pytest.mark.parametrize("gone_s", [1, 9, 16, 30, 300, 3_600])
def test_soon_after_the_exchange_is_back_so_is_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone_s: int
) -> None:
    """With the longest of all random pauses. (Seen to take up to 10 s with a program's pauses.)"""
    monkeypatch.setattr(random, "uniform", lambda _, longest: longest)

    async def story(terminal: Terminal) -> None:
        await terminal.exchange.kill()
        await terminal.phase("lost")
        await asyncio.sleep(gone_s)
        await terminal.exchange.start()
        await terminal.phase("up")

    play(tmp_path, story)


@pytest.mark.parametrize("silent", ["account", "instruments", "book", "trades", "candles"])
def test_an_answer_that_does_not_come_holds_nothing_up(tmp_path: Path, silent: str) -> None:
    """(Seen to hold up all that came later by 10 s for each subscription.)"""

    async def story(terminal: Terminal) -> None:
        await terminal.until(lambda: silent in terminal.asked)
        for peer in terminal.exchange.peers:
            await peer.send(Heartbeat(5_000, 1))
        await terminal.until(lambda: terminal.model.clock_offset_ms > 1_000)
        terminal.exchange.cut()
        await terminal.phase("lost")
        await terminal.phase("up")

    play(tmp_path, story, silent={silent})


def test_frames_of_the_account_come_after_its_state(tmp_path: Path) -> None:
    """(Seen to fail on a session that takes them while the state is still on its way.)"""
    news = [BalanceUpdate(number, number, 0, number, 0, "deposit") for number in range(1, 4)]

    async def story(terminal: Terminal) -> None:
        await terminal.until(lambda: len(terminal.model.instruments) == len(MARKET.instruments))
        assert terminal.model.account.available_ucr == 3

    play(tmp_path, story, early=news)
