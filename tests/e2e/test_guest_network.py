"""What a guest reaches, tried from inside two real guests: one is cut off, one calls out.

Every attempt says a word of its own to a trap (`surroundings`): it got through if that is heard.
Each attempt is first made while nothing fences the second guest in: there it must get through, so
that a refusal means something.
"""

import asyncio
import contextlib
import gzip
import urllib.parse
from collections.abc import AsyncIterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

import pytest
from msgspec import Struct

from exchange.client.images import pack_bundle
from hostagent.core.policy import UNLIMITED, Policy, Proxy, gid_of
from hostagent.core.ports import DestroyDomain, GuestReady, WatchGuest
from hostagent.core.rates import Rates
from hostagent.guest import cpio
from hostagent.machine.fence import Fence
from tests.e2e import surroundings as around
from tests.e2e.conftest import open_folder
from tests.e2e.surroundings import Surroundings, rules_removed, surroundings
from tests.e2e.test_real_vm import fetched, machine, spec
from tests.e2e.wait import GUEST_S, http_get

RUN: Final = """\
#!/bin/busybox sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
eval "$(httpd -d "$QUERY_STRING")" 2>&1
"""
"""Runs what it is sent, as a buyer could in a guest of his own."""


@pytest.fixture
def open_guest(tmp_path: Path, guest: Path) -> Path:
    """The bundle that `open_bundle` makes, packed."""
    pack_bundle(open_bundle(guest, tmp_path), tmp_path / "open.tar")
    return tmp_path / "open.tar"


def open_bundle(guest: Path, tmp_path: Path) -> Path:
    """A demo guest in which one can run commands, by ``/cgi-bin/run?COMMAND``; its folder."""
    more = [cpio.directory("www/cgi-bin"), cpio.file("www/cgi-bin/run", RUN.encode(), 0o755)]
    folder = tmp_path / "open"
    folder.mkdir()
    (folder / "vmlinuz").write_bytes((guest / "vmlinuz").read_bytes())
    added = gzip.compress(cpio.archive(more))
    (folder / "initrd.gz").write_bytes((guest / "initrd.gz").read_bytes() + added)
    return folder


COMMAND_S: Final = 120.0
HERE: Final = {
    "the host's loopback": "10.0.2.2",
    "the host": around.HOST,
    "the host, public address": around.PUBLIC_HOST,
    "a neighbour in the DMZ": around.NEIGHBOUR,
    "a neighbour with a public address": around.PUBLIC_NEIGHBOUR,
    "cloud metadata": around.METADATA,
    **{f"private {address}": address for address in around.PRIVATE},
}
ALL: Final = {**HERE, "the internet": around.INTERNET}


class Tried(Struct):
    """One guest, and how to have it run commands."""

    vm_id: str
    port: int

    async def run(self, command: str) -> str:
        path = "/cgi-bin/run?" + urllib.parse.quote(command)
        return (await http_get("127.0.0.1", self.port, path, COMMAND_S))[1]

    async def reaches(self, here: Surroundings, when: str) -> set[str]:
        """Try everything at once, TCP and UDP; return what got through, as ``tcp WHERE``."""
        labels = {
            f"{kind} {what}": f"{self.vm_id}-{when}-{kind}-{number}z"
            for number, what in enumerate(ALL)
            for kind in ("tcp", "udp")
        }
        tries = [
            _attempt(name[:3], ALL[name[4:]], here.port, label) for name, label in labels.items()
        ]
        await self.run(" ".join([*tries, "wait"]))
        through = {name for name, label in labels.items() if here.has_heard(label)}
        for name in labels:
            print(f"{self.vm_id} {when}: {name}: {'REACHED' if name in through else 'refused'}")
        return through


def _attempt(kind: str, address: str, port: int, label: str) -> str:
    if kind == "tcp":
        return f"(echo {label} | timeout 25 nc -w 20 {address} {port}) &"
    return f"(timeout 8 nslookup {label}.x {address}:{port}) &"


@contextlib.asynccontextmanager
async def booted(state: Path, image: Path, vm_id: str, policy: Policy) -> AsyncIterator[Tried]:
    """A guest that serves, and that nothing fences in yet; nothing of it is left afterwards."""
    here = machine(state, image, "bundle", policy, Fence(UNLIMITED))
    wanted = spec(vm_id, image, (80,))
    try:
        (endpoint,) = (await fetched(here, wanted)).endpoints
        async with asyncio.timeout(GUEST_S):
            assert await here.carry_out(WatchGuest(vm_id)) == GuestReady(vm_id)
        yield Tried(vm_id, endpoint.port)
    finally:
        await here.carry_out(DestroyDomain(vm_id))
        await here.close()


def both(names: set[str]) -> set[str]:
    return {f"{kind} {name}" for kind in ("tcp", "udp") for name in names}


def test_what_a_guest_reaches(state: Path, open_guest: Path) -> None:
    with open_folder() as other_state, surroundings() as here:
        gid = gid_of(str(state))
        free = Policy(Rates(0, 0), "all", gid=gid)

        async def story() -> None:
            async with (
                booted(other_state, open_guest, "t-cut-off", UNLIMITED) as cut_off,
                booted(state, open_guest, "t-caller", free) as caller,
            ):
                # Nothing holds it yet: every attempt is a sound one.
                assert await caller.reaches(here, "unfenced") == both(set(ALL))
                assert "<h1>t-cut-off" in await caller.run(visit(cut_off))
                Fence(free).hold()
                assert await caller.reaches(here, "all") == both({"the internet"})
                assert "<h1>" not in await caller.run(visit(cut_off))
                await reaches_its_proxy_only(caller, here, gid)
                assert await cut_off.reaches(here, "none") == set()
                assert "<h1>" not in await cut_off.run(visit(caller))

        with rules_removed(gid):
            asyncio.run(story())


def visit(other: Tried) -> str:
    """Visit another lease's guest at its forwarded port."""
    return f"(echo GET / HTTP/1.0; echo) | timeout 60 nc -w 50 10.0.2.2 {other.port}"


async def reaches_its_proxy_only(caller: Tried, here: Surroundings, gid: int) -> None:
    proxy = Proxy(IPv4Address(around.NEIGHBOUR), here.port)
    Fence(Policy(Rates(0, 0), "proxy", proxy, gid)).hold()
    assert await caller.reaches(here, "proxy") == {"tcp a neighbour in the DMZ"}
