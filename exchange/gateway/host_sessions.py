"""Chooses which of a host's connections is in use, and sends it its state. Pure.

Source: protocol.md, "Hosts".
"""

from msgspec import Struct

from exchange.gateway.context import Context
from exchange.model.commands import HostLost
from exchange.session.session import Session
from exchange.wire.close_codes import CLOSE_HANDED_OVER, HANDED_OVER_REASON
from exchange.wire.instructions import HostSync
from exchange.wire.roles import REPORTS


def logged_in(context: Context, session: Session, now_ms: int) -> None:
    """A host has one connection: the newest that has reported anything.

    So a command run with a host's key does not end the agent that serves the leases.
    """
    current = context.instructions.session(session.host)
    if current is None or current.closing:
        _take_over(context, session, now_ms)
        return
    earlier = context.instructions.wait(session)
    if earlier is not None:
        context.close(earlier, CLOSE_HANDED_OVER, HANDED_OVER_REASON)
    context.instructions.send_to(session, _next_sync(context, session.host))


def host_speaks(context: Context, session: Session, message: Struct, now_ms: int) -> None:
    """A host's connection sent ``message``; its first report makes it the host's connection."""
    if session.purpose != "trade" or context.instructions.session(session.host) is session:
        return
    if type(message) in REPORTS:
        _take_over(context, session, now_ms)


def _take_over(context: Context, session: Session, now_ms: int) -> None:
    """The host's newest connection gets all it must run, then only what changes."""
    older = context.instructions.take_over(session)
    if older is not None:
        context.close(older, CLOSE_HANDED_OVER, HANDED_OVER_REASON)
    if back := context.liveness.heard(session.host, now_ms):
        context.internal(back, now_ms)
    sync(context, session.host, now_ms)


def sync(context: Context, host: str, now_ms: int) -> None:
    """Send a host all it must run, then its owner's limit."""
    first = _next_sync(context, host)
    context.instructions.send(host, first, now_ms)
    for kill in context.engine.host_kills(host, f"{first.instruction_id}-kill"):
        context.instructions.send(host, kill, now_ms)
    limit = context.engine.host_limit(host, f"{first.instruction_id}-limit")
    if limit is not None:
        context.instructions.send(host, limit, now_ms)


def alive(context: Context, session: Session, now_ms: int) -> None:
    """A sign of life. A host that returns must confirm what it runs before it offers anything."""
    if back := context.liveness.heard(session.host, now_ms):
        context.internal(back, now_ms)
        sync(context, session.host, now_ms)


def journal_silence(context: Context, now_ms: int) -> None:
    """Journal which hosts fell silent or are lost; a lost host is forgotten here."""
    for message in context.liveness.due(now_ms):
        context.internal(message, now_ms)
        if isinstance(message, HostLost):
            context.streams.fleet.forget(message.host)


def _next_sync(context: Context, host: str) -> HostSync:
    number = context.instructions.next_sync()
    return context.engine.host_sync(host, f"s-{context.engine.epoch}-{number}")
