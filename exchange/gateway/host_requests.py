"""To be written."""

from typing import TYPE_CHECKING

from exchange.gateway import host_sessions
from exchange.session.session import Session
from exchange.wire import requests
from exchange.wire.results import Done, Refused

if TYPE_CHECKING:
    from exchange.gateway.gateway import Gateway


def heartbeat(
    gateway: "Gateway", session: Session, message: requests.HostHeartbeat, now_ms: int
) -> None:
    gateway.fleet.heard(session.host, message)
    host_sessions.alive(gateway, session, now_ms)


def host_done(
    gateway: "Gateway", session: Session, message: requests.HostDone, now_ms: int
) -> None:
    gateway.instructions.confirm(session.host, message.instruction_id)


def host_synced(
    gateway: "Gateway", session: Session, message: requests.HostSynced, now_ms: int
) -> None:
    gateway.instructions.confirm(session.host, message.instruction_id)
    gateway.command(session, message, now_ms)


def host_announce(
    gateway: "Gateway", session: Session, message: requests.HostAnnounce, now_ms: int
) -> None:
    """What a host cannot have it cannot sell. (Here: journals of before may hold it.)"""
    for name in message.capacity.__struct_fields__:
        most = getattr(message.capacity, name)
        if getattr(message.offered, name) > most:
            text = f"more than the host's capacity, {most}"
            gateway.refuse(session, message, Refused("invalid_field", text, f"offered.{name}"))
            return
    gateway.command(session, message, now_ms)


def host_approve(
    gateway: "Gateway", session: Session, message: requests.HostApprove, now_ms: int
) -> None:
    """Nothing a host said while it waited was heard: let in, it is asked what it runs."""
    reply = gateway.command(session, message, now_ms)
    if isinstance(reply, Done) and not reply.duplicate:
        host_sessions.sync(gateway, message.host, now_ms)
