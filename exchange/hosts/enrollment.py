"""Hosts join: the owner's tokens, enrollment under a key of the host's own, and approval.

Source: rules.md 6.2; protocol.md, "Hosts".
"""

from exchange.model import newer_rules
from exchange.model.account import Account
from exchange.model.capacity import Host
from exchange.model.commands import Command, EnrollHost
from exchange.model.records import Key, Token
from exchange.model.state import State
from exchange.wire.requests import HostApprove, HostToken
from exchange.wire.results import Done, Refused

MAX_TOKENS = 1_000
"""Tokens an account may have that have not expired."""


def token(state: State, command: Command, request: HostToken) -> Done | Refused:
    """The owner allows enrollment by a secret known only by its digest."""
    if request.zone not in state.zones:
        return Refused("invalid_field", f"no zone {request.zone!r}", "zone")
    known = state.tokens.get(request.token_sha256)
    if known is not None and (known.account, known.zone) == (command.account, request.zone):
        return Done({"expires_ms": known.expires_ms}, duplicate=True)
    if known is not None:
        return Refused("invalid_field", "this token was announced before", "token_sha256")
    if sum(1 for t in state.tokens.values() if t.account == command.account) >= MAX_TOKENS:
        return Refused("quota_exceeded", f"at most {MAX_TOKENS} tokens that have not expired")
    expires_ms = state.now_ms + request.ttl_s * 1000
    state.tokens[request.token_sha256] = Token(
        command.account, request.zone, request.uses, request.uses == 1, expires_ms
    )
    return Done({"expires_ms": expires_ms})


def enroll(state: State, command: Command, request: EnrollHost) -> Done | Refused:
    """A server joins under its own key; the same hardware keeps its host id."""
    known = state.keys.get(state.key_ids.get(request.public_key, ""))
    if known is not None:
        return _enrolled_before(state, known, request)
    found = state.tokens.get(request.token_sha256)
    if found is None or not found.uses_left or found.expires_ms <= state.now_ms:
        return Refused("bad_token", "the token is unknown, used up or too old", "token")
    account = state.ledger.accounts[found.account]
    host = next((h for h in account.every_host() if h.hardware_id == request.hardware_id), None)
    refused = newer_rules.hardware_is_known(state, request)
    if refused is None and host is not None:
        refused = newer_rules.live_host_stays(state, host, request)
    if refused is not None:
        return refused
    found.uses_left -= 1
    if host is None:
        host = _add_host(state, account, found, request)
    else:
        state.keys[host.key_id].revoked = True
        host.name = request.name
    state.counters.key += 1
    host.key_id = f"k-{state.counters.key}"
    state.keys[host.key_id] = Key(
        host.key_id, account.account_id, "host", request.public_key, host.host_id
    )
    state.key_ids[request.public_key] = host.key_id
    if found.one_time:
        _approve(host)
    return Done(_joined(state, host))


def _add_host(state: State, account: Account, found: Token, request: EnrollHost) -> Host:
    state.counters.host += 1
    host = Host(
        state.counters.host,
        account.account_id,
        request.name,
        found.zone,
        request.hardware_id,
        key_id="",
    )
    account.hosts.setdefault(host.zone, []).append(host)
    state.hosts[host.host_id] = host
    return host


def _enrolled_before(state: State, known: Key, request: EnrollHost) -> Done | Refused:
    """A repeated enrollment gets the same answer, and is told so; any other use of the key is
    refused."""
    host = state.hosts.get(known.host)
    if host is None or host.hardware_id != request.hardware_id or known.revoked:
        return Refused("invalid_field", "this public key is in use", "public_key")
    return Done(_joined(state, host) | {"duplicate": True}, duplicate=True)


def _joined(state: State, host: Host) -> dict[str, str | bool]:
    """Return the result of an enrollment; ``again``: it replaced an earlier key of the host."""
    keys = [key for key in state.keys.values() if key.host == host.host_id]
    return {**_enrollment(host), "again": len(keys) > 1}


def _enrollment(host: Host) -> dict[str, str]:
    status = "pending" if host.status == "pending" else "approved"
    return {"host": host.host_id, "key_id": host.key_id, "status": status}


def _approve(host: Host) -> None:
    if host.status == "pending":
        host.status = "syncing"


def approve(state: State, command: Command, request: HostApprove) -> Done | Refused:
    """The owner approves a host that enrolled with a token of many uses."""
    host = owned(state, command, request.host)
    if isinstance(host, Refused):
        return host
    unchanged = host.status != "pending"
    _approve(host)
    return Done(_enrollment(host), duplicate=unchanged)


def owned(state: State, command: Command, host_id: str) -> Host | Refused:
    """Return a host of the commanding account."""
    host = state.hosts.get(host_id)
    if host is None or host.account_id != command.account:
        return Refused("unknown_host", f"you have no host {host_id!r}", "host")
    return host
