"""Who may come in: tickets that work once, the cookies they become, and names. Pure.

Times are milliseconds of a clock that never goes back. Secrets are kept as their SHA-256, so that
how long a comparison takes tells nothing about them.
"""

import hashlib
import ipaddress
from collections.abc import Iterable
from typing import Final

TICKET_MS: Final = 10 * 60 * 1000
GRANT_MS: Final = 12 * 3600 * 1000
TICKETS_MAX: Final = 32
GRANTS_MAX: Final = 64
"""More tickets or cookies than that push out the oldest."""
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")


class Gate:
    """Knows the tickets that were printed and the cookies that they became."""

    def __init__(self) -> None:
        self._tickets: dict[str, int] = {}
        self._grants: dict[str, int] = {}

    def issue(self, ticket: str, now_ms: int) -> None:
        """Let ``ticket`` in, once."""
        _keep(self._tickets, ticket, now_ms + TICKET_MS, TICKETS_MAX)

    def redeem(self, ticket: str, cookie: str, now_ms: int) -> bool:
        """Return whether ``ticket`` is good; from now on ``cookie`` is, in its place."""
        until_ms = self._tickets.pop(_digest(ticket), 0)
        if now_ms >= until_ms:
            return False
        _keep(self._grants, cookie, now_ms + GRANT_MS, GRANTS_MAX)
        return True

    def good_until_ms(self, cookie: str, now_ms: int) -> int | None:
        """Return until when ``cookie`` is good, None when it is not."""
        until_ms = self._grants.get(_digest(cookie), 0)
        return until_ms if now_ms < until_ms else None


def _keep(secrets: dict[str, int], secret: str, until_ms: int, most: int) -> None:
    while len(secrets) >= most:
        del secrets[next(iter(secrets))]
    secrets[_digest(secret)] = until_ms


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def is_wildcard(host: str) -> bool:
    """Return whether ``host`` means every address of the machine."""
    try:
        return not host or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def authorities(
    host: str, port: int, secure: bool, names: Iterable[str] = (), loopback: bool = False
) -> list[str]:
    """Return what a browser may send as ``Host``, the one for the link first.

    ``names`` are further names of this machine, each with a port of its own or without;
    ``loopback``: only this machine reaches ``host``.
    """
    own = f"[{host}]" if ":" in host else host
    found = [_with_port(name.lower(), port, secure) for name in names]
    if not is_wildcard(host):
        found.append(_with_port(own.lower(), port, secure))
    if loopback:
        found += [_with_port(name, port, secure) for name in LOOPBACK_NAMES]
    return list(dict.fromkeys(found))


def _with_port(name: str, port: int, secure: bool) -> str:
    if ":" in name.rpartition("]")[2]:
        return name
    return name if port == (443 if secure else 80) else f"{name}:{port}"


def origin(authority: str, secure: bool) -> str:
    """Return what a page of ours sends as ``Origin``."""
    return f"{'https' if secure else 'http'}://{authority}"
