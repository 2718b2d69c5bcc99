"""Handles requests of and about hosts that need more than an engine command. Pure.

Source: protocol.md, "Hosts".
"""

from msgspec.structs import replace

from exchange.gateway import host_sessions
from exchange.gateway.context import Context
from exchange.gateway.notes import UnknownVms
from exchange.session.session import Session
from exchange.wire import requests
from exchange.wire.results import Done


def heartbeat(
    context: Context, session: Session, message: requests.HostHeartbeat, now_ms: int
) -> None:
    context.streams.fleet.heard(session.host, message, now_ms)
    host_sessions.alive(context, session, now_ms)


def host_done(context: Context, session: Session, message: requests.HostDone, now_ms: int) -> None:
    context.instructions.confirm(session.host, message.instruction_id)


def host_synced(
    context: Context, session: Session, message: requests.HostSynced, now_ms: int
) -> None:
    """VMs with an id that was not given yet are of another copy of this journal."""
    context.instructions.confirm(session.host, message.instruction_id)
    reply = context.command(session, message, now_ms)
    unknown = sum(not context.engine.has_given(vm.vm_id) for vm in message.vms)
    if unknown and isinstance(reply, Done):
        context.notes.found(session, UnknownVms(unknown))


def host_offer(
    context: Context, session: Session, message: requests.HostOffer, now_ms: int
) -> None:
    """The row says that it keeps what it does not name; rows of earlier releases did not."""
    context.command(session, replace(message, lift=message.lift or []), now_ms, message)


def host_approve(
    context: Context, session: Session, message: requests.HostApprove, now_ms: int
) -> None:
    """Messages of a host that waited for approval were ignored: once approved, ask what it runs."""
    reply = context.command(session, message, now_ms)
    if isinstance(reply, Done) and not reply.duplicate:
        host_sessions.sync(context, message.host, now_ms)
