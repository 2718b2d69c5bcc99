"""Joining and leaving channels: which fields each takes, who may listen, where it leads. Pure.

`CHANNELS` is the table; the streams themselves are feed, directory, fleet and account channel.
Source: protocol.md, "Public channels" and "Account channel".
"""

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct

from exchange.feed.book_stream import DEFAULT_DEPTH
from exchange.feed.candles import DEFAULT_INTERVAL_MS
from exchange.gateway import questions
from exchange.session.session import SUBSCRIPTIONS_MAX, Session
from exchange.wire import paging
from exchange.wire.requests import DirectorySearch, Subscribe, Unsubscribe
from exchange.wire.results import Refused
from exchange.wire.types import Channel

if TYPE_CHECKING:
    from exchange.gateway.gateway import Gateway

Takes: TypeAlias = Literal["no", "may", "must"]


class Shape(Struct, frozen=True):
    """What a channel asks of a `Subscribe`: a symbol, and which field is its own."""

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
_OWN_FIELDS: Final = ("depth", "interval_ms", "resume_from")


def subscribe(gateway: "Gateway", session: Session, message: Subscribe, now_ms: int) -> None:
    refused = _bad_subscription(gateway, session, message)
    if refused is not None:
        gateway.refuse(session, message, refused)
        return
    stands = _stands(gateway, session, message)
    if isinstance(stands, Refused):
        gateway.refuse(session, message, stands)
        return
    session.channels[message.channel, message.symbol or ""] = None
    gateway.ack(session, message, stands)
    gateway.known(session)
    gateway.listens(session, public=CHANNELS[message.channel].public)
    _join(gateway, session, message, now_ms)


def unsubscribe(gateway: "Gateway", session: Session, message: Unsubscribe, now_ms: int) -> None:
    if refused := _misplaced_symbol(message):
        gateway.refuse(session, message, refused)
        return
    leave(gateway, session, message.channel, message.symbol or "")
    gateway.ack(session, message)


def leave(gateway: "Gateway", session: Session, channel: Channel, symbol: str) -> None:
    """End one subscription, also one that never was."""
    _end(gateway, session, channel, symbol)
    if not any(CHANNELS[other].public for other, _ in session.channels):
        gateway.listeners.pop(session.number, None)


def _end(gateway: "Gateway", session: Session, channel: Channel, symbol: str) -> None:
    session.channels.pop((channel, symbol), None)
    if session.behind is not None:
        session.behind.forget(channel, symbol)
    feed = gateway.feed
    match channel:
        case "book":
            feed.leave_book(session, symbol)
        case "trades":
            feed.leave_trades(session, symbol)
        case "ticker":
            feed.tickers.leave(session, symbol)
        case "candles":
            feed.candles.leave(session, symbol)
        case "instruments":
            feed.leave_instruments(session)
        case "directory":
            gateway.directory.leave(session)
        case "fleet":
            gateway.fleet.leave(session)
        case "account":
            gateway.accounts.leave(session)


def forget(gateway: "Gateway", symbol: str, now_ms: int) -> None:
    """An instrument is gone, and every subscription to it; its listeners still get heartbeats."""
    for number in gateway.feed.listeners(symbol):
        for channel in OF_A_SYMBOL:
            _end(gateway, gateway.sessions[number], channel, symbol)
    gateway.feed.forget(symbol, now_ms)


def search(gateway: "Gateway", session: Session, message: DirectorySearch, now_ms: int) -> None:
    """Answer ``directory.search``: as public as the channel, but not for nothing."""
    refused = _needs_login(gateway, session, "directory")
    if refused is None and (wait_ms := gateway.directory.wait_ms(session, now_ms)):
        refused = Refused("rate_limited", "too many searches", retry_after_ms=wait_ms)
    if refused is not None:
        gateway.refuse(session, message, refused)
        return
    found = gateway.directory.search(message, now_ms)
    gateway.ack(session, message, {"hosts": found[: paging.head(found)]})


def _join(gateway: "Gateway", session: Session, message: Subscribe, now_ms: int) -> None:
    feed, symbol = gateway.feed, message.symbol or ""
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
            gateway.directory.join(session, now_ms)
        case "fleet":
            gateway.fleet.join(session)
        case "account":
            _join_account(gateway, session, message)


def _join_account(gateway: "Gateway", session: Session, message: Subscribe) -> None:
    gateway.accounts.leave(session)
    if message.resume_from is None:
        gateway.accounts.join(session)
    else:
        account_seq = gateway.engine.account_seq(session.account)
        gateway.accounts.resume(session, message.resume_from, account_seq)


def _stands(gateway: "Gateway", session: Session, message: Subscribe) -> Any:
    """Return the ack's result: of ``account`` the state from which its frames go on."""
    if message.channel != "account":
        return None
    if message.resume_from is None:
        return questions.whole_account(gateway, session.account)
    return {"account_seq": gateway.engine.account_seq(session.account)}


def _bad_subscription(gateway: "Gateway", session: Session, message: Subscribe) -> Refused | None:
    misplaced = _misplaced_symbol(message) or _misplaced_field(message)
    if refused := misplaced or _needs_login(gateway, session, message.channel):
        return refused
    if message.symbol is not None and message.symbol not in gateway.engine.symbols():
        return Refused("unknown_instrument", f"no instrument {message.symbol}", "symbol")
    key = (message.channel, message.symbol or "")
    if key not in session.channels and len(session.channels) >= SUBSCRIPTIONS_MAX:
        return Refused("too_many_subscriptions", f"at most {SUBSCRIPTIONS_MAX} a connection")
    if message.channel == "account" and message.resume_from is not None:
        account_seq = gateway.engine.account_seq(session.account)
        return gateway.accounts.too_old(session.account, message.resume_from, account_seq)
    return None


def _misplaced_symbol(message: Subscribe | Unsubscribe) -> Refused | None:
    """Refuse a symbol that the channel does not have, or the lack of one that it needs."""
    channel, takes = message.channel, CHANNELS[message.channel].symbol
    if takes == "must" and message.symbol is None:
        return Refused("invalid_field", f"{channel} needs a symbol", "symbol")
    if takes == "no" and message.symbol is not None:
        return Refused("invalid_field", f"{channel} has no symbol", "symbol")
    return None


def _misplaced_field(message: Subscribe) -> Refused | None:
    own = CHANNELS[message.channel].field
    for name in _OWN_FIELDS:
        if name != own and getattr(message, name) is not None:
            return Refused("invalid_field", f"{message.channel} has no {name}", name)
    return None


def _needs_login(gateway: "Gateway", session: Session, channel: Channel) -> Refused | None:
    public = CHANNELS[channel].public
    if session.role is None and (gateway.private or not public):
        return Refused("auth_required", "log in first")
    if session.role == "host" and not public:
        return Refused("forbidden", f"a host key has no {channel} channel")
    return None
