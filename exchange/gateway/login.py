"""Handles logins and enrollment, and closes connections whose key ends. Pure.

An address that failed too often is refused before its login is checked. Source: protocol.md,
"Login"; security.md, "Who is who".
"""

from hashlib import sha256
from typing import Any

from exchange.gateway import host_sessions
from exchange.gateway.context import Context
from exchange.model.commands import EnrollHost
from exchange.session.limits import CONNECTIONS_PER_ACCOUNT_MAX
from exchange.session.session import Session
from exchange.wire import admin_requests, requests
from exchange.wire.close_codes import CLOSE_BAD_LOGIN, CLOSE_TRY_LATER
from exchange.wire.login import proves
from exchange.wire.results import Done, Refused


def log_in(context: Context, session: Session, message: requests.Auth, now_ms: int) -> None:
    if session.role is not None:
        context.refuse(session, message, Refused("forbidden", "logged in already"))
        return
    if _blocked(context, session, message, now_ms):
        return
    key = context.engine.key(message.key_id)
    nonce, verify = session.nonce, context.verify
    if key is None or not proves(message, key, context.server_id, nonce, verify, now_ms):
        text = "unknown, revoked or expired key, or a wrong signature"
        context.refuse(session, message, Refused("bad_signature", text))
        context.close(session, CLOSE_BAD_LOGIN, "bad_signature")
        context.limits.addresses.failed(session.peer, now_ms)
        return
    if not key.host and _crowded(context, session, message, key.account):
        return
    session.log_in(key.key_id, key.account, key.role, key.host or "", message.minor or 0)
    context.known(session)
    context.key_expiry.watch(session, key.not_after_ms)
    who = {"account": session.account, "role": session.role}
    context.ack(session, message, who | ({"host": session.host} if session.host else {}))
    if session.host and session.purpose == "trade":
        host_sessions.logged_in(context, session, now_ms)


def _blocked(context: Context, session: Session, message: Any, now_ms: int) -> bool:
    """Return whether the address failed too often. Then even a correct login is refused."""
    wait_ms = context.limits.addresses.blocked_ms(session.peer, now_ms)
    if wait_ms:
        text = "too many failed attempts from your address"
        refused = Refused("rate_limited", text, retry_after_ms=wait_ms)
        context.refuse(session, message, refused)
        context.close(session, CLOSE_TRY_LATER, text)
    return wait_ms > 0


def _crowded(context: Context, session: Session, message: Any, account: str) -> bool:
    """Return whether the account has as many connections as it may have."""
    # Hosts do not count: each may have one connection, and an owner any number of hosts.
    sessions = context.sessions.values()
    others = sum(other.account == account and not other.host for other in sessions)
    if others < CONNECTIONS_PER_ACCOUNT_MAX:
        return False
    text = f"at most {CONNECTIONS_PER_ACCOUNT_MAX} connections an account"
    context.refuse(session, message, Refused("busy", text))
    context.close(session, CLOSE_TRY_LATER, text)
    return True


def enroll(context: Context, session: Session, message: requests.HostEnroll, now_ms: int) -> None:
    """Pass on only the secret's digest: the journal must not hold a usable secret."""
    if _blocked(context, session, message, now_ms):
        return
    digest = sha256(message.token.encode()).hexdigest()
    server = message.name, message.hardware_id, message.public_key
    command = EnrollHost(digest, *server, message.take_over)
    if isinstance(context.command(session, command, now_ms, message), Refused):
        context.limits.addresses.failed(session.peer, now_ms)
    else:
        close_revoked(context)


def key_revoke(
    context: Context, session: Session, message: admin_requests.AdminKeyRevoke, now_ms: int
) -> None:
    if isinstance(context.command(session, message, now_ms), Done):
        close_revoked(context)


def close_expired(context: Context, now_ms: int) -> None:
    """Close the connections whose key has expired."""
    for number in context.key_expiry.due(now_ms):
        context.key_expiry.forget(number)
        session = context.sessions.get(number)
        if session is not None:
            context.close(session, CLOSE_BAD_LOGIN, "the key has expired")


def close_revoked(context: Context) -> None:
    """Close the connections of keys that the operator or a new enrollment revoked."""
    for session in context.sessions.values():
        key = context.engine.key(session.key_id)
        if key is not None and key.revoked:
            context.close(session, CLOSE_BAD_LOGIN, "the key was revoked")
