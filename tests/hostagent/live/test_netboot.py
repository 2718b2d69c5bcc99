"""The server of a network boot: ranges, names, addresses; and the real one over HTTP."""

import http.client
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostagent.live.menu import served_script
from hostagent.live.netboot_plan import SERVED, address, byte_range, dnsmasq

RANGES: list[tuple[str | None, tuple[int, int] | None]] = [
    (None, (0, 10)),
    ("", (0, 10)),
    ("bytes=0-3", (0, 4)),
    ("bytes=4-", (4, 10)),
    ("bytes=-3", (7, 10)),
    ("bytes=-30", (0, 10)),
    ("bytes=8-99", (8, 10)),
    ("bytes=10-", None),
    ("bytes=-0", None),
    ("bytes=5-4", None),
    ("bytes=-", (0, 10)),
    ("bytes=0-1,3-4", (0, 10)),
    ("lines=1-2", (0, 10)),
]


@pytest.mark.parametrize(("header", "span"), RANGES)
def test_a_range(header: str | None, span: tuple[int, int] | None) -> None:
    assert byte_range(header, 10) == span


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("192.0.2.1:80", ("192.0.2.1", 80)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("127.0.0.1", None),
        ("host:80", None),
        ("127.0.0.1:65536", None),
        ("127.0.0.1:-1", None),
    ],
)
def test_where_to_listen(text: str, at: tuple[str, int] | None) -> None:
    assert address(text) == at


def test_dnsmasq_answers_network_boots_only() -> None:
    command = dnsmasq("192.0.2.1", 8780, "/loaders", tftp=False, iface="eth1")
    assert "--port=0" in command
    assert "--dhcp-range=192.0.2.1,proxy" in command
    assert command[-1].endswith("http://192.0.2.1:8780/boot.ipxe")


@pytest.mark.parametrize(
    ("host", "line"),
    [
        ("192.0.2.1:8780", "set base http://192.0.2.1:8780/\n"),
        ("boot.example", "set base http://boot.example/\n"),
        (None, ""),
        ("", ""),
        ("a b", ""),
        ("x/\nshell", ""),
    ],
)
def test_the_script_finds_its_files_where_it_came_from(host: str | None, line: str) -> None:
    """Seen to fail with iPXE's own idea of the folder, which older ones do not have."""
    assert served_script("#!ipxe\nboot\n", host) == f"#!ipxe\n{line}boot\n"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, int]]:
    for name in set(SERVED) - {"boot.ipxe"}:
        (tmp_path / name).write_bytes(b"0123456789")
    (tmp_path / "boot.ipxe").write_text("#!ipxe\nboot\n")
    (tmp_path / "secret").write_text("x")
    command = [sys.executable, "-u", "-m", "headroom", "host", "serve-netboot", str(tmp_path)]
    with subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        first = server.stdout.readline()
        yield "127.0.0.1", int(first.split(":")[2].split("/")[0])
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0


def ask(at: tuple[str, int], name: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*at, timeout=10)
    connection.request(method, f"/{name}", headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_files_are_served_whole_and_in_parts_and_nothing_else_is(served: tuple[str, int]) -> None:
    assert ask(served, "vmlinuz") == (200, b"0123456789")
    assert ask(served, "vmlinuz", Range="bytes=2-4") == (206, b"234")
    assert ask(served, "vmlinuz", Range="bytes=10-")[0] == 416
    script = f"#!ipxe\nset base http://127.0.0.1:{served[1]}/\nboot\n"
    assert ask(served, "boot.ipxe") == (200, script.encode())
    assert ask(served, "vmlinuz", "HEAD") == (200, b"")
    for name in ("secret", "../secret", "", "%2e%2e/secret", "root/etc/shadow"):
        assert ask(served, name)[0] == 404
