"""A client's connection at a door, as the pump sees it. Shell."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, cast

from exchange.links.entries import Close, Rest, Sent, Stored, StoredEnd, StoredPage, ToDoor
from exchange.server.pump import Pump
from exchange.server.turns import Line
from exchange.session.deliveries import Delivery, Replay
from exchange.units import MS_PER_SECOND
from exchange.wire.close_codes import CLOSE_TRY_LATER

MORE_TIMEOUT_S: Final = 30
"""How long a page of stored frames may take to be read."""


class RemoteReplay:
    """Stored account frames on their way to a client: a page whenever its door asks for one."""

    def __init__(
        self, number: int, session: int, mark: int, tell: Callable[[ToDoor], None]
    ) -> None:
        self.number = number
        self.mark = mark
        self.wanted = asyncio.Event()
        self._session = session
        self._tell = tell

    def write_payloads(self, payloads: list[bytes]) -> None:
        self._tell(StoredPage(self._session, self.mark, payloads))

    async def drain(self) -> None:
        """Wait until the door asks for more. Raises `TimeoutError`."""
        async with asyncio.timeout(MORE_TIMEOUT_S):
            await self.wanted.wait()
        self.wanted.clear()

    def close_soon(self, code: int, reason: str) -> None:
        self._tell(Close(self._session, code, reason))

    def replayed(self, final: bool) -> None:
        self._tell(StoredEnd(self._session, final))


class Remote:
    """``number``: of its session; ``session``: what its door calls it; ``tell`` sends there."""

    def __init__(
        self, number: int, session: int, tell: Callable[[ToDoor], None], pump: Pump
    ) -> None:
        self.number = number
        self.session = session
        self.line = Line()
        self.line.number = number
        self._tell = tell
        self._pump = pump
        self._given = 0
        self._marks = 0
        self._replays: dict[int, RemoteReplay] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def give(self, frames: list[bytes]) -> int:
        """Queue frames that the client sent; returns how many it has sent so far."""
        self._given += len(frames)
        self._pump.frames(self, frames)
        return self._given

    @property
    def handled(self) -> int:
        """How many of the client's frames are handled."""
        return self._given - len(self.line.items)

    def more(self, mark: int) -> None:
        """The client has read what was sent of a stored replay."""
        replay = self._replays.get(mark)
        if replay is not None:
            replay.wanted.set()

    def deliver(self, items: list[Delivery]) -> None:
        """Send a batch's payloads; a stored replay has a place among them."""
        start = 0
        for index, item in enumerate(items):
            if type(item) is Replay:
                self._send(items[start:index])
                self._replay(item)
                start = index + 1
        self._send(items[start:] if start else items)

    def close_soon(self, code: int, reason: str) -> None:
        self._tell(Close(self.session, code, reason))

    def rest(self, seconds: float) -> None:
        self._tell(Rest(self.session, int(seconds * MS_PER_SECOND)))

    def resume(self) -> None:
        """Nothing is held back here: the door is told what is worked off."""

    def spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def abandon(self) -> None:
        """The connection is gone: cancel the tasks that ran for it."""
        for task in self._tasks:
            task.cancel()

    def _send(self, items: list[Delivery]) -> None:
        if items:
            self._tell(Sent(self.session, cast(list[bytes], items)))

    def _replay(self, item: Replay) -> None:
        self._marks += 1
        mark = self._marks
        self._tell(Stored(self.session, mark, item.final))
        replay = self._replays[mark] = RemoteReplay(self.number, self.session, mark, self._tell)
        self.spawn(self._play(replay, item))

    async def _play(self, replay: RemoteReplay, item: Replay) -> None:
        try:
            await replay.drain()
            await self._pump.send_stored(replay, item)
        except TimeoutError:
            self.close_soon(CLOSE_TRY_LATER, "reads too slowly")
        finally:
            del self._replays[replay.mark]
