"""The real firewall holds a process by its group, as it will hold a guest's QEMU."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Final

import pytest

from hostagent.core.policy import Policy, Proxy, gid_of
from hostagent.machine.fence import Fence
from tests.e2e import surroundings as around
from tests.e2e.surroundings import Surroundings, rules_removed, surroundings

GID: Final = gid_of(f"test {os.getpid()}")
CLOSE: Final = (
    *("127.0.0.1", "127.0.0.53", "0.0.0.0", around.HOST, around.PUBLIC_HOST),  # noqa: S104
    *(around.NEIGHBOUR, around.PUBLIC_NEIGHBOUR, around.METADATA, *around.PRIVATE),
)
PROXY_BY_TCP: Final = {f"tcp {around.NEIGHBOUR}", f"tcp ::ffff:{around.NEIGHBOUR}"}
IPV6: Final = ("::1", "::ffff:127.0.0.1", f"::ffff:{around.NEIGHBOUR}")
SAYS: Final = """\
import socket, sys
kind, port, label, *addresses = sys.argv[1:]
for address in addresses:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    talk = socket.socket(family, getattr(socket, kind))
    talk.settimeout(5)
    try:
        talk.connect((address, int(port)))
        talk.send(f"{label} to {address}!".encode())
    except OSError:
        pass
    talk.close()
"""


@pytest.fixture(scope="module")
def here() -> Iterator[Surroundings]:
    with surroundings() as made:
        yield made


@contextlib.contextmanager
def held(policy: Policy) -> Iterator[Fence]:
    with rules_removed(GID):
        fence = Fence(policy)
        fence.hold()
        yield fence


def reached(here: Surroundings, label: str, gid: int = GID) -> set[str]:
    """Return where a process of group ``gid`` gets through, as ``tcp ADDRESS``."""
    addresses = (*CLOSE, *IPV6, around.INTERNET)
    for kind in ("SOCK_STREAM", "SOCK_DGRAM"):
        command = [sys.executable, "-c", SAYS, kind, str(here.port), f"{label}-{kind}", *addresses]
        subprocess.run(command, check=True, timeout=120, group=gid, extra_groups=[])
    here.settle()
    return {
        f"{word} {address}"
        for word, kind in (("tcp", "SOCK_STREAM"), ("udp", "SOCK_DGRAM"))
        for address in addresses
        if here.has_heard(f"{label}-{kind} to {address}!")
    }


def both(*addresses: str) -> set[str]:
    return {f"{word} {address}" for word in ("tcp", "udp") for address in addresses}


def test_without_the_fence_everything_is_reached(here: Surroundings) -> None:
    assert reached(here, "open") == both(*CLOSE, *IPV6, around.INTERNET)


def test_all_is_the_internet_only_and_others_are_not_held(here: Surroundings) -> None:
    with held(Policy(outbound="all", gid=GID)):
        assert reached(here, "all") == both(around.INTERNET)
        assert reached(here, "other", os.getgid()) == both(*CLOSE, *IPV6, around.INTERNET)


def test_a_proxy_is_one_port_of_one_address(here: Surroundings) -> None:
    proxy = Proxy(IPv4Address(around.NEIGHBOUR), here.port)
    with held(Policy(outbound="proxy", proxy=proxy, gid=GID)) as fence:
        assert reached(here, "proxy") == PROXY_BY_TCP
        Fence(Policy(gid=GID)).close()
        assert reached(here, "closed") == set()
        fence.hold()
        assert reached(here, "again") == PROXY_BY_TCP


def test_rules_that_were_removed_come_back(here: Surroundings) -> None:
    with held(Policy(outbound="all", gid=GID)) as fence:
        with rules_removed(GID):
            pass
        assert f"tcp {around.HOST}" in reached(here, "removed")
        fence.look()
        assert reached(here, "held") == both(around.INTERNET)


def test_an_answer_to_a_forwarded_port_passes(here: Surroundings) -> None:
    """QEMU accepts it on the loopback address; only new connections are judged."""
    serve = "import socket; s = socket.create_server(('127.0.0.1', 0)); "
    serve += "print(s.getsockname()[1], flush=True); s.accept()[0].sendall(b'page')"
    with held(Policy(outbound="all", gid=GID)):
        command = [sys.executable, "-c", serve]
        with subprocess.Popen(command, group=GID, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            with socket.create_connection(("127.0.0.1", port), 20) as visit:
                visit.settimeout(20)
                assert visit.recv(4) == b"page"
