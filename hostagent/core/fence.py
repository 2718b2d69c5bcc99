"""The firewall rules that keep guests which may call out away from the server and its networks.

Pure: text for ``iptables-restore`` and what ``iptables -S`` says afterwards. A guest's connections
leave from its QEMU process, so the rules look at that process's group. Nothing but new connections
is judged: TCP that goes on, as an answer to a forwarded port does, passes without conntrack.
Guests that call out have no IPv6, of which all is refused.
"""

import ipaddress
import re
from typing import Final

from hostagent.core.policy import Policy

NOT_PUBLIC: Final = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
"""IPv4 addresses that are nobody's on the internet."""
_ANY_JUMP: Final = re.compile(r"-A OUTPUT -m owner --gid-owner (\d+) -j HEADROOM-\1\Z")
"""Another agent's, which judges its own guests only."""
_KINDS: Final = ("LOCAL", "BROADCAST", "MULTICAST", "ANYCAST")


def chain(gid: int) -> str:
    return f"HEADROOM-{gid}"


def jump(gid: int) -> str:
    """Return the rule that sends packets of ``gid`` to its chain, as ``iptables -S`` shows it."""
    return f"-A OUTPUT -m owner --gid-owner {gid} -j {chain(gid)}"


def rules4(policy: Policy, near: list[str]) -> list[str]:
    """Return the rules for IPv4; ``near`` are the networks that the server is itself part of."""
    rules = ["-p tcp ! --syn -j RETURN"]
    if policy.outbound == "proxy" and policy.proxy is not None:
        address, port = policy.proxy.address, policy.proxy.port
        rules.append(f"-d {address} -p tcp -m tcp --dport {port} -j RETURN")
    if policy.outbound == "all":
        rules += [f"-m addrtype --dst-type {kind} -j REJECT" for kind in _KINDS]
        rules += [f"-d {network} -j REJECT" for network in (*NOT_PUBLIC, *near)]
    else:
        rules.append("-j REJECT")
    return rules


def rules6() -> list[str]:
    return ["-j REJECT"]


def restore_text(gid: int, rules: list[str], listing: str) -> str:
    """Return the input of ``iptables-restore --noflush`` that puts ``rules`` in place in one step.

    ``listing`` is what ``iptables -S`` says now: the jump is made the first rule again.
    """
    name, there = chain(gid), listing.splitlines().count(jump(gid))
    lines = ["*filter", f":{name} - [0:0]", *(f"-A {name} {rule}" for rule in rules)]
    lines += [jump(gid).replace("-A", "-D", 1)] * there
    lines += [jump(gid).replace("-A OUTPUT", "-I OUTPUT 1", 1), "COMMIT", ""]
    return "\n".join(lines)


def in_force(gid: int, listing: str) -> list[str] | None:
    """Return the lines of our chain in ``listing``; None when packets do not come to it first."""
    lines = listing.splitlines()
    for line in lines:
        if line == jump(gid):
            return [rule for rule in lines if rule.startswith(f"-A {chain(gid)} ")]
        if line.startswith("-A OUTPUT ") and not _ANY_JUMP.match(line):
            return None
    return None


def near_networks(routes: str) -> list[str]:
    """Return the networks that ``/proc/net/route`` reaches without a gateway, sorted."""
    found = set()
    for row in routes.splitlines()[1:]:
        fields = row.split()
        if len(fields) > 7 and fields[2] == "00000000" and fields[7] != "00000000":
            found.add(f"{_address(fields[1])}/{_address(fields[7])}")
    return sorted(str(ipaddress.ip_network(network, strict=False)) for network in found)


def _address(little_endian: str) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(bytes.fromhex(little_endian)[::-1])
