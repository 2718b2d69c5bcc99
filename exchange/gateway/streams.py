"""Subscribes sessions to streams, unsubscribes them, and sends heartbeats. Pure.

`CHANNELS` is the table of the channels; the streams themselves are feed, directory, fleet and
account channel. Source: protocol.md, "Public channels" and "Account channel".
"""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from exchange.engine.engine import Engine
from exchange.feed.account_channel import AccountChannel
from exchange.feed.book_stream import DEFAULT_DEPTH
from exchange.feed.candles import DEFAULT_INTERVAL_MS
from exchange.feed.directory import Directory
from exchange.feed.feed import Feed
from exchange.feed.fleet import FleetChannel
from exchange.session.group import Group
from exchange.session.outbox import Outbox
from exchange.session.session import Session
from exchange.units import MS_PER_SECOND
from exchange.wire.requests import Subscribe
from exchange.wire.types import Channel

HEARTBEAT_MS: Final = MS_PER_SECOND

Takes: TypeAlias = Literal["no", "may", "must"]


class Shape(Struct, frozen=True):
    """What a channel needs in a `Subscribe`: a symbol or not, and its own optional field."""

    symbol: Takes = "no"
    field: str = ""
    public: bool = True


CHANNELS: Final[dict[Channel, Shape]] = {
    "book": Shape("must", "depth"),
    "trades": Shape("must"),
    "ticker": Shape("may"),
    "candles": Shape("must", "interval_ms"),
    "instruments": Shape(),
    "directory": Shape(),
    "account": Shape(field="resume_from", public=False),
    "fleet": Shape(public=False),
}
OF_A_SYMBOL: Final = tuple(name for name, shape in CHANNELS.items() if shape.symbol != "no")


class Streams:
    """All streams of one gateway, and the heartbeat for subscribers of public ones."""

    def __init__(self, engine: Engine, outbox: Outbox) -> None:
        self.feed = Feed(engine, outbox)
        self.directory = Directory(engine, outbox)
        self.fleet = FleetChannel(engine, outbox)
        self.accounts = AccountChannel(outbox)
        self._engine = engine
        self._outbox = outbox
        self._listeners = Group(("heartbeat", "", 0))
        self._heartbeat_ms: int | None = None

    def join(self, session: Session, message: Subscribe, now_ms: int) -> None:
        """Subscribe the session; the first frame it gets is a snapshot."""
        self._expect_heartbeat(now_ms)
        if CHANNELS[message.channel].public:
            self._outbox.join(self._listeners, session)
        feed, symbol = self.feed, message.symbol or ""
        match message.channel:
            case "book":
                depth = DEFAULT_DEPTH if message.depth is None else message.depth
                feed.join_book(session, symbol, depth)
            case "trades":
                feed.join_trades(session, symbol)
            case "ticker":
                feed.tickers.join(session, symbol, now_ms)
            case "candles":
                interval_ms = message.interval_ms or DEFAULT_INTERVAL_MS
                feed.candles.join(session, symbol, interval_ms, now_ms)
            case "instruments":
                feed.join_instruments(session)
            case "directory":
                self.directory.join(session, now_ms)
            case "fleet":
                self.fleet.join(session)
            case "account":
                self._join_account(session, message.resume_from)

    def leave(self, session: Session, channel: Channel, symbol: str) -> None:
        """End one subscription; does nothing when there is none."""
        self._end(session, channel, symbol)
        if not any(CHANNELS[other].public for other, _ in session.channels):
            self._outbox.leave(self._listeners, session)

    def leave_all(self, session: Session) -> None:
        for channel, symbol in list(session.channels):
            self.leave(session, channel, symbol)

    def forget(self, symbol: str, sessions: dict[int, Session], now_ms: int) -> None:
        """An instrument is gone: end every subscription to it; its subscribers still get
        heartbeats."""
        for number in self.feed.listeners(symbol):
            for channel in OF_A_SYMBOL:
                self._end(sessions[number], channel, symbol)
        self.feed.forget(symbol, now_ms)

    def listeners(self) -> list[Session]:
        """Return who has a public subscription, and so gets heartbeats."""
        return list(self._listeners.sessions.values())

    def advance(self, now_ms: int) -> None:
        """Once a second: heartbeats, and what changed in directory and fleet."""
        if self._heartbeat_ms is None or self._heartbeat_ms > now_ms:
            return
        self._heartbeat_ms = now_ms + HEARTBEAT_MS
        self.feed.heartbeat(self._listeners, now_ms)
        self.directory.tick(now_ms)
        self.fleet.tick()

    def next_deadline_ms(self) -> int | None:
        """Return when to call `advance` next, None while there are no subscribers."""
        return self._heartbeat_ms if self._ticking() else None

    def pass_over(self, now_ms: int) -> int | None:
        """Leave out the ticks before ``now_ms``; return when the next one is.

        For virtual time: a tick that has nothing to tell but that the exchange lives.
        """
        if self._heartbeat_ms is not None and self._heartbeat_ms < now_ms:
            late_ms = now_ms - self._heartbeat_ms
            self._heartbeat_ms += -(-late_ms // HEARTBEAT_MS) * HEARTBEAT_MS
        return self.next_deadline_ms()

    def _expect_heartbeat(self, now_ms: int) -> None:
        if self._heartbeat_ms is None or not self._ticking():
            self._heartbeat_ms = now_ms + HEARTBEAT_MS

    def _ticking(self) -> bool:
        return bool(self._listeners.sessions or self.fleet.groups)

    def _join_account(self, session: Session, resume_from: int | None) -> None:
        self.accounts.leave(session)
        if resume_from is None:
            self.accounts.join(session)
        else:
            account_seq = self._engine.account_seq(session.account)
            self.accounts.resume(session, resume_from, account_seq)

    def _end(self, session: Session, channel: Channel, symbol: str) -> None:
        session.channels.pop((channel, symbol), None)
        if session.behind is not None:
            session.behind.forget(channel, symbol)
        match channel:
            case "book":
                self.feed.leave_book(session, symbol)
            case "trades":
                self.feed.leave_trades(session, symbol)
            case "ticker":
                self.feed.tickers.leave(session, symbol)
            case "candles":
                self.feed.candles.leave(session, symbol)
            case "instruments":
                self.feed.leave_instruments(session)
            case "directory":
                self.directory.leave(session)
            case "fleet":
                self.fleet.leave(session)
            case "account":
                self.accounts.leave(session)
