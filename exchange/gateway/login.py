"""To be written."""

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from exchange.gateway import host_sessions
from exchange.model.commands import EnrollHost
from exchange.session.limits import CONNECTIONS_PER_ACCOUNT_MAX
from exchange.session.session import CLOSE_BAD_LOGIN, CLOSE_TRY_LATER, Session
from exchange.wire import admin_requests, requests
from exchange.wire.login import proves
from exchange.wire.results import Done, Refused

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


def key_revoke(
    gateway: "Gateway", session: Session, message: admin_requests.AdminKeyRevoke, now_ms: int
) -> None:
    if isinstance(gateway.command(session, message, now_ms), Done):
        close_revoked(gateway)


def close_expired(gateway: "Gateway", now_ms: int) -> None:
    """End the connections whose key is over."""
    for number in gateway.key_ends.due(now_ms):
        gateway.key_ends.forget(number)
        session = gateway.sessions.get(number)
        if session is not None:
            gateway.close(session, CLOSE_BAD_LOGIN, "the key has expired")


def close_revoked(gateway: "Gateway") -> None:
    """End the connections of keys that the operator or a new enrollment revoked."""
    for session in gateway.sessions.values():
        key = gateway.engine.key(session.key_id)
        if key is not None and key.revoked:
            gateway.close(session, CLOSE_BAD_LOGIN, "the key was revoked")
