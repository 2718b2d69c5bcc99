"""The terminal's two connections into a `VirtualMarket`: to the exchange and to the Manager.

A request is answered within the same virtual millisecond, so that nothing depends on how fast the
machine draws.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from exchange.wire.frames import Ack, ErrorReply, Heartbeat
from exchange.wire.requests import Subscribe, Unsubscribe
from exchange.wire.types import Channel, IntervalMs, Request
from manager.control.alerts import Alerts
from manager.control.frames import Snapshot
from manager.control.groups_view import group_rows, offer_shown
from manager.control.requests import ControlRequest, LoadPast, OfferPreview
from manager.control.view import snapshot
from manager.shell.group_tables import GroupTable, OfferTable, changed_offer, group_of_table
from sim.network.identity import Identity
from tui.demo.virtual import YOU, VirtualMarket
from tui.farm_link import FarmEvent, FarmGone
from tui.link import Down, Event, NoAnswerError, RefusedError, Up

EVENTS_MAX: Final = 100_000


class VirtualLink:
    """A `tui.link.Link` as ``account``."""

    url = ""
    at = ""

    def __init__(self, market: VirtualMarket, account: str = YOU, role: str = "trader") -> None:
        self.market = market
        self._account, self._role = account, role
        identity = Identity(market.stage.seed, account)
        self._connection = market.stage.connect(f"{account}/tui", self, identity, [], account)
        self._numbers = count(1)
        self._answers: dict[int, Ack | ErrorReply] = {}
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(EVENTS_MAX)
        self._lost_ms: int | None = None

    def now_ms(self) -> int:
        return self.market.now_ms + (self._lost_ms or 0)

    async def open(self) -> None:
        self._connection.open()
        self._settle(lambda: self._connection.up)

    async def close(self) -> None:
        self._connection.close()
        self._events.put_nowait(None)

    def lose(self, late_ms: int) -> None:
        """The exchange is gone, and it is ``late_ms`` later."""
        self._lost_ms = late_ms
        self._events.put_nowait(Down("the connection was reset"))

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            yield event
            self._events.task_done()

    async def settled(self) -> None:
        """Wait until the terminal has taken everything that came; a sign of life is the last."""
        if self._lost_ms is None:
            self._events.put_nowait(Heartbeat(self.market.now_ms, 0))
        await self._events.join()

    async def request(self, message: Request) -> object:
        req_id = next(self._numbers)
        self._connection.send(replace(message, req_id=req_id))
        self._settle(lambda: req_id in self._answers)
        answer = self._answers.pop(req_id)
        if isinstance(answer, ErrorReply):
            raise RefusedError(answer.reason, answer.message, answer.field, answer.amounts)
        return answer.result

    async def subscribe(self, channel: Channel, symbol: str | None = None) -> object:
        return await self.request(Subscribe(req_id=1, channel=channel, symbol=symbol))

    async def unsubscribe(self, channel: Channel, symbol: str) -> None:
        await self.request(Unsubscribe(req_id=1, channel=channel, symbol=symbol))

    async def candles(self, symbol: str, interval_ms: int) -> None:
        interval = msgspec.convert(interval_ms, IntervalMs)
        asked = Subscribe(req_id=1, channel="candles", symbol=symbol, interval_ms=interval)
        await self.request(asked)

    def _settle(self, holds: Callable[[], bool]) -> None:
        """Let the market work, at the virtual time that it is, until ``holds``."""
        env = self.market.stage.env
        while not holds():
            if env.peek() > env.now_ms:
                raise NoAnswerError("the exchange has not answered yet")
            env.step()

    # --- what a `sim.network.connection.Node` is told ---

    def link_up(self, account_state: Any) -> None:
        self._events.put_nowait(Up(self._account, self._role))

    def link_down(self) -> None:
        """Said by `lose`, when a picture wants it."""

    def receive(self, frame: Any) -> None:
        if isinstance(frame, Ack | ErrorReply):
            self._answers[frame.req_id] = frame
        else:
            self._events.put_nowait(frame)


class VirtualFarm:
    """A `tui.farm_link.FarmLink` to the market's Manager."""

    path = Path("/run/user/1000/headroom/manager.sock")

    def __init__(self, market: VirtualMarket) -> None:
        self.market = market
        self.alerts = Alerts()
        self._events: asyncio.Queue[FarmEvent | None] = asyncio.Queue(EVENTS_MAX)

    def shown(self) -> Snapshot:
        """Return all that the Manager has to show now."""
        groups = group_rows(self.market.selling)
        return snapshot(self.market.manager, self.market.now_ms, self.alerts.rows, groups)

    def show(self) -> None:
        """Let the terminal see the Manager as it is now."""
        self._events.put_nowait(self.shown())

    def lose(self) -> None:
        self._events.put_nowait(FarmGone("it closed the connection"))

    async def settled(self) -> None:
        await self._events.join()

    async def events(self) -> AsyncIterator[FarmEvent]:
        while (event := await self._events.get()) is not None:
            yield event
            self._events.task_done()

    async def request(self, message: ControlRequest) -> Any:
        match message:
            case LoadPast():
                return {"rows": [list(row) for row in self.market.past]}
            case OfferPreview(offer=keys):
                return msgspec.to_builtins(self._preview(keys))
            case _:
                raise NoAnswerError("pictures are looked at, nothing else")

    def _preview(self, keys: dict[str, Any]) -> Any:
        table = GroupTable(name="rack-7", hosts=["*"], offer=OfferTable(kind="all", price=0.0335))
        changed, offer = changed_offer(table, keys)
        _, found = self.market.selling.preview(group_of_table(changed), self.market.now_ms)
        return offer_shown(offer, found)
