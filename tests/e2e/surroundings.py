"""What a guest must not reach, made real: traps on this host and on a neighbour in its DMZ.

The neighbour is a network namespace behind a virtual cable. It also owns private addresses, the
cloud's metadata address, and one of the internet, to all of which this host has routes.
"""

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from hostagent.core import fence as rules

LOCK: Final = Path("/var/tmp/headroom-test-surroundings")
START_S: Final = 20.0
TRAP: Final = Path(__file__).with_name("trap.py")
HOST: Final = "10.77.76.1"
NEIGHBOUR: Final = "10.77.76.2"
PUBLIC_HOST: Final = "192.175.48.1"
PUBLIC_NEIGHBOUR: Final = "192.175.48.2"
"""The host's DMZ may have public addresses as well."""
PRIVATE: Final = ("10.9.8.7", "172.20.1.1", "192.168.77.7", "100.64.9.9")
METADATA: Final = "169.254.169.254"
INTERNET: Final = "192.31.196.10"


class Surroundings(Struct):
    """``port`` is the traps'; ``heard`` are the files of what they were sent."""

    port: int
    heard: list[Path]

    def settle(self) -> None:
        """Wait until the traps have written what reached them before: they hear in order."""
        word = f"settled {time.monotonic_ns()}"
        for address in ("127.0.0.1", NEIGHBOUR):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as talk:
                    talk.connect((address, self.port))
                    talk.send(word.encode())
        deadline = time.monotonic() + START_S
        while not all(path.read_bytes().count(word.encode()) == 2 for path in self.heard):
            assert time.monotonic() < deadline, "a trap does not hear"
            time.sleep(0.05)

    def has_heard(self, label: str) -> bool:
        return any(label.encode() in path.read_bytes() for path in self.heard)


@contextlib.contextmanager
def rules_removed(gid: int) -> Iterator[None]:
    try:
        yield
    finally:
        remove_rules(gid)


def remove_rules(gid: int) -> None:
    """As a reload of the server's own firewall does, and here also without a trace."""
    for tool in ("iptables", "ip6tables"):
        if rules.jump(gid) in _done([tool, "-w", "-S"]):
            _done([tool, "-w", *rules.jump(gid).replace("-A", "-D", 1).split()])
            _done([tool, "-w", "-F", rules.chain(gid)])
            _done([tool, "-w", "-X", rules.chain(gid)])


def _done(command: list[str]) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
    return done.stdout


@contextlib.contextmanager
def surroundings() -> Iterator[Surroundings]:
    with contextlib.ExitStack() as made:
        fcntl.flock(made.enter_context(LOCK.open("w")), fcntl.LOCK_EX)
        space = f"hr-{os.getpid()}"
        for command in _commands(space):
            _ip(*command)
            if command[0] == "netns":
                made.callback(_ip, "netns", "del", space)
        folder = Path(made.enter_context(tempfile.TemporaryDirectory()))
        port = made.enter_context(_trap([], 0, folder / "host"))
        inside = ["ip", "netns", "exec", space]
        made.enter_context(_trap(inside, port, folder / "neighbour"))
        yield Surroundings(port, [folder / "host", folder / "neighbour"])


def _commands(space: str) -> list[list[str]]:
    cable, far = f"hr{os.getpid()}", ["-n", space]
    here, there = (HOST, PUBLIC_HOST), (NEIGHBOUR, PUBLIC_NEIGHBOUR)
    beyond = (*PRIVATE, METADATA, INTERNET)
    return [
        ["netns", "add", space],
        ["link", "add", cable, "type", "veth", "peer", "name", "far0", "netns", space],
        *(["addr", "add", f"{address}/29", "dev", cable] for address in here),
        *([*far, "addr", "add", f"{address}/29", "dev", "far0"] for address in there),
        *([*far, "addr", "add", f"{address}/32", "dev", "far0"] for address in beyond),
        [*far, "link", "set", "far0", "up"],
        ["link", "set", cable, "up"],
        *(["route", "add", address, "via", NEIGHBOUR] for address in beyond),
    ]


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=20)


@contextlib.contextmanager
def _trap(inside: list[str], port: int, heard: Path) -> Iterator[int]:
    with heard.open("wb") as out:
        trap = subprocess.Popen([*inside, sys.executable, str(TRAP), str(port)], stdout=out)
    try:
        deadline = time.monotonic() + START_S
        while b"\n" not in heard.read_bytes():
            assert time.monotonic() < deadline and trap.poll() is None, "a trap does not start"
            time.sleep(0.05)
        yield int(heard.read_bytes().split(b"\n")[0])
    finally:
        trap.kill()
        trap.wait()
