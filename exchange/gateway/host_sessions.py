"""Which of a host's connections counts, and what it is told when that changes. Pure.

Source: protocol.md, "Hosts".
"""

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from exchange.model.commands import HostLost
from exchange.session.session import CLOSE_POLICY, Session
from exchange.wire.frames import HostSync
from exchange.wire.roles import REPORTS

if TYPE_CHECKING:
    from exchange.gateway.gateway import Gateway

LOGGED_IN_AGAIN: Final = "the host logged in again"


def logged_in(gateway: "Gateway", session: Session, now_ms: int) -> None:
    """A host has one connection: the newest that has reported anything.

    So a command run with a host's key does not end the agent that serves the leases.
    """
    current = gateway.instructions.session(session.host)
    if current is None or current.closing:
        _take_over(gateway, session, now_ms)
        return
    earlier = gateway.instructions.wait(session)
    if earlier is not None:
        gateway.close(earlier, CLOSE_POLICY, LOGGED_IN_AGAIN)
    gateway.instructions.tell(session, _next_sync(gateway, session.host))


def host_speaks(gateway: "Gateway", session: Session, message: Struct, now_ms: int) -> None:
    """A host's connection sends ``message``; with its first report it takes the host over."""
    if session.purpose != "trade" or gateway.instructions.session(session.host) is session:
        return
    if type(message) in REPORTS:
        _take_over(gateway, session, now_ms)


def _take_over(gateway: "Gateway", session: Session, now_ms: int) -> None:
    """The host's newest connection gets all it must run, then only what changes."""
    older = gateway.instructions.take_over(session)
    if older is not None:
        gateway.close(older, CLOSE_POLICY, LOGGED_IN_AGAIN)
    if back := gateway.liveness.heard(session.host, now_ms):
        gateway.internal(back, now_ms)
    sync(gateway, session.host, now_ms)


def sync(gateway: "Gateway", host: str, now_ms: int) -> None:
    """Send a host all it must run, then its owner's limit."""
    first = _next_sync(gateway, host)
    gateway.instructions.send(host, first, now_ms)
    for kill in gateway.engine.host_kills(host, f"{first.instruction_id}-kill"):
        gateway.instructions.send(host, kill, now_ms)
    limit = gateway.engine.host_limit(host, f"{first.instruction_id}-limit")
    if limit is not None:
        gateway.instructions.send(host, limit, now_ms)


def alive(gateway: "Gateway", session: Session, now_ms: int) -> None:
    """A sign of life; a host heard again must agree on what it runs before it offers anything."""
    if back := gateway.liveness.heard(session.host, now_ms):
        gateway.internal(back, now_ms)
        sync(gateway, session.host, now_ms)


def tell_silence(gateway: "Gateway", now_ms: int) -> None:
    """Journal who fell silent and who is lost; of a lost host nothing is kept here."""
    for message in gateway.liveness.due(now_ms):
        gateway.internal(message, now_ms)
        if isinstance(message, HostLost):
            gateway.fleet.forget(message.host)


def _next_sync(gateway: "Gateway", host: str) -> HostSync:
    number = gateway.instructions.next_sync()
    return gateway.engine.host_sync(host, f"s-{gateway.engine.epoch}-{number}")
