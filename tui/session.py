"""The terminal's side of a link: listens, folds into the model, subscribes, sends the orders.

The only place where frames enter and requests leave. It never draws: it tells ``changed`` which
panes are out of date.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from msgspec import ValidationError, convert

from exchange.wire.frames import (
    LeaseUpdate,
    OrderUpdate,
    ServerMessage,
    TradesSnapshot,
    VmUpdate,
)
from exchange.wire.reasons import LATER
from exchange.wire.types import Channel
from tui.following import Following
from tui.link import AccountRead, Down, Dropped, Event, Link, NoAnswerError, RefusedError, Up
from tui.view.account import Row
from tui.view.candles import VWAP_MS
from tui.view.dealing import Order
from tui.view.desk import Desk
from tui.view.layout import Pane
from tui.view.model import Topic
from tui.view.words import refusal

ALL_PANES: Final[tuple[Pane, ...]] = (
    "head",
    "ladder",
    "tape",
    "depth",
    "instruments",
    "orders",
    "leases",
    "money",
    "ticket",
    "chart",
    "windows",
)
FOLLOWED: Final[tuple[Channel, ...]] = ("book", "trades", "candles")
"""What is followed of an instrument; candles only of one whose chart was shown."""
TOUCHES: Final[dict[Topic, tuple[Pane, ...]]] = {
    "book": ("head", "ladder", "depth", "instruments", "ticket"),
    "tape": ("head", "ladder", "tape", "instruments"),
    "candles": ("chart",),
    "account": ("ladder", "tape", "orders", "leases", "money", "ticket", "windows"),
    "instruments": ALL_PANES,
    "fleet": (),
    "connection": ("head", "ticket"),
}
ROW_TYPES: Final[tuple[tuple[str, type[OrderUpdate] | type[LeaseUpdate] | type[VmUpdate]], ...]] = (
    ("orders", OrderUpdate),
    ("leases", LeaseUpdate),
    ("vms", VmUpdate),
)


class Session:
    """Runs until the link ends. ``who`` is the account, "" before login or without a key."""

    def __init__(
        self,
        link: Link,
        desk: Desk,
        changed: Callable[[Iterable[Pane]], None],
        now_ms: Callable[[], int],
        wanted_symbol: str = "",
    ) -> None:
        self.link = link
        self.desk = desk
        self.model = desk.model
        self.who = ""
        self.role = ""
        """What the key may do: ``trader``, ``operator``; "" before login or without a key."""
        self.frames = 0
        """Frames folded since the start."""
        self._changed = changed
        self.now_ms = now_ms
        self._wanted_symbol = wanted_symbol
        self._awaited: dict[str, None] = {}
        """Instruments whose trades are still to come before the most active one is known."""
        self._provisional = ""
        """Shown until then."""
        self._followed: dict[tuple[Channel, str], None] = {}
        self._charted: dict[tuple[str, int], None] = {}
        self._following = Following(self._ask)
        self._account_read = asyncio.Event()
        """Not set while the account is being read: its frames wait, for they are newer."""
        self._account_read.set()

    async def run(self) -> None:
        """Listen until the link is closed."""
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._following.run())
            async for event in self.link.events():
                await self._take(event)
            following.cancel()

    async def _take(self, event: Event) -> None:
        """Take one event. Nothing here waits for an answer, but frames of an account not yet read:
        the next event may say that the connection is lost, or back."""
        match event:
            case AccountRead(state=state):
                self._take_account(state)
                self.model.log.read_anew(self.now_ms())
            case Up():
                self._up(event)
            case Dropped(what=what, reason=reason):
                self.desk.say(f"No longer sent: {what}: {reason}", "warn")
                self.model.log.add(self.now_ms(), "gap", what, f"No longer sent: {reason}")
            case Down():
                self._down(event)
            case _:
                if getattr(event, "account_seq", None) is not None:
                    await self._account_read.wait()
                self._frame(event)

    def _up(self, up: Up) -> None:
        who = up.who
        self.who, self.role = who, up.role
        said = f"Connected as {who}" if who else "Connected, watching only"
        self.model.log.add(self.now_ms(), "link", who, said, quiet=not self.frames)
        self.model.connection.connected(self.now_ms())
        self.desk.listen_again(self.now_ms())
        self._changed(ALL_PANES)
        if who and not self.model.account.known:
            self._following.want("account")  # first: what it has is the first that is shown
        self._following.want("instruments")

    def _down(self, down: Down) -> None:
        self.model.connection.lost(down.reason, for_good=down.for_good)
        self.desk.dealing.hold_fire()
        again = "for good" if down.for_good else "dialing again"
        why = f"Connection lost, {again}: {down.reason}"
        self.model.log.add(self.now_ms(), "link", "", why, "warn")
        self._changed(ALL_PANES)

    def _frame(self, frame: ServerMessage) -> None:
        self.frames += 1
        now_ms = self.now_ms()
        topic, symbol = self.model.apply(frame, now_ms)
        if symbol and symbol != self.desk.symbol and topic in ("book", "tape"):
            self._changed(("instruments", "windows"))
        elif topic != "candles" or symbol == self.desk.symbol:
            self._changed(TOUCHES[topic])
        if self.desk.listen_again(now_ms):
            self._changed(("ticket",))
        if topic == "instruments":
            self._follow_instruments()
        if isinstance(frame, TradesSnapshot) and frame.symbol in self._awaited:
            del self._awaited[frame.symbol]
            self._show_most_active()

    def _follow_instruments(self) -> None:
        if not self.desk.symbol:
            self._show_first()
        self._forget_settled()
        for symbol in filter(None, (self.desk.symbol, *self.model.watched())):
            self._want(symbol)

    def _forget_settled(self) -> None:
        """What is over, not shown and not held is followed no longer; see `_ask`."""
        for symbol in self.model.forget_settled(self.desk.symbol):
            self.desk.grids.pop(symbol, None)
            self.model.drop(symbol)
            for channel in FOLLOWED:
                self._following.want(channel, symbol)

    def _want(self, symbol: str) -> None:
        """Have the book and the trades of an instrument followed, and the candles of the chart."""
        for channel in FOLLOWED[:2]:
            if (channel, symbol) not in self._followed:
                self._following.want(channel, symbol)
        if symbol == self.desk.symbol:
            self._following.want("candles")

    def _show_first(self) -> None:
        """Show what was asked for, else what the account has something in, else the liveliest."""
        wanted, model = self._wanted_symbol, self.model
        if wanted and wanted not in model.instruments:
            self.desk.say(f"There is no instrument {wanted}.", "warn")
        listed = [item.symbol for item in model.listed()]
        own = [symbol for symbol in (wanted, *model.account.symbols()) if symbol in listed]
        if not own:
            self._awaited = dict.fromkeys(model.watched())
            self._provisional = (list(self._awaited) or listed or [""])[0]
        self._select((own or [self._provisional])[0])

    def _show_most_active(self) -> None:
        """Leave the provisional choice for the most active one, unless the trader has begun."""
        begun = self.desk.dealing.ticket.stage != "idle" or self.desk.dealing.prompt() is not None
        if self._awaited or begun or self.desk.symbol != self._provisional:
            return
        busiest = max(self.model.watched(), key=self.model.activity)
        if self.model.activity(busiest) > self.model.activity(self.desk.symbol):
            self._select(busiest)
            self._want(busiest)

    def _select(self, symbol: str) -> bool:
        if symbol not in self.model.instruments:
            return False
        self.desk.select(symbol)
        self._changed(ALL_PANES)
        return True

    async def show(self, symbol: str) -> None:
        """Select an instrument and follow its book and trades."""
        if self._select(symbol):
            await self._follow("book", symbol)
            await self._follow("trades", symbol)
            await self.chart()

    async def chart(self) -> None:
        """Follow the candles that the chart of the selected instrument needs."""
        for key in ((self.desk.symbol, self.desk.interval_ms), (self.desk.symbol, VWAP_MS)):
            if key in self._charted:
                continue
            self._charted[key] = None
            try:
                await self.link.candles(*key)
            except (RefusedError, NoAnswerError):
                self._charted.pop(key, None)  # asked for again when it is shown again

    async def follow_fleet(self) -> None:
        """Follow the account's own hosts; to be called again until it was confirmed once."""
        if self.who and self.model.connection.phase == "up":
            await self._follow("fleet")

    async def listen(self, channel: Channel) -> None:
        """Follow a public channel; to be called again until something came."""
        if self.model.connection.phase == "up":
            await self._follow(channel)

    async def _ask(self, channel: Channel, symbol: str) -> None:
        """Subscribe to what is wanted; what fails is wanted again when the connection is back.

        What has been forgotten meanwhile is not wanted any more: its subscription ends.
        """
        if symbol and symbol not in self.model.instruments:
            await self._end(channel, symbol)
            return
        match channel:
            case "account":
                await self._read_account()
            case "candles":
                await self.chart()
            case _:
                await self._follow(channel, symbol)

    async def _end(self, channel: Channel, symbol: str) -> None:
        """End a subscription, if there is one, and let go of what it still brought."""
        charted = [key for key in self._charted if key[0] == symbol and channel == "candles"]
        for key in charted:
            del self._charted[key]
        followed = (channel, symbol) in self._followed
        self._followed.pop((channel, symbol), None)
        if followed or charted:
            with suppress(RefusedError, NoAnswerError):  # it is gone all the same
                await self.link.unsubscribe(channel, symbol)
        if symbol not in self.model.instruments:
            self.model.drop(symbol)

    async def _read_account(self) -> None:
        self._account_read.clear()
        try:
            state = await self._follow("account")
            if state is not None:
                self._take_account(state)
        finally:
            self._account_read.set()

    async def _follow(self, channel: Channel, symbol: str = "") -> object:
        """Subscribe once; returns the ack's result, None when there was none to have."""
        if (channel, symbol) in self._followed:
            return None
        self._followed[channel, symbol] = None
        try:
            return await self.link.subscribe(channel, symbol or None)
        except RefusedError as refused:
            self.desk.say(refusal(refused.why), "warn")
            if refused.why.reason in LATER:
                self._followed.pop((channel, symbol), None)
        except NoAnswerError:
            # The link dropped; what was not confirmed is asked for again once it is up.
            self._followed.pop((channel, symbol), None)
        return None

    def _take_account(self, result: object) -> None:
        assert isinstance(result, dict), "account.state answers with an object"
        balances = result["balances"]
        rows: list[Row] = []
        try:
            for name, row_type in ROW_TYPES:
                rows += [convert(row, row_type) for row in result[name]]
        except ValidationError as error:
            self.desk.say(f"The exchange's account state cannot be read: {error}", "warn")
            return
        self.model.account.reset(balances["available_ucr"], balances["held_ucr"], rows)
        self._changed(ALL_PANES)

    async def send(self, orders: list[Order]) -> None:
        """Send ``orders`` side by side; the desk learns what became of each."""
        await asyncio.gather(*(self._send_one(order) for order in orders))
        self._changed(ALL_PANES)

    async def _send_one(self, order: Order) -> None:
        try:
            result = await self.link.request(order)
        except RefusedError as refused:
            self.desk.refused(order, refused.why)
            self._log_refusal()
        except NoAnswerError:
            self.desk.unanswered(order)
            self._log_refusal()
        else:
            self.desk.answered(order, result)

    def _log_refusal(self) -> None:
        """Keep what the desk has just said: the next message takes its place."""
        said = self.model.message
        if said is not None:
            self.model.log.add(self.now_ms(), "refusal", "", said.text, said.ink)
