"""The firewall's rules: which addresses are refused, in which order, and when they still hold."""

from ipaddress import IPv4Address, ip_network

import pytest

from hostagent.core import fence
from hostagent.core.policy import FIRST_GID, GIDS, Policy, Proxy, gid_of

GID = 70_001
ALL = Policy(outbound="all", gid=GID)
PROXY = Policy(outbound="proxy", proxy=Proxy(IPv4Address("10.1.2.3"), 3128), gid=GID)
JUMP = f"-A OUTPUT -m owner --gid-owner {GID} -j HEADROOM-{GID}"
OTHER = "-A OUTPUT -m owner --gid-owner 70002 -j HEADROOM-70002"


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
        *("100.127.255.255", "127.0.0.53", "169.254.169.254", "0.0.0.1", "224.0.0.1"),
        *("239.1.1.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "198.19.255.255"),
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert _refused(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "9.9.9.9", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1"]
)
def test_what_is_public_is_not(address: str) -> None:
    assert not _refused(address)


def _refused(address: str) -> bool:
    return any(IPv4Address(address) in ip_network(network) for network in fence.NOT_PUBLIC)


def test_the_rules_of_each_policy() -> None:
    goes_on = "-p tcp ! --syn -j RETURN"
    assert fence.rules4(Policy(gid=GID), []) == [goes_on, "-j REJECT"]
    assert fence.rules4(PROXY, ["192.0.2.0/24"]) == [
        goes_on,
        "-d 10.1.2.3 -p tcp -m tcp --dport 3128 -j RETURN",
        "-j REJECT",
    ]
    rules = fence.rules4(ALL, ["8.8.8.0/24"])
    assert rules[0] == goes_on
    assert "-m addrtype --dst-type LOCAL -j REJECT" in rules
    assert rules[-1] == "-d 8.8.8.0/24 -j REJECT"
    assert fence.rules6() == ["-j REJECT"]


def test_the_chain_is_put_in_place_in_one_step_and_comes_first() -> None:
    assert fence.restore_text(GID, ["-j REJECT"], "-P OUTPUT ACCEPT\n") == (
        "*filter\n"
        f":HEADROOM-{GID} - [0:0]\n"
        f"-A HEADROOM-{GID} -j REJECT\n"
        f"-I OUTPUT 1 -m owner --gid-owner {GID} -j HEADROOM-{GID}\n"
        "COMMIT\n"
    )
    again = fence.restore_text(GID, [], f"-A OUTPUT -j ACCEPT\n{JUMP}\n{JUMP}\n")
    assert again.count(f"-D OUTPUT -m owner --gid-owner {GID} -j HEADROOM-{GID}\n") == 2


@pytest.mark.parametrize(
    ("listing", "shown"),
    [
        ([JUMP, f"-A HEADROOM-{GID} -j REJECT"], [f"-A HEADROOM-{GID} -j REJECT"]),
        ([OTHER, JUMP, f"-A HEADROOM-{GID} -j REJECT"], [f"-A HEADROOM-{GID} -j REJECT"]),
        ([JUMP, "-A OUTPUT -j ACCEPT"], []),
        (["-A OUTPUT -j ACCEPT", JUMP, f"-A HEADROOM-{GID} -j REJECT"], None),
        ([f"-N HEADROOM-{GID}", f"-A HEADROOM-{GID} -j REJECT"], None),
        (["-A OUTPUT -m owner --gid-owner 5 -j ACCEPT", JUMP], None),
        ([], None),
    ],
)
def test_rules_hold_only_where_packets_come_to_them_first(
    listing: list[str], shown: list[str] | None
) -> None:
    assert fence.in_force(GID, "\n".join(["-P OUTPUT ACCEPT", *listing])) == shown


def test_networks_without_a_gateway_are_near() -> None:
    routes = (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "eth1\t0030AFC0\t00000000\t0001\t0\t0\t0\tF8FFFFFF\t0\t0\t0\n"
        "eth0\t0A02000A\t0102000A\t0007\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n"
    )
    assert fence.near_networks(routes) == ["10.0.2.0/24", "192.175.48.0/29"]
    assert fence.near_networks("") == []


def test_agents_have_a_group_each() -> None:
    one, other = gid_of("/var/lib/headroom"), gid_of("/var/lib/other")
    assert one == gid_of("/var/lib/headroom")
    assert one != other
    assert all(FIRST_GID <= gid < FIRST_GID + GIDS for gid in (one, other))


def test_a_guest_writes_its_proxy_as_it_sees_it() -> None:
    assert Proxy(IPv4Address("127.0.0.1"), 3128).seen_by_guest() == "10.0.2.2:3128"
    assert Proxy(IPv4Address("10.1.2.3"), 8080).seen_by_guest() == "10.1.2.3:8080"
