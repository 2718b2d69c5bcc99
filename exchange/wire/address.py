"""Which addresses of guests can be dialed: a host tells them, and others connect to them. Pure.

The exchange refuses what nobody can dial; who dials may want less. Source: rules.md 5.9.
"""

import ipaddress
import re
from typing import Final, TypeAlias

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
# A last label of digits would be an IP address that is none.
_NAME: Final = re.compile(rf"(?=.{{1,64}}\Z)(?!(.*\.)?[0-9]+\.?\Z){_LABEL}(\.{_LABEL})*\.?\Z")
NAME_MAX: Final = 64


def ip_of(text: str) -> Ip | None:
    """Return the IP address that ``text`` is, an IPv4 one in IPv6's clothes as itself, or None."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return None
        return found.ipv4_mapped or found
    return found


def is_somebodys(ip: Ip) -> bool:
    """Tell whether ``ip`` is one machine's: nobody's, everybody's and a link's own are not."""
    nobodys = ip.is_unspecified or ip.is_multicast or ip.is_link_local
    return not nobodys and not (ip.is_reserved and ip.version == 4)


def can_be_dialed(text: str) -> bool:
    """Tell whether ``text`` is an IP address of somebody, or a host's name."""
    ip = ip_of(text)
    if ip is not None:
        return is_somebodys(ip)
    return _NAME.match(text) is not None


def guest_problem(text: str, loopback: bool) -> str:
    """Say why a Manager must not connect to a guest at ``text``; "" when it may.

    ``loopback``: the exchange runs on this machine, so a guest may too. A name is refused: what it
    means may change between the probe and the traffic.
    """
    ip = ip_of(text)
    if ip is None:
        return f"{text[:NAME_MAX]!r} is no IP address"
    if not is_somebodys(ip) or (ip.is_loopback and not loopback):
        return f"{ip} is no address of a guest"
    return ""
