"""Handles requests to join and leave channels and to search the directory. Pure.

Source: protocol.md, "Public channels" and "Account channel".
"""

from typing import Any, Final

from exchange.gateway import questions
from exchange.gateway.context import Context
from exchange.gateway.streams import CHANNELS
from exchange.session.session import SUBSCRIPTIONS_MAX, Session
from exchange.wire import paging
from exchange.wire.requests import DirectorySearch, Subscribe, Unsubscribe
from exchange.wire.results import Refused
from exchange.wire.types import Channel

_OWN_FIELDS: Final = tuple(shape.field for shape in CHANNELS.values() if shape.field)


def subscribe(context: Context, session: Session, message: Subscribe, now_ms: int) -> None:
    refused = _bad_subscription(context, session, message)
    if refused is not None:
        context.refuse(session, message, refused)
        return
    stands = _stands(context, session, message)
    if isinstance(stands, Refused):
        context.refuse(session, message, stands)
        return
    session.channels[message.channel, message.symbol or ""] = None
    context.ack(session, message, stands)
    context.known(session)
    context.streams.join(session, message, now_ms)


def unsubscribe(context: Context, session: Session, message: Unsubscribe, now_ms: int) -> None:
    if refused := _misplaced_symbol(message):
        context.refuse(session, message, refused)
        return
    context.streams.leave(session, message.channel, message.symbol or "")
    context.ack(session, message)


def search(context: Context, session: Session, message: DirectorySearch, now_ms: int) -> None:
    """Answer ``directory.search``: as public as the channel, but limited in rate."""
    refused = _needs_login(context, session, "directory")
    if refused is None and (wait_ms := context.streams.directory.wait_ms(session, now_ms)):
        refused = Refused("rate_limited", "too many searches", retry_after_ms=wait_ms)
    if refused is not None:
        context.refuse(session, message, refused)
        return
    found = context.streams.directory.search(message, now_ms)
    context.ack(session, message, {"hosts": found[: paging.head(found)]})


def _stands(context: Context, session: Session, message: Subscribe) -> Any:
    """Return the ack's result: of ``account`` the state from which its frames go on."""
    if message.channel != "account":
        return None
    if message.resume_from is None:
        return questions.whole_account(context, session)
    return {"account_seq": context.engine.account_seq(session.account)}


def _bad_subscription(context: Context, session: Session, message: Subscribe) -> Refused | None:
    misplaced = _misplaced_symbol(message) or _misplaced_field(message)
    if refused := misplaced or _needs_login(context, session, message.channel):
        return refused
    if message.symbol is not None and message.symbol not in context.engine.symbols():
        return Refused("unknown_instrument", f"no instrument {message.symbol}", "symbol")
    key = (message.channel, message.symbol or "")
    if key not in session.channels and len(session.channels) >= SUBSCRIPTIONS_MAX:
        return Refused("too_many_subscriptions", f"at most {SUBSCRIPTIONS_MAX} a connection")
    if message.channel == "account" and message.resume_from is not None:
        account_seq = context.engine.account_seq(session.account)
        return context.streams.accounts.too_old(session.account, message.resume_from, account_seq)
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


def _needs_login(context: Context, session: Session, channel: Channel) -> Refused | None:
    public = CHANNELS[channel].public
    if session.role is None and (context.private or not public):
        return Refused("auth_required", "log in first")
    if session.role == "host" and not public:
        return Refused("forbidden", f"a host key has no {channel} channel")
    return None
