"""Requests that the gateway answers itself, or does more with than pass on. Pure.

One function per message type, collected in `HANDLERS`; a type that is not there is a command and
goes straight to the engine.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from exchange.gateway import channels, host_sessions, image_requests, questions
from exchange.model.commands import Done, EnrollHost, Refused
from exchange.session import consoles, sign_ups
from exchange.session.key_expiry import close_revoked
from exchange.session.limits import CONNECTIONS_PER_ACCOUNT_MAX
from exchange.session.outbox import HistoryJob
from exchange.session.session import CLOSE_BAD_LOGIN, CLOSE_TRY_LATER, Session
from exchange.wire import admin_requests, requests
from exchange.wire.login import proves

if TYPE_CHECKING:
    from exchange.gateway.gateway import Gateway


def log_in(gateway: "Gateway", session: Session, message: requests.Auth, now_ms: int) -> None:
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


def enroll(gateway: "Gateway", session: Session, message: requests.HostEnroll, now_ms: int) -> None:
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
    gateway: "Gateway", session: Session, message: requests.AccountStatement, now_ms: int
) -> None:
    """Answered by the shell, behind this batch's commit."""
    job = HistoryJob(session.number, session.account, session.codec.name, message)
    gateway.jobs.append(job)


# --- VMs and hosts ---


def vm_start(gateway: "Gateway", session: Session, message: requests.VmStart, now_ms: int) -> None:
    """One guest port has one endpoint. (Here: journals of before may hold two.)"""
    ports = message.ports or []
    if len(dict.fromkeys(ports)) < len(ports):
        refused = Refused("invalid_field", "a port is there twice", "ports")
        gateway.refuse(session, message, refused)
    else:
        gateway.command(session, message, now_ms)


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


# --- keys ---


def key_revoke(
    gateway: "Gateway", session: Session, message: admin_requests.AdminKeyRevoke, now_ms: int
) -> None:
    if isinstance(gateway.command(session, message, now_ms), Done):
        close_revoked(gateway)


Handler = Callable[["Gateway", Session, Any, int], None]


def cancel_on_disconnect(
    gateway: "Gateway", session: Session, message: requests.OrderCancelOnDisconnect, now_ms: int
) -> None:
    """Journalled, so that a restart of the exchange counts as a drop too."""
    if isinstance(gateway.command(session, message, now_ms), Done):
        session.cancels_on_drop = message.enabled


HANDLERS: Final[dict[type[Struct], Handler]] = {
    requests.Auth: log_in,
    requests.HostEnroll: enroll,
    requests.Subscribe: channels.subscribe,
    requests.Unsubscribe: channels.unsubscribe,
    requests.DirectorySearch: channels.search,
    requests.AccountState: questions.account_state,
    requests.AccountStatement: statement,
    requests.OrderList: questions.order_list,
    requests.OrderCancelOnDisconnect: cancel_on_disconnect,
    admin_requests.AdminBalances: questions.balances,
    requests.AccountApply: sign_ups.apply,
    admin_requests.AdminApplications: questions.applications,
    admin_requests.AdminApprove: sign_ups.approve,
    admin_requests.AdminDecline: sign_ups.decline,
    requests.VmConsole: consoles.read,
    requests.ConsoleText: consoles.answer,
    requests.HostHeartbeat: heartbeat,
    requests.HostDone: host_done,
    requests.HostSynced: host_synced,
    requests.HostApprove: host_approve,
    requests.HostAnnounce: host_announce,
    requests.VmStart: vm_start,
    admin_requests.AdminKeyRevoke: key_revoke,
    requests.ImagePut: image_requests.put,
    requests.ImageGet: image_requests.get,
    requests.ImageStat: image_requests.stat,
    requests.ImageList: questions.image_list,
    requests.ImageDelete: image_requests.delete,
}
