"""Requests that the gateway answers itself, or does more with than pass on. Pure.

One function per message type, collected in `HANDLERS`; a type that is not there is a command and
goes straight to the engine.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from exchange import (
    channels,
    consoles,
    host_sessions,
    image_requests,
    operator_requests,
    protocol,
    questions,
    signup,
)
from exchange.auth import proves
from exchange.commands import Done, EnrollHost, Refused
from exchange.key_ends import close_revoked
from exchange.limits import CONNECTIONS_PER_ACCOUNT_MAX
from exchange.outbox import HistoryJob
from exchange.session import (
    CLOSE_BAD_LOGIN,
    CLOSE_TRY_LATER,
    Session,
)

if TYPE_CHECKING:
    from exchange.gateway import Gateway


def log_in(gateway: "Gateway", session: Session, message: protocol.Auth, now_ms: int) -> None:
    if session.role is not None:
        gateway.refuse(session, message, Refused("forbidden", "logged in already"))
        return
    if _blocked(gateway, session, message, now_ms):
        return
    key = gateway.engine.key(message.key_id)
    nonce, verify = session.nonce, gateway.verify
    if key is None or not proves(message, key, gateway.server_id, nonce, verify, now_ms):
        text = "unknown, revoked or expired key, or a wrong signature"
        gateway.refuse(session, message, Refused("bad_signature", text))
        gateway.close(session, CLOSE_BAD_LOGIN, "bad_signature")
        gateway.limits.addresses.failed(session.peer, now_ms)
        return
    if not key.host and _crowded(gateway, session, message, key.account):
        return
    session.log_in(key)
    session.minor = message.minor or 0
    gateway.known(session)
    gateway.key_ends.watch(session, key.not_after_ms)
    gateway.ack(session, message, {"account": session.account, "role": session.role})
    if session.host and session.purpose == "trade":
        host_sessions.logged_in(gateway, session, now_ms)


def _blocked(gateway: "Gateway", session: Session, message: Any, now_ms: int) -> bool:
    """Has the address guessed wrong too often? Then not even the right answer is looked at."""
    wait_ms = gateway.limits.addresses.blocked_ms(session.peer, now_ms)
    if wait_ms:
        text = "too many failed attempts from your address"
        refused = Refused("rate_limited", text, retry_after_ms=wait_ms)
        gateway.refuse(session, message, refused)
        gateway.close(session, CLOSE_TRY_LATER, text)
    return wait_ms > 0


def _crowded(gateway: "Gateway", session: Session, message: Any, account: str) -> bool:
    """Has the account all the connections it may have?"""
    # Hosts do not count: each may have one connection, and an owner any number of hosts.
    sessions = gateway.sessions.values()
    others = sum(other.account == account and not other.host for other in sessions)
    if others < CONNECTIONS_PER_ACCOUNT_MAX:
        return False
    text = f"at most {CONNECTIONS_PER_ACCOUNT_MAX} connections an account"
    gateway.refuse(session, message, Refused("busy", text))
    gateway.close(session, CLOSE_TRY_LATER, text)
    return True


def enroll(gateway: "Gateway", session: Session, message: protocol.HostEnroll, now_ms: int) -> None:
    """Only the secret's digest goes on: the journal must not hold what opens a door."""
    if _blocked(gateway, session, message, now_ms):
        return
    digest = sha256(message.token.encode()).hexdigest()
    command = EnrollHost(digest, message.name, message.hardware_id, message.public_key)
    if isinstance(gateway.command(session, command, now_ms, message), Refused):
        gateway.limits.addresses.failed(session.peer, now_ms)
    else:
        close_revoked(gateway)


# --- reads: not journalled, but answered in order ---


def statement(
    gateway: "Gateway", session: Session, message: protocol.AccountStatement, now_ms: int
) -> None:
    """Answered by the shell, behind this batch's commit."""
    job = HistoryJob(session.number, session.account, session.codec.name, message)
    gateway.jobs.append(job)


# --- VMs and hosts ---


def vm_start(gateway: "Gateway", session: Session, message: protocol.VmStart, now_ms: int) -> None:
    """One guest port has one endpoint. (Here: journals of before may hold two.)"""
    ports = message.ports or []
    if len(dict.fromkeys(ports)) < len(ports):
        refused = Refused("invalid_field", "a port is there twice", "ports")
        gateway.refuse(session, message, refused)
    else:
        gateway.command(session, message, now_ms)


def heartbeat(
    gateway: "Gateway", session: Session, message: protocol.HostHeartbeat, now_ms: int
) -> None:
    gateway.fleet.heard(session.host, message)
    host_sessions.alive(gateway, session, now_ms)


def host_done(
    gateway: "Gateway", session: Session, message: protocol.HostDone, now_ms: int
) -> None:
    gateway.instructions.confirm(session.host, message.instruction_id)


def host_synced(
    gateway: "Gateway", session: Session, message: protocol.HostSynced, now_ms: int
) -> None:
    gateway.instructions.confirm(session.host, message.instruction_id)
    gateway.command(session, message, now_ms)


def host_announce(
    gateway: "Gateway", session: Session, message: protocol.HostAnnounce, now_ms: int
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
    gateway: "Gateway", session: Session, message: protocol.HostApprove, now_ms: int
) -> None:
    """Nothing a host said while it waited was heard: let in, it is asked what it runs."""
    reply = gateway.command(session, message, now_ms)
    if isinstance(reply, Done) and not reply.duplicate:
        host_sessions.sync(gateway, message.host, now_ms)


# --- keys ---


def key_revoke(
    gateway: "Gateway", session: Session, message: operator_requests.AdminKeyRevoke, now_ms: int
) -> None:
    if isinstance(gateway.command(session, message, now_ms), Done):
        close_revoked(gateway)


Handler = Callable[["Gateway", Session, Any, int], None]


def cancel_on_disconnect(
    gateway: "Gateway", session: Session, message: protocol.OrderCancelOnDisconnect, now_ms: int
) -> None:
    """Journalled, so that a restart of the exchange counts as a drop too."""
    if isinstance(gateway.command(session, message, now_ms), Done):
        session.cancels_on_drop = message.enabled


HANDLERS: Final[dict[type[Struct], Handler]] = {
    protocol.Auth: log_in,
    protocol.HostEnroll: enroll,
    protocol.Subscribe: channels.subscribe,
    protocol.Unsubscribe: channels.unsubscribe,
    protocol.DirectorySearch: channels.search,
    protocol.AccountState: questions.account_state,
    protocol.AccountStatement: statement,
    protocol.OrderList: questions.order_list,
    protocol.OrderCancelOnDisconnect: cancel_on_disconnect,
    operator_requests.AdminBalances: questions.balances,
    protocol.AccountApply: signup.apply,
    operator_requests.AdminApplications: questions.applications,
    operator_requests.AdminApprove: signup.approve,
    operator_requests.AdminDecline: signup.decline,
    protocol.VmConsole: consoles.read,
    protocol.ConsoleText: consoles.answer,
    protocol.HostHeartbeat: heartbeat,
    protocol.HostDone: host_done,
    protocol.HostSynced: host_synced,
    protocol.HostApprove: host_approve,
    protocol.HostAnnounce: host_announce,
    protocol.VmStart: vm_start,
    operator_requests.AdminKeyRevoke: key_revoke,
    protocol.ImagePut: image_requests.put,
    protocol.ImageGet: image_requests.get,
    protocol.ImageStat: image_requests.stat,
    protocol.ImageList: questions.image_list,
    protocol.ImageDelete: image_requests.delete,
}
